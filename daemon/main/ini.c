/* SPDX-License-Identifier: Apache-2.0 */
#include "main/ini.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_comment(const char *text)
{
	return *text == '#' || *text == ';';
}

static bool is_control(char c)
{
	return (unsigned char)c < ' ' && c != '\t' && c != '\r' && c != '\n';
}

static int wrong(struct ini_item *item, const char *line, const char *at, const char *problem, const char **ret_problem)
{
	item->column = (unsigned)(at - line) + 1;
	*ret_problem = problem;
	return -EBADMSG;
}

int ini_begin(struct ini *i, char *text, size_t size, struct ini_item *ret, const char **ret_problem)
{
	const char *line = text;

	text[size] = '\0';
	*i = (struct ini) { .at = text, .end = text + size, .line = 1 };
	*ret = (struct ini_item) { .line = 1 };
	for (const char *c = text; c < i->end; c++) {
		if (is_control(*c))
			return wrong(ret, line, c, "there is a control character", ret_problem);
		if (*c == '\n') {
			ret->line++;
			line = c + 1;
		}
	}
	return 0;
}

/* Cuts the line at `at` off, with those that go on with it: their ends become blanks, and comments between them, too. */
static char *take_line(struct ini *i)
{
	char *line = i->at, *end = line;

	for (;;) {
		char *stop = memchr(end, '\n', (size_t)(i->end - end)), *last;

		if (!stop)
			stop = i->end;
		i->line++;
		i->at = stop < i->end ? stop + 1 : i->end;
		last = stop > end && stop[-1] == '\r' ? stop - 1 : stop;
		if (last == line || last[-1] != '\\' || stop == i->end || is_comment(line + strspn(line, " \t"))) {
			*stop = '\0';
			return line;
		}
		memset(last - 1, ' ', (size_t)(stop - last) + 2);
		end = i->at;
		while (end < i->end && is_comment(end + strspn(end, " \t"))) { /* a comment between two of them */
			char *over = memchr(end, '\n', (size_t)(i->end - end));

			over = over ? over + 1 : i->end;
			memset(end, ' ', (size_t)(over - end));
			i->line++;
			i->at = end = over;
		}
	}
}

static char *skip_blanks(char *text)
{
	while (is_blank(*text))
		text++;
	return text;
}

static void cut_blanks(const char *start, char *end)
{
	while (end > start && is_blank(end[-1]))
		end--;
	*end = '\0';
}

static int read_section(struct ini *i, struct ini_item *item, const char *line, char *text, const char **ret_problem)
{
	char *close = strchr(text, ']');

	if (!close || close == text + 1)
		return wrong(item, line, text, "write a section as [Name]", ret_problem);
	if (*skip_blanks(close + 1))
		return wrong(item, line, close + 1, "nothing may follow a section's name", ret_problem);
	*close = '\0';
	i->section = text + 1;
	return 0;
}

static int read_item(const struct ini *i, struct ini_item *item, const char *line, char *text, const char **ret_problem)
{
	char *equals = strchr(text, '=');

	if (!equals || equals == text)
		return wrong(item, line, text, "write Key=value, [Section], or a comment that begins with #", ret_problem);
	if (!i->section)
		return wrong(item, line, text, "a section, as [Daemon], comes first", ret_problem);
	cut_blanks(text, equals);
	item->section = i->section;
	item->key = text;
	item->value = skip_blanks(equals + 1);
	cut_blanks(item->value, item->value + strlen(item->value));
	item->column = (unsigned)(item->value - line) + 1;
	return 1;
}

int ini_next(struct ini *i, struct ini_item *ret, const char **ret_problem)
{
	while (i->at < i->end) {
		unsigned first = i->line;
		char *line = take_line(i), *text = skip_blanks(line);
		int r;

		*ret = (struct ini_item) { .line = first };
		if (!*text || is_comment(text))
			continue;
		r = *text == '[' ? read_section(i, ret, line, text, ret_problem) : read_item(i, ret, line, text, ret_problem);
		if (r)
			return r;
	}
	return 0;
}
