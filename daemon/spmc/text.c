/* SPDX-License-Identifier: Apache-2.0 */
#include "spmc/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static bool reserve(struct text *t, size_t more)
{
	size_t size = t->size ? t->size : 4096;
	char *bytes;

	while (size - t->length <= more)
		size *= 2;
	if (size == t->size)
		return true;
	bytes = realloc(t->bytes, size);
	if (!bytes) {
		t->failed = true;
		return false;
	}
	t->bytes = bytes;
	t->size = size;
	return true;
}

void text_add(struct text *t, const char *format, ...)
{
	va_list ap, again;
	int n;

	if (t->failed || !reserve(t, 256))
		return;
	va_start(ap, format);
	va_copy(again, ap);
	n = vsnprintf(t->bytes + t->length, t->size - t->length, format, ap);
	if (n >= 0 && (size_t)n >= t->size - t->length && reserve(t, (size_t)n))
		n = vsnprintf(t->bytes + t->length, t->size - t->length, format, again);
	va_end(again);
	va_end(ap);
	if (n < 0 || (size_t)n >= t->size - t->length)
		t->failed = true;
	else
		t->length += (size_t)n;
}

void text_free(struct text *t)
{
	free(t->bytes);
	*t = (struct text){ 0 };
}
