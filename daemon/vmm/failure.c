/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/failure.h"

#include <stdio.h>
#include <string.h>

#define PATH_TAIL_MAX 48

int failed(struct failure *f, int error, const char *format, ...)
{
	va_list ap;

	f->error = error;
	va_start(ap, format);
	vsnprintf(f->text, sizeof(f->text), format, ap);
	va_end(ap);
	return error;
}

int failed_errno(struct failure *f, int error, const char *format, ...)
{
	const char *why = strerrordesc_np(-error);
	va_list ap;
	size_t used;

	f->error = error;
	va_start(ap, format);
	vsnprintf(f->text, sizeof(f->text), format, ap);
	va_end(ap);
	used = strlen(f->text);
	snprintf(f->text + used, sizeof(f->text) - used, ": %s", why ? why : "unknown error");
	return error;
}

const char *path_tail(const char *path)
{
	size_t n = strlen(path);
	const char *tail = n <= PATH_TAIL_MAX ? path : path + n - PATH_TAIL_MAX;

	while ((*tail & 0xC0) == 0x80) /* not from the middle of a character of UTF-8 on */
		tail++;
	return tail;
}
