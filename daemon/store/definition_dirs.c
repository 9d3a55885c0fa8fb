/* SPDX-License-Identifier: Apache-2.0 */
#include "store/definition.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/directory.h"
#include "base/trust.h"
#include "store/definition_read.h"

#define FILES_MAX 65536 /* far more than there are FF-A ids */

struct file {
	char name[VM_NAME_MAX + sizeof(".json")];
	size_t directory;
};

struct files {
	struct file *file;
	size_t count, size;
};

struct loading {
	const char *const *directories;
	const uint8_t *machine_id;
	int (*each)(void *ctx, const struct definition_file *file, struct vm_definition *definition,
		const struct definition_error *err);
	void *ctx;
};

static void free_files(struct files *f)
{
	free(f->file);
}

static void close_dirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* `vm`: whose the file is by its name. */
static int complain(const struct loading *l, const char *directory, const char *name, const char *vm, const char *what)
{
	struct definition_error err = { 0 };
	char path[4096];

	(void)snprintf(err.message, sizeof(err.message), "%s", what);
	(void)snprintf(err.text, sizeof(err.text), "%.160s/%.80s: %.128s", directory, name, what);
	(void)snprintf(path, sizeof(path), "%s%s%s", directory, *name ? "/" : "", name);
	return l->each(l->ctx, &(struct definition_file) { path, vm }, NULL, &err);
}

/* The length of NAME in NAME.json; 0: it is no such file name, an editor's copy perhaps. */
static size_t stem(const char *name)
{
	size_t length = strlen(name);

	return length > 5 && name[0] != '.' && strcmp(name + length - 5, ".json") == 0 ? length - 5 : 0;
}

static int remember(struct files *f, const char *name, size_t directory)
{
	if (f->count == f->size) {
		size_t size = f->size ? f->size * 2 : 64;
		struct file *file = f->count < FILES_MAX ? realloc(f->file, size * sizeof(*file)) : NULL;

		if (!file)
			return -ENOMEM;
		f->file = file;
		f->size = size;
	}
	strcpy(f->file[f->count].name, name);
	f->file[f->count++].directory = directory;
	return 0;
}

/* In a directory of theirs others may link a file of root to a name of their own. */
static const char *is_not_trusted(DIR *d)
{
	struct stat st;

	if (fstat(dirfd(d), &st) < 0)
		return strerror(errno);
	if (!stat_is_trusted(&st))
		return "another user owns the directory, or anybody may write there; give it to root, mode 0755";
	return NULL;
}

static int list_directory(const struct loading *l, size_t index, struct files *f)
{
	const char *what, *path = l->directories[index];
	_cleanup_(close_dirp) DIR *d = opendir(path);
	struct dirent *entry;
	int e = 0, r = 0;

	if (!d)
		return errno == ENOENT ? 0 : complain(l, path, "", NULL, strerror(errno));
	what = is_not_trusted(d);
	if (what)
		return complain(l, path, "", NULL, what);
	while (e == 0 && (r = directory_next(d, &entry)) == 1) {
		size_t length = stem(entry->d_name);

		if (length && !parse_name(entry->d_name, length))
			e = complain(l, path, entry->d_name, "",
				"the file is not named after a VM; rename it to NAME.json");
		else if (length)
			e = remember(f, entry->d_name, index);
	}
	return r < 0 ? complain(l, path, "", NULL, strerror(-r)) : e;
}

/* Names in order; of one name, the last directory first. */
static int compare_files(const void *a, const void *b)
{
	const struct file *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : (y->directory > x->directory) - (y->directory < x->directory);
}

static bool is_null_device(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

/* Non-blocking, for a FIFO must not hold the daemon; links may point to files elsewhere, as those of units
 * may. */
static ssize_t read_file(const char *path, char text[DEFINITION_TEXT_MAX + 1], const char **ret_what)
{
	_cleanup_(close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	ssize_t n, length = 0;

	if (fd < 0 || fstat(fd, &st) < 0) {
		*ret_what = strerror(errno);
		return -1;
	}
	if (!S_ISREG(st.st_mode)) {
		*ret_what = is_null_device(&st) ? NULL : "not a regular file";
		return -1;
	}
	if (!stat_is_trusted(&st)) {
		*ret_what = "another user owns it, or anybody may write to it; give it to root, mode 0644";
		return -1;
	}
	do {
		n = read(fd, text + length, (size_t)(DEFINITION_TEXT_MAX + 1 - length));
		length += n > 0 ? n : 0;
	} while (n > 0 && length <= DEFINITION_TEXT_MAX);
	*ret_what = n < 0 ? strerror(errno) : NULL;
	return n < 0 ? -1 : length;
}

static int load_text(const struct loading *l, const struct file *file, const char *path, const char *vm, const char *text,
	size_t length)
{
	const struct definition_file of = { path, vm };
	_cleanup_(freep) struct vm_definition *d = NULL;
	struct definition_error err;
	int e = definition_parse(text, length, path, l->machine_id, &d, &err);

	if (e == -EBADMSG)
		return l->each(l->ctx, &of, NULL, &err);
	if (e < 0)
		return e;
	if (strlen(d->name) != stem(file->name) || strncmp(d->name, file->name, stem(file->name)) != 0) {
		char what[192];

		(void)snprintf(
			what, sizeof(what), "name: \"%s\" in this file; rename the file or the VM", d->name);
		return complain(l, l->directories[file->directory], file->name, vm, what);
	}
	d->from_file = (uint8_t)(1 + file->directory);
	return l->each(l->ctx, &of, take_ptr(&d), NULL);
}

static int load_file(const struct loading *l, const struct file *file, char text[DEFINITION_TEXT_MAX + 1])
{
	const char *what, *directory = l->directories[file->directory];
	char path[4096], vm[VM_NAME_MAX + 1] = "";
	ssize_t length;

	memcpy(vm, file->name, stem(file->name));
	if (snprintf(path, sizeof(path), "%s/%s", directory, file->name) >= (int)sizeof(path))
		return complain(l, directory, file->name, vm, strerror(ENAMETOOLONG));
	length = read_file(path, text, &what);
	if (length >= 0)
		return load_text(l, file, path, vm, text, (size_t)length);
	return what ? complain(l, directory, file->name, vm, what) : 0;
}

int definition_load_dirs(const char *const *directories, size_t count, const uint8_t machine_id[16],
	int (*each)(void *ctx, const struct definition_file *file, struct vm_definition *definition,
		const struct definition_error *err),
	void *ctx)
{
	const struct loading l = { directories, machine_id, each, ctx };
	_cleanup_(freep) char *text = malloc(DEFINITION_TEXT_MAX + 1);
	_cleanup_(free_files) struct files f = { 0 };
	int e = text ? 0 : -ENOMEM;

	for (size_t i = 0; e == 0 && i < count; i++)
		e = list_directory(&l, i, &f);
	if (f.count)
		qsort(f.file, f.count, sizeof(f.file[0]), compare_files);
	for (size_t i = 0; e == 0 && i < f.count; i++)
		if (i == 0 || strcmp(f.file[i].name, f.file[i - 1].name) != 0)
			e = load_file(&l, &f.file[i], text);
	return e;
}
