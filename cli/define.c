/* SPDX-License-Identifier: Apache-2.0 */

/* define, validate, undefine: a file's text goes to the daemon as it is; the daemon checks it. */

#include "define.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "output.h"

static void close_p(const int *fd)
{
	if (*fd > STDIN_FILENO)
		close(*fd);
}

static void problems_unrefp(struct lifecycle_problem_list **p)
{
	lifecycle_problem_list_unref(*p);
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

int read_definition(const char *verb, const char *path, char **ret)
{
	_cleanup_(close_p) int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_(free_p) char *text = malloc(DEFINITION_MAX + 2);
	ssize_t n;

	if (!text)
		return cli_say_error("out of memory");
	n = fd < 0 ? -errno : read_text(fd, text, DEFINITION_MAX + 1);
	if (n < 0)
		return cli_say_error("%s: cannot read %s: %s", verb, path, strerror((int)-n));
	if ((size_t)n > DEFINITION_MAX) {
		(void)cli_say_error("%s: %s has more than the %u KiB a definition may have", verb, path, DEFINITION_MAX >> 10);
		return lifecycle_refusal_exit_code(LIFECYCLE_REFUSED_INVALID_DEFINITION);
	}
	if (memchr(text, '\0', (size_t)n)) {
		(void)cli_say_error("%s: %s has a zero byte: it is no JSON text", verb, path);
		return lifecycle_refusal_exit_code(LIFECYCLE_REFUSED_INVALID_DEFINITION);
	}
	text[n] = '\0';
	*ret = text;
	text = NULL;
	return 0;
}

static const char *source_of(const char *path)
{
	return strcmp(path, "-") == 0 ? "stdin" : path;
}

int verb_define(struct cli *c, int argc, char **argv)
{
	_cleanup_(free_p) char *text = NULL, *name = NULL;
	uint64_t seq;
	int r = read_definition("define", argv[0], &text);

	if (r)
		return r;
	if (lifecycle_define(c->l, text, source_of(argv[0]), &name, &seq) < 0)
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

/* ---- undefine ---- */

int verb_undefine(struct cli *c, int argc, char **argv)
{
	struct json_object *array = wants_json(c) ? json_object_new_array() : NULL;
	int code = 0;

	for (int i = 0; i < argc; i++) {
		uint64_t seq;

		if (lifecycle_undefine(c->l, argv[i], c->if_life, c->pending, &seq) < 0) {
			int r = cli_fail(c, "undefine", argv[i]);

			code = code ? code : r;
			continue;
		}
		if (array) {
			struct json_object *o = json_object_new_object();

			json_add_string(o, "name", argv[i]);
			json_add_number(o, "sequence", seq);
			(void)json_object_array_add(array, o);
		} else if (!c->quiet) {
			(void)printf("%s: undefined%s\n", argv[i], c->pending ? ", at the end of its life if it has one" : "");
		}
	}
	if (array)
		json_print(c, array);
	return code;
}

/* ---- validate ---- */

static struct json_object *problem_to_json(const struct lifecycle_problem *p)
{
	struct json_object *o = json_object_new_object();

	json_add_number(o, "line", p->line);
	json_add_number(o, "column", p->column);
	json_add_string(o, "error", lifecycle_refusal_name(p->refusal));
	json_add_text(o, "text", p->text, strlen(p->text));
	return o;
}

static struct json_object *verdict_to_json(const char *source, const struct lifecycle_problem_list *list)
{
	struct json_object *o = json_object_new_object(), *array = json_object_new_array();

	json_add_text(o, "source", source, strlen(source));
	json_add_string(o, "name", lifecycle_problem_list_name(list));
	json_add_bool(o, "valid", lifecycle_problem_list_count(list) == 0);
	for (size_t i = 0; i < lifecycle_problem_list_count(list); i++)
		(void)json_object_array_add(array, problem_to_json(lifecycle_problem_list_at(list, i)));
	(void)json_object_object_add(o, "problems", array);
	return o;
}

static void say_problem(const char *source, const struct lifecycle_problem *p)
{
	char text[1024];

	if (p->line)
		(void)snprintf(text, sizeof(text), "%s:%u:%u: %s\n", source, p->line, p->column, p->text);
	else
		(void)snprintf(text, sizeof(text), "%s: %s\n", source, p->text);
	(void)fflush(stdout);
	put_text(stderr, text, strlen(text) - 1);
	(void)fputc('\n', stderr);
}

int validate_text(struct cli *c, const char *text, const char *source, struct json_object *array)
{
	_cleanup_(problems_unrefp) struct lifecycle_problem_list *list = NULL;
	size_t count;

	if (lifecycle_validate(c->l, text, source, &list) < 0)
		return cli_fail(c, "validate", NULL);
	count = lifecycle_problem_list_count(list);
	if (array)
		(void)json_object_array_add(array, verdict_to_json(source, list));
	else if (count == 0 && !c->quiet)
		(void)printf("%s: fine, it defines %s\n", source, lifecycle_problem_list_name(list));
	for (size_t i = 0; !array && i < count; i++)
		say_problem(source, lifecycle_problem_list_at(list, i));
	return count ? lifecycle_refusal_exit_code(lifecycle_problem_list_at(list, 0)->refusal) : 0;
}

/* What is no file may be a VM: then what its next life will be is looked at. */
static int validate(struct cli *c, const char *what, struct json_object *array)
{
	_cleanup_(free_p) char *text = NULL;
	int r;

	if (strcmp(what, "-") != 0 && !strchr(what, '/') && access(what, F_OK) < 0) {
		if (lifecycle_definition(c->l, what, true, &text, NULL) < 0 &&
			lifecycle_definition(c->l, what, false, &text, NULL) < 0)
			return cli_fail(c, "validate", what);
		return validate_text(c, text, what, array);
	}
	r = read_definition("validate", what, &text);
	return r ? r : validate_text(c, text, source_of(what), array);
}

int verb_validate(struct cli *c, int argc, char **argv)
{
	struct json_object *array = wants_json(c) ? json_object_new_array() : NULL;
	int code = 0;

	for (int i = 0; i < argc; i++) {
		int r = validate(c, argv[i], array);

		code = code ? code : r;
	}
	if (array)
		json_print(c, array);
	return code;
}
