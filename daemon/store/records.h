/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Turns as JSON, one object a line, and back. Enums are written as their names, UUIDs as text; a number,
 * text, UUID or truth value that is zero or empty is left out. Printing takes no memory but the buffer's;
 * reading goes through json-c.
 *
 * Each line says the version of its form. A later version adds kinds, fields and words, and what it leaves out means what was
 * meant before. So of a line of a later version the fields that are not known are left alone, also those of a definition, and
 * a cause that is not known is vmm-exit; a change of an unknown kind, or with another unknown word, is not understood. A line
 * of this version or an earlier one has nothing that is not known.
 */

#include <stdbool.h>
#include <stddef.h>

#include "model/records.h"
#include "store/buffer.h"

#define RECORDS_VERSION 1 /* rises with a release that writes something new; lines without one are older than 1 */

/* boot: written into the line if not NULL, from there on it is the boot of all turns. */
void turn_print(struct buffer *b, const struct turn *turn, bool snapshot, const uint8_t boot[16]);

struct turn_read {
	struct turn turn; /* its changes are on the heap: turn_read_free */
	bool snapshot;
	bool has_boot; /* turn.boot was in the line */
	uint32_t *nth; /* which each change is in the line: some may have been left out */
	char why[160]; /* after -EBADMSG */
};

/* Is told of a change that is not understood: its place in the line, and why. */
struct turn_rest {
	void (*left_out)(void *arg, size_t nth, const char *why);
	void *arg;
};

/* 0, -ENOMEM, or -EBADMSG: a kind, key or value that this program does not know. */
int turn_read(const char *json, size_t length, struct turn_read *ret);
/* The same, but a change that is not understood is left out. */
int turn_read_rest(const char *json, size_t length, const struct turn_rest *rest, struct turn_read *ret);
/* The text of one change of such a line. -EBADMSG: there is none. */
int turn_change_text(const char *json, size_t length, size_t nth, struct buffer *b);
void turn_read_release(struct turn_read *r); /* the definitions went to somebody else */
void turn_read_free(struct turn_read *r);
