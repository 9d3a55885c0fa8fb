/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A sentence that is put together. What does not fit is cut off. */

#include <stddef.h>
#include <stdint.h>

struct lifecycle_waits_on;

struct words {
	char *to;
	size_t size, length;
};

/* An empty one in a buffer of at least one byte. */
void words_begin(struct words *w, char *to, size_t size);
void words_add(struct words *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void words_add_span(struct words *w, const char *before, uint64_t ns, const char *after);
/* "waits on sp 0x8001, tried 12 times", behind `before`; nothing where it waits for nothing. */
void words_add_waits(struct words *w, const char *before, const struct lifecycle_waits_on *on);
