/* SPDX-License-Identifier: Apache-2.0 */

/* define: a file's text goes to the daemon as it is; the daemon checks it. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "output.h"

#define DEFINITION_MAX (64u << 10)

static void close_p(int *fd)
{
	if (*fd > STDIN_FILENO)
		close(*fd);
}

/* At most one byte more than is allowed: enough to see that it is too much. */
static ssize_t read_text(int fd, char *text, size_t size)
{
	size_t at = 0;

	while (at < size) {
		ssize_t n = read(fd, text + at, size - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		at += (size_t)n;
	}
	return (ssize_t)at;
}

static int read_definition(const char *path, char *text)
{
	_cleanup_(close_p) int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -errno : read_text(fd, text, DEFINITION_MAX + 1);

	if (n < 0)
		return cli_say_error("define: cannot read %s: %s", path, strerror((int)-n));
	if ((size_t)n > DEFINITION_MAX) {
		(void)cli_say_error("define: %s has more than the %u KiB a definition may have", path, DEFINITION_MAX >> 10);
		return lifecycle_refusal_exit_code(LIFECYCLE_REFUSED_INVALID_DEFINITION);
	}
	if (memchr(text, '\0', (size_t)n)) {
		(void)cli_say_error("define: %s has a zero byte: it is no JSON text", path);
		return lifecycle_refusal_exit_code(LIFECYCLE_REFUSED_INVALID_DEFINITION);
	}
	text[n] = '\0';
	return 0;
}

int verb_define(struct cli *c, int argc, char **argv)
{
	_cleanup_(free_p) char *text = malloc(DEFINITION_MAX + 2), *name = NULL;
	uint64_t seq;
	int r = text ? read_definition(argv[0], text) : cli_say_error("out of memory");

	if (r)
		return r;
	if (lifecycle_define(c->l, text, strcmp(argv[0], "-") == 0 ? "stdin" : argv[0], &name, &seq) < 0)
		return cli_fail(c, "define", NULL); /* the text names the file */
	if (wants_json(c)) {
		struct json_object *o = json_object_new_object();

		json_add_string(o, "name", name);
		json_add_number(o, "sequence", seq);
		json_print(c, o);
	} else if (!c->quiet) {
		(void)printf("%s: defined\n", name);
	}
	return 0;
}
