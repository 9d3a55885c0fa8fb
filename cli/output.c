/* SPDX-License-Identifier: Apache-2.0 */
#include "output.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

static const char *const colours[] = {
	[COLOUR_NONE] = "",
	[COLOUR_GOOD] = "\033[32m",
	[COLOUR_BUSY] = "\033[33m",
	[COLOUR_BAD] = "\033[1;31m",
	[COLOUR_DIM] = "\033[2m",
	[COLOUR_BOLD] = "\033[1m",
};

const char *colour_on(const struct cli *c, enum colour colour)
{
	return c->colour ? colours[colour] : "";
}

const char *colour_off(const struct cli *c, enum colour colour)
{
	return c->colour && colour != COLOUR_NONE ? "\033[0m" : "";
}

enum colour state_colour(const struct lifecycle_vm *vm)
{
	if (vm->secure_stuck || vm->unreachable || vm->stale)
		return COLOUR_BAD;
	switch (vm->state) {
	case LIFECYCLE_STATE_RUNNING:
		return COLOUR_GOOD;
	case LIFECYCLE_STATE_NULL:
		return COLOUR_DIM;
	default:
		return COLOUR_BUSY;
	}
}

/* A cell of fewer columns says nothing any more. */
#define LAST_LEAST 12

void *must(void *memory)
{
	if (!memory) {
		(void)fputs("lifecyclectl: out of memory\n", stderr);
		exit(CLI_FAILED);
	}
	return memory;
}

void table_add(struct table *t, enum colour colour, const char *format, ...)
{
	struct cell *cell;
	va_list args;

	if ((t->count & (t->count - 1)) == 0)
		t->cell = must(reallocarray(t->cell, t->count ? 2 * t->count : 1, sizeof(*t->cell)));
	cell = &t->cell[t->count++];
	cell->colour = colour;
	va_start(args, format);
	(void)vsnprintf(cell->text, sizeof(cell->text), format, args);
	va_end(args);
}

static int column_width(const struct table *t, size_t column, bool legend)
{
	size_t width = legend ? strlen(t->header[column]) : 0;

	for (size_t i = column; i < t->count; i += t->columns)
		if (strlen(t->cell[i].text) > width)
			width = strlen(t->cell[i].text);
	return (int)width;
}

static void print_cell(const struct cli *c, const char *text, enum colour colour, int width)
{
	(void)printf("%s%s%s%*s", colour_on(c, colour), text, colour_off(c, colour), width - (int)strlen(text) + 2, "");
}

/* The last one of a line, in the `room` that is left for it. */
static void print_last_cell(const struct cli *c, const char *text, enum colour colour, size_t room)
{
	size_t length = strlen(text);

	if (length > room) {
		for (length = room - 3; length && ((unsigned char)text[length] & 0xC0) == 0x80;)
			length--;
	}
	(void)printf("%s%.*s%s%s\n", colour_on(c, colour), (int)length, text, text[length] ? "..." : "", colour_off(c, colour));
}

/* SIZE_MAX: lines are as long as they are, as where too little is left for words. */
static size_t room_for_last(const struct table *t, const struct cli *c, const int *width)
{
	size_t used = t->indent ? strlen(t->indent) : 0;

	for (size_t i = 0; i + 1 < t->columns; i++)
		used += (size_t)width[i] + 2;
	return c->width && !c->full && used + LAST_LEAST <= c->width ? c->width - used : SIZE_MAX;
}

static void print_row(const struct table *t, const struct cli *c, const struct cell *cells, const int *width)
{
	size_t last = t->columns - 1;

	(void)fputs(t->indent ? t->indent : "", stdout);
	for (size_t i = 0; i < last; i++)
		print_cell(c, cells[i].text, cells[i].colour, width[i]);
	print_last_cell(c, cells[last].text, cells[last].colour, room_for_last(t, c, width));
}

static void print_header(const struct table *t, const struct cli *c, const int *width)
{
	struct cell cells[TABLE_COLUMNS_MAX];

	for (size_t i = 0; i < t->columns; i++) {
		cells[i].colour = COLOUR_BOLD;
		(void)snprintf(cells[i].text, sizeof(cells[i].text), "%s", t->header[i]);
	}
	print_row(t, c, cells, width);
}

void table_print(struct table *t, const struct cli *c)
{
	int width[TABLE_COLUMNS_MAX];

	for (size_t i = 0; i < t->columns; i++)
		width[i] = column_width(t, i, c->legend);
	if (c->legend && t->count)
		print_header(t, c, width);
	for (size_t i = 0; i + t->columns <= t->count; i += t->columns)
		print_row(t, c, &t->cell[i], width);
	free(t->cell);
	t->cell = NULL;
	t->count = 0;
}

/* The sub-state is said where it says more than the state. */
void format_state(char *to, size_t size, int state, int substate)
{
	if (substate == LIFECYCLE_SUB_NONE || (state == LIFECYCLE_STATE_RUNNING && substate == LIFECYCLE_SUB_RUNNING))
		(void)snprintf(to, size, "%s", lifecycle_state_name(state));
	else
		(void)snprintf(to, size, "%s/%s", lifecycle_state_name(state), lifecycle_substate_name(substate));
}

void format_span(char *to, size_t size, uint64_t ns)
{
	uint64_t s = ns / 1000000000u;

	if (ns < 1000000000u)
		(void)snprintf(to, size, "%" PRIu64 " ms", ns / 1000000u);
	else if (s < 10)
		(void)snprintf(to, size, "%" PRIu64 ".%" PRIu64 " s", s, ns / 100000000u % 10);
	else if (s < 60)
		(void)snprintf(to, size, "%" PRIu64 " s", s);
	else if (s < 3600)
		(void)snprintf(to, size, "%" PRIu64 " min %" PRIu64 " s", s / 60, s % 60);
	else if (s < 86400)
		(void)snprintf(to, size, "%" PRIu64 " h %" PRIu64 " min", s / 3600, s / 60 % 60);
	else
		(void)snprintf(to, size, "%" PRIu64 " d %" PRIu64 " h", s / 86400, s / 3600 % 24);
}

void format_bucket(char *to, size_t size, unsigned bucket, bool is_time)
{
	uint64_t low = bucket ? 1ull << (bucket - 1) : 0, high = bucket ? 2 * low - 1 : 0;

	if (!is_time)
		(void)snprintf(to, size, high > low ? "%" PRIu64 "-%" PRIu64 : "%" PRIu64, low, high);
	else if (high < 1000)
		(void)snprintf(to, size, "up to %" PRIu64 " us", high);
	else if (high < 1000000)
		(void)snprintf(to, size, "up to %.3g ms", (double)high / 1e3);
	else
		(void)snprintf(to, size, "up to %.*f s", high < 100000000 ? 1 : 0, (double)high / 1e6);
}

void format_bytes(char *to, size_t size, uint64_t bytes)
{
	static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	unsigned i = 0;

	while (i < 4 && bytes >= 1024 && bytes % 1024 == 0) {
		bytes /= 1024;
		i++;
	}
	(void)snprintf(to, size, "%" PRIu64 " %s", bytes, unit[i]);
}

void format_size(char *to, size_t size, uint64_t bytes)
{
	static const char *const unit[] = { "KiB", "MiB", "GiB", "TiB" };
	double value = (double)bytes / 1024;
	unsigned i = 0;

	while (i < 3 && value >= 1023.5) {
		value /= 1024;
		i++;
	}
	(void)snprintf(to, size, value < 9.95 ? "%.1f %s" : "%.0f %s", value, unit[i]);
}

void format_stamp(char *to, size_t size, uint64_t ns)
{
	time_t seconds = (time_t)(ns / 1000000000u);
	struct tm tm;

	if (!localtime_r(&seconds, &tm) || !strftime(to, size, "%b %d %T", &tm))
		(void)snprintf(to, size, "?");
}

void format_realtime(char *to, size_t size, uint64_t ns)
{
	time_t seconds = (time_t)(ns / 1000000000u);
	struct tm tm;

	if (!localtime_r(&seconds, &tm) || !strftime(to, size, "%F %T %z", &tm))
		(void)snprintf(to, size, "?");
}

static uint64_t now_of(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t realtime_now(void)
{
	return now_of(CLOCK_REALTIME);
}

static uint64_t shift; /* of another host's clock, modulo 2^64 */

void monotonic_shift(uint64_t ns)
{
	shift += ns;
}

uint64_t monotonic_now(void)
{
	return now_of(CLOCK_MONOTONIC) + shift;
}

void format_monotonic(char *to, size_t size, uint64_t ns)
{
	format_realtime(to, size, realtime_now() + ns - monotonic_now());
}

uint64_t monotonic_elapsed(uint64_t since)
{
	uint64_t now = monotonic_now();

	return now > since ? now - since : 0;
}

/* The length of the well-formed UTF-8 character at s, 0 if there is none (Unicode 15, table 3-7). */
static size_t utf8_length(const unsigned char *s, size_t left)
{
	size_t length = *s < 0x80 ? 1 : *s >= 0xC2 && *s <= 0xDF ? 2 : (*s & 0xF0) == 0xE0 ? 3 : *s >= 0xF0 && *s <= 0xF4 ? 4 : 0;

	if (length == 0 || length > left)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((s[i] & 0xC0) != 0x80)
			return 0;
	if ((*s == 0xE0 && s[1] < 0xA0) || (*s == 0xED && s[1] > 0x9F) || (*s == 0xF0 && s[1] < 0x90) ||
		(*s == 0xF4 && s[1] > 0x8F))
		return 0;
	return length;
}

/* C1 controls are two bytes in UTF-8, and some terminals obey them. */
static bool is_control(const unsigned char *s, size_t length)
{
	return (length == 1 && ((*s < 0x20 && *s != '\n' && *s != '\t') || *s == 0x7F)) ||
		(length == 2 && s[0] == 0xC2 && s[1] < 0xA0);
}

void put_text(FILE *out, const char *text, size_t size)
{
	for (size_t i = 0; i < size;) {
		const unsigned char *s = (const unsigned char *)text + i;
		size_t length = utf8_length(s, size - i);

		if (length == 0 || is_control(s, length)) {
			if (*s != '\r') /* serial lines end in CR LF */
				(void)fputc('?', out);
		} else {
			(void)fwrite(s, 1, length, out);
		}
		i += length ? length : 1;
	}
}

/* ---- words of options ---- */

bool has_word(const char *words, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = words; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
		if (strncmp(at, word, length) == 0 && (at[length] == ',' || !at[length]))
			return true;
	return false;
}

bool has_state(const char *words, int state, int substate)
{
	const char *name = lifecycle_state_name(state);

	if (substate != LIFECYCLE_SUB_NONE && has_word(words, lifecycle_substate_name(substate)))
		return true;
	return lifecycle_substate_from_name(name) < 0 && has_word(words, name);
}

/* ---- JSON ---- */

#define RECORD_SEPARATOR 0x1E

bool wants_json(const struct cli *c)
{
	return c->output != OUTPUT_TABLE;
}

static void print_document(const struct cli *c, struct json_object *o)
{
	int flags = c->output == OUTPUT_JSON_PRETTY ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED : JSON_C_TO_STRING_PLAIN;

	if (c->output == OUTPUT_JSON_SEQ)
		(void)putchar(RECORD_SEPARATOR);
	(void)puts(json_object_to_json_string_ext(o, flags | JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* In a sequence, each element of an array is a text of its own. */
void json_print(const struct cli *c, struct json_object *o)
{
	if (c->output == OUTPUT_JSON_SEQ && json_object_is_type(o, json_type_array))
		for (size_t i = 0; i < json_object_array_length(o); i++)
			print_document(c, json_object_array_get_idx(o, i));
	else
		print_document(c, o);
	json_object_put(o);
}

void json_begin_line(const struct cli *c)
{
	if (c->output == OUTPUT_JSON_SEQ)
		(void)putchar(RECORD_SEPARATOR);
}

void json_add_string(struct json_object *o, const char *key, const char *value)
{
	(void)json_object_object_add(o, key, must(json_object_new_string(value)));
}

/* Bytes that are no UTF-8 would make the document none: each becomes U+FFFD. */
void json_add_text(struct json_object *o, const char *key, const char *text, size_t size)
{
	_cleanup_(free_p) char *clean = must(malloc(3 * size + 1));
	size_t at = 0;

	for (size_t i = 0; i < size;) {
		size_t length = utf8_length((const unsigned char *)text + i, size - i);

		memcpy(clean + at, length ? text + i : "\xEF\xBF\xBD", length ? length : 3);
		at += length ? length : 3;
		i += length ? length : 1;
	}
	(void)json_object_object_add(o, key, must(json_object_new_string_len(clean, (int)at)));
}

void json_add_number(struct json_object *o, const char *key, uint64_t value)
{
	(void)json_object_object_add(o, key, must(json_object_new_uint64(value)));
}

void json_add_bool(struct json_object *o, const char *key, bool value)
{
	(void)json_object_object_add(o, key, must(json_object_new_boolean(value)));
}
