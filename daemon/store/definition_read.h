/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Inside the parser: what one reading carries, and the words values are written in. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/definition.h"
#include "store/definition.h"
#include "store/definition_rules.h"

struct reading {
	const char *source;
	const char *text; /* comments blanked; NULL: the JSON came out of the log and errors have no place */
	size_t length;
	uint64_t page_size;
	bool has_uuid;
	unsigned placed; /* entries of vcpus.placement */
	bool later; /* a later version wrote it: what is not known is left alone */
	struct definition_error *err; /* `room` of them, `count` are filled in */
	size_t room, count;
};

/* All return -EBADMSG, so that a caller can end with one. fail_at names the value at a path, fail_key its
 * key. */
int fail_at(struct reading *r, const char *path, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int fail_key(struct reading *r, const char *path, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int fail_offset(struct reading *r, size_t offset, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The value as it is quoted in an error: cut short, nothing unprintable. */
struct shown {
	char text[48];
};
struct shown show(struct json_object *value);

int read_value(struct reading *r, const struct rule *rule, const char *path, struct json_object *value,
	struct vm_definition *d);

/* definition_assigned.c */
int read_assigned(struct reading *r, const char *path, struct json_object *value, struct vm_definition *d);
void print_assigned(struct buffer *b, const struct vm_definition *d);

/* definition_print.c, in the words of the file; definition_diff.c */
void rule_print(struct buffer *b, const struct vm_definition *d, const struct rule *rule);
bool rule_is_left_out(const struct vm_definition *d, const struct rule *rule);
bool rule_is_at_once(const struct rule *rule);

struct limit {
	char text[24];
};
struct limit bytes_limit(uint64_t bytes);
struct limit duration_limit(uint64_t ms);

bool parse_name(const char *text, size_t length);
bool parse_bytes(const char *text, uint64_t *ret);
bool parse_duration(const char *text, uint64_t *ret_ms);
bool parse_cpus(const char *text, struct cpu_mask *ret);
