/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The records' form, once: which fields each kind of change has. Printer and reader both go by these tables.
 */

#include <stddef.h>
#include <stdint.h>

#include "model/records.h"

enum field_type {
	FIELD_NUMBER, /* unsigned, of `size` bytes */
	FIELD_PID,    /* int32_t */
	FIELD_BOOL,
	FIELD_ENUM, /* one byte */
	FIELD_UUID,
	FIELD_TEXT, /* a char array */
};

struct field {
	const char *key;
	const char *prefix; /* ,"KEY": as it is printed */
	uint16_t offset, size;
	uint8_t type;
	uint8_t word_count;
	bool optional; /* FIELD_ENUM: left out where it is the first word, as in logs that are older than the key */
	uint8_t otherwise; /* FIELD_ENUM: for a word that a later version wrote and nobody knows here; 0: there is none */
	const char *const *words;
};

struct kind {
	const char *name;   /* NULL: no such kind */
	const char *prefix; /* {"kind":"NAME","seq": */
	const struct field *field;
	size_t count;
};

#define RECORD_KIND_COUNT (CHANGE_AUTOSTART + 1)
extern const struct kind record_kinds[RECORD_KIND_COUNT];
