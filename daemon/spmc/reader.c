/* SPDX-License-Identifier: Apache-2.0 */
#include "spmc/reader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 8
#define BLANKS    " \t\r\n"

/* FILE:LINE:COLUMN: PATH: what. The path is left out at the top. */
int reader_complain(struct reader *r, const char *at, const char *format, ...)
{
	unsigned int line = 1, column = 1;
	char what[200];
	va_list ap;

	for (const char *c = r->text; c < at; c++) {
		column = *c == '\n' ? 1 : column + 1;
		line += *c == '\n';
	}
	va_start(ap, format);
	(void)vsnprintf(what, sizeof(what), format, ap);
	va_end(ap);
	return complain(r->why, "%s:%u:%u: %s%s%s", r->file, line, column, r->path, *r->path ? ": " : "", what);
}

/* A comment that does not end runs to the end of the text, where something will be missed. */
static void skip(struct reader *r)
{
	for (;;) {
		r->at += strspn(r->at, BLANKS);
		if (r->at[0] == '/' && r->at[1] == '/') {
			r->at += strcspn(r->at, "\n");
		} else if (r->at[0] == '/' && r->at[1] == '*') {
			const char *end = strstr(r->at + 2, "*/");

			r->at = end ? end + 2 : r->at + strlen(r->at);
		} else {
			return;
		}
	}
}

static int expect(struct reader *r, char c, const char *what)
{
	skip(r);
	if (*r->at != c)
		return reader_complain(r, r->at, "%s is missing here", what);
	r->at++;
	return 0;
}

/* After an element: 1 if another follows, 0 at the end. */
static int more(struct reader *r, char end)
{
	skip(r);
	if (*r->at == ',') {
		r->at++;
		return 1;
	}
	if (*r->at != end)
		return reader_complain(r, r->at, "a comma or \"%c\" is missing here", end);
	r->at++;
	return 0;
}

/* Names and numbers alone are said here: what needs another escape than these has no business in it. */
static int unescape(struct reader *r, char *ret)
{
	if (r->at[1] != '"' && r->at[1] != '\\' && r->at[1] != '/')
		return reader_complain(r, r->at, "of escapes, \\\" and \\\\ and \\/ alone are known");
	r->at++;
	*ret = *r->at++;
	return 0;
}

static int read_string(struct reader *r, char ret[READER_SCALAR])
{
	size_t n = 0;

	r->at++;
	while (*r->at != '"') {
		if ((unsigned char)*r->at < ' ')
			return reader_complain(r, r->value, "the string does not end on its line");
		if (n + 1 >= READER_SCALAR)
			return reader_complain(r, r->value, "the string is longer than %d bytes", READER_SCALAR - 1);
		if (*r->at != '\\')
			ret[n++] = *r->at++;
		else if (unescape(r, &ret[n++]) < 0)
			return -EINVAL;
	}
	r->at++;
	ret[n] = '\0';
	return 0;
}

/* A number or a word: what it means is for whoever asked. */
static int read_literal(struct reader *r, char ret[READER_SCALAR])
{
	size_t n = strcspn(r->at, BLANKS ",:[]{}\"/");

	if (n == 0)
		return reader_complain(r, r->at, "a string, a number, true or false is missing here");
	if (n >= READER_SCALAR)
		return reader_complain(r, r->at, "the value is longer than %d bytes", READER_SCALAR - 1);
	memcpy(ret, r->at, n);
	ret[n] = '\0';
	r->at += n;
	return 0;
}

int reader_scalar(struct reader *r, char ret[READER_SCALAR])
{
	skip(r);
	r->value = r->at;
	return *r->at == '"' ? read_string(r, ret) : read_literal(r, ret);
}

static int enter(struct reader *r, char open, const char *what)
{
	if (r->depth == DEPTH_MAX)
		return reader_complain(r, r->at, "this is nested too deep");
	r->depth++;
	return expect(r, open, what);
}

static int read_key(struct reader *r, char key[READER_SCALAR])
{
	skip(r);
	r->value = r->at;
	if (*r->at != '"')
		return reader_complain(r, r->at, "a key in quotes is missing here");
	if (read_string(r, key) < 0)
		return -EINVAL;
	return expect(r, ':', "a colon");
}

/* The path beyond what it has room for is not shown. */
static void extend_path(struct reader *r, size_t length, const char *separator, const char *key)
{
	(void)snprintf(r->path + length, sizeof(r->path) - length, "%s%s", length ? separator : "", key);
}

int reader_object(struct reader *r, int (*member)(struct reader *r, void *context, const char *key), void *context)
{
	size_t length = strlen(r->path);
	char key[READER_SCALAR];
	int again = 1;

	if (enter(r, '{', "an object, in {},") < 0)
		return -EINVAL;
	skip(r);
	if (*r->at == '}') {
		r->at++;
		again = 0;
	}
	while (again == 1) {
		if (read_key(r, key) < 0)
			return -EINVAL;
		extend_path(r, length, ".", key);
		if (member(r, context, key) < 0)
			return -EINVAL;
		r->path[length] = '\0';
		again = more(r, '}');
	}
	r->depth--;
	return again;
}

int reader_array(struct reader *r, int (*element)(struct reader *r, void *context), void *context)
{
	size_t length = strlen(r->path);
	int again = 1;

	if (enter(r, '[', "a list, in [],") < 0)
		return -EINVAL;
	skip(r);
	if (*r->at == ']') {
		r->at++;
		again = 0;
	}
	for (unsigned int i = 0; again == 1; i++) {
		(void)snprintf(r->path + length, sizeof(r->path) - length, "[%u]", i);
		if (element(r, context) < 0)
			return -EINVAL;
		r->path[length] = '\0';
		again = more(r, ']');
	}
	r->depth--;
	return again;
}

bool reader_is_array(struct reader *r)
{
	skip(r);
	return *r->at == '[';
}

int reader_end(struct reader *r)
{
	skip(r);
	return *r->at ? reader_complain(r, r->at, "nothing may follow the end of the object") : 0;
}
