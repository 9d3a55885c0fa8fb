/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A text that grows. After a failed allocation it stays as it was and `failed` is set: ask once, at the end. */

#include <stdbool.h>
#include <stddef.h>

struct text {
	char *bytes;
	size_t length, size;
	bool failed;
};

void text_add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_free(struct text *t);
