/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/golden/golden.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 256
#define UNUSED "unused:"
#define REASON_MIN 10 /* a reason is more than a word */

/* In the order of `rows` and of the forms' tests. */
static struct golden_row rows[ROWS];
static size_t row_count;
static const struct golden_form *known_forms;
static enum golden_side this_side;

static void die(const char *path, unsigned line, const char *what)
{
	(void)fprintf(stderr, "%s:%u: %s\n", path, line, what);
	exit(EXIT_FAILURE);
}

static char *trim(char *s)
{
	char *end;

	while (isspace((unsigned char)*s))
		s++;
	for (end = s + strlen(s); end > s && isspace((unsigned char)end[-1]); end--)
		;
	*end = '\0';
	return s;
}

static bool is_unused(const char *side)
{
	return strncmp(side, UNUSED, strlen(UNUSED)) == 0;
}

static bool has_bytes(const struct golden_row *row)
{
	return strcmp(row->form, "descriptor") == 0;
}

static const char *read_numbers(struct golden_row *row, char *text)
{
	bool bytes = has_bytes(row);
	char *rest = text, *word, *end;

	while ((word = strsep(&rest, " \t"))) {
		uint64_t n = strtoull(word, &end, 16);

		if (!*word)
			continue;
		if (*end || strlen(word) > (bytes ? 2 : 16))
			return "this is no register or byte in hex";
		if (row->count == (bytes ? GOLDEN_BYTES : FFA_REGISTERS))
			return "there are too many registers or bytes";
		if (bytes)
			row->bytes[row->count++] = (uint8_t)n;
		else
			row->x[row->count++] = n;
	}
	return row->count ? NULL : "there are no registers or bytes";
}

static const char *read_side(struct golden_row *row, enum golden_side side, char *text)
{
	text = trim(text);
	if (!*text || strlen(text) >= sizeof(row->side[side]))
		return "a side is empty or too long";
	if (is_unused(text) && strlen(text) < strlen(UNUSED) + REASON_MIN)
		return "a side that does not use a row has to say why";
	strcpy(row->side[side], text);
	return NULL;
}

static const char *check(const struct golden_row *row)
{
	for (const struct golden_row *r = rows; r < row; r++)
		if (strcmp(r->form, row->form) == 0 && strcmp(r->name, row->name) == 0)
			return "this row is there twice";
	if (is_unused(row->side[GOLDEN_DAEMON]) && is_unused(row->side[GOLDEN_SPMC]))
		return "no side uses this row";
	for (const struct golden_form *f = known_forms; f->name; f++)
		if (strcmp(f->name, row->form) == 0)
			return NULL;
	return "there is no such form";
}

static const char *read_row(struct golden_row *row, char *line)
{
	char *part[2 + GOLDEN_SIDES], *rest = line;
	const char *wrong;

	for (size_t i = 0; i < sizeof(part) / sizeof(*part); i++)
		if (!(part[i] = strsep(&rest, "|")))
			return "FORM NAME | REGISTERS | DAEMON | SPMC: a part is missing";
	if (rest)
		return "there are too many parts";
	if (sscanf(part[0], "%15s %47s", row->form, row->name) != 2)
		return "a row has a form and a name";
	wrong = read_numbers(row, part[1]);
	for (int i = 0; i < GOLDEN_SIDES && !wrong; i++)
		wrong = read_side(row, (enum golden_side)i, part[2 + i]);
	return wrong ? wrong : check(row);
}

static void read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[1024];

	if (!f)
		die(path, 0, "cannot be opened");
	for (unsigned n = 1; fgets(line, sizeof(line), f); n++) {
		const char *wrong;

		if (!strchr(line, '\n'))
			die(path, n, "the line is too long, or does not end");
		if (*line == '#' || !*trim(line))
			continue;
		if (row_count == ROWS)
			die(path, n, "there are too many rows");
		rows[row_count].line = n;
		wrong = read_row(&rows[row_count], line);
		if (wrong)
			die(path, n, wrong);
		row_count++;
	}
	(void)fclose(f);
}

static void run_row(void **state)
{
	const struct golden_row *row = *state;

	for (const struct golden_form *f = known_forms; f->name; f++)
		if (strcmp(f->name, row->form) == 0)
			f->test(row, row->side[this_side]);
}

/* A form of which nothing is left would be a test that cannot fail. */
static void check_forms(const char *path, enum golden_side side)
{
	for (const struct golden_form *f = known_forms; f->name; f++) {
		bool used = false;

		for (size_t i = 0; i < row_count; i++)
			used |= strcmp(rows[i].form, f->name) == 0 && !is_unused(rows[i].side[side]);
		if (!used)
			die(path, 0, "a form has no row for this side");
	}
}

int golden_main(int argc, char **argv, enum golden_side side, const struct golden_form *forms)
{
	static struct CMUnitTest tests[ROWS];
	static char names[ROWS][96];
	size_t count = 0;

	if (argc != 2)
		die("usage", 0, "golden file");
	known_forms = forms;
	this_side = side;
	read_file(argv[1]);
	check_forms(argv[1], side);
	for (size_t i = 0; i < row_count; i++) {
		if (is_unused(rows[i].side[side])) {
			print_message("%s %s is %s\n", rows[i].form, rows[i].name, rows[i].side[side]);
			continue;
		}
		(void)snprintf(names[count], sizeof(names[count]), "%.15s %.47s, line %u", rows[i].form, rows[i].name,
			rows[i].line);
		tests[count] = (struct CMUnitTest){ names[count], run_row, NULL, NULL, &rows[i] };
		count++;
	}
	return _cmocka_run_group_tests("golden", tests, count, NULL, NULL);
}
