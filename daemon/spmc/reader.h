/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Reads a JSON text value by value, as whoever asks expects it; so each complaint can name the line and the key. Comments
 * as in C are passed over.
 */

#include <stdbool.h>
#include <stddef.h>

#include "spmc/options.h"

#define READER_SCALAR 256

struct reader {
	const char *file, *text; /* the text ends with a NUL */
	const char *at;
	const char *value; /* where the value last read, or the key, begins */
	char path[128];    /* of the value: sps[1].notifiers */
	unsigned int depth;
	struct complaint *why;
};

/* All return 0 or -EINVAL with the complaint written. Scalars are given as text: a string's, or the literal's. */
int reader_object(struct reader *r, int (*member)(struct reader *r, void *context, const char *key), void *context);
int reader_array(struct reader *r, int (*element)(struct reader *r, void *context), void *context);
int reader_scalar(struct reader *r, char ret[READER_SCALAR]);
bool reader_is_array(struct reader *r); /* is the value that comes one? */
int reader_end(struct reader *r);

int reader_complain(struct reader *r, const char *at, const char *format, ...) __attribute__((format(printf, 3, 4)));
