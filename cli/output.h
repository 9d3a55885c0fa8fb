/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How lifecyclectl writes: tables, times, colours, JSON, and text that others made. */

#include "cli.h"

enum colour {
	COLOUR_NONE,
	COLOUR_GOOD,
	COLOUR_BUSY,
	COLOUR_BAD,
	COLOUR_DIM,
	COLOUR_BOLD,
};

/* Out of memory ends the program. */
void *must(void *memory);

/* "" unless colours are wanted. */
const char *colour_on(const struct cli *c, enum colour colour);
const char *colour_off(const struct cli *c, enum colour colour);
enum colour state_colour(const struct lifecycle_vm *vm);

#define CELL_MAX 160
struct cell {
	char text[CELL_MAX];
	enum colour colour;
};

#define TABLE_COLUMNS_MAX 12
struct table {
	const char *const *header;
	size_t columns, count; /* count of cells */
	const char *indent;
	struct cell *cell;
};

/* Cells are added row by row. Out of memory ends the program: a table is all it has to say. */
void table_add(struct table *t, enum colour colour, const char *format, ...) __attribute__((format(printf, 3, 4)));
void table_print(struct table *t, const struct cli *c); /* and frees the cells */

/* "running", "created/announcing" */
void format_state(char *to, size_t size, int state, int substate);
/* "3.2 s", "4 min 10 s", "2 h 5 min", "3 d 4 h" */
void format_span(char *to, size_t size, uint64_t ns);
/* Bucket n of a histogram: "0", "2-3"; of microseconds its upper end: "up to 3 us", "up to 1.02 ms". */
void format_bucket(char *to, size_t size, unsigned bucket, bool is_time);
void format_bytes(char *to, size_t size, uint64_t bytes);
/* As far as people need it: "812 KiB", "1.2 GiB". */
void format_size(char *to, size_t size, uint64_t bytes);
void format_stamp(char *to, size_t size, uint64_t ns);     /* "Nov 26 17:09:01" */
void format_realtime(char *to, size_t size, uint64_t ns);
void format_monotonic(char *to, size_t size, uint64_t ns); /* as the wall clock shows it */
uint64_t realtime_now(void);
uint64_t monotonic_now(void);
void monotonic_shift(uint64_t ns); /* what it shows from now on is so much later, modulo 2^64 */
uint64_t monotonic_elapsed(uint64_t since);

/* Text of a guest or a file: control characters and what is not UTF-8 become '?' (a terminal obeys them otherwise). */
void put_text(FILE *out, const char *text, size_t size);

/* Prints and releases. With -o json-seq an array is printed element by element. */
void json_print(const struct cli *c, struct json_object *o);
/* Before a JSON text that is printed as it is. */
void json_begin_line(const struct cli *c);
bool wants_json(const struct cli *c);
void json_add_string(struct json_object *o, const char *key, const char *value);
void json_add_text(struct json_object *o, const char *key, const char *text, size_t size);
void json_add_number(struct json_object *o, const char *key, uint64_t value);
void json_add_bool(struct json_object *o, const char *key, bool value);
