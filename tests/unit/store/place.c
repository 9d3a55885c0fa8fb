/* SPDX-License-Identifier: Apache-2.0 */
#include "place.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

int place_make(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->path, access("/dev/shm", W_OK) == 0 ? "/dev/shm/store-XXXXXX" : "/tmp/store-XXXXXX");
	if (!mkdtemp(p->path))
		return -1;
	*state = p;
	return 0;
}

static void remove_tree(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *entry;

	while (d && (entry = readdir(d))) {
		char inner[512];

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		(void)snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
		if (unlink(inner) < 0)
			remove_tree(inner);
	}
	if (d)
		closedir(d);
	(void)rmdir(path);
}

int place_remove(void **state)
{
	struct place *p = *state;

	remove_tree(p->path);
	free(p);
	return 0;
}

const char *place_path(struct place *p, const char *name)
{
	static char path[8][256];
	static unsigned next;
	char *at = path[next++ % 8];

	(void)snprintf(at, sizeof(path[0]), "%s/%s", p->path, name);
	return at;
}

void place_write(struct place *p, const char *name, const void *data, size_t length)
{
	int fd = open(place_path(p, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, length), length);
	close(fd);
}

char *place_read(struct place *p, const char *name, size_t *ret_length)
{
	int fd = open(place_path(p, name), O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *data;

	if (fd < 0)
		return NULL;
	assert_int_equal(fstat(fd, &st), 0);
	data = calloc(1, (size_t)st.st_size + 1);
	assert_int_equal(read(fd, data, (size_t)st.st_size), st.st_size);
	close(fd);
	*ret_length = (size_t)st.st_size;
	return data;
}

bool place_has(struct place *p, const char *name)
{
	return access(place_path(p, name), F_OK) == 0;
}

void place_copy(struct place *p, const char *from, const char *to)
{
	size_t length;
	char *data = place_read(p, from, &length);

	assert_non_null(data);
	place_write(p, to, data, length);
	free(data);
}
