/* SPDX-License-Identifier: Apache-2.0 */
#include "store/log_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define LOG_MAX_BYTES (1ull << 30)

void log_text_free(struct log_text *t)
{
	free(t->data);
}

int log_text_read(int fd, struct log_text *t)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > LOG_MAX_BYTES)
		return -EFBIG;
	t->data = malloc((size_t)st.st_size + 1);
	if (!t->data)
		return -ENOMEM;
	while (t->length < (size_t)st.st_size) {
		ssize_t n = pread(fd, t->data + t->length, (size_t)st.st_size - t->length, (off_t)t->length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		t->length += (size_t)n;
	}
	t->there = true;
	return 0;
}

static int nibble(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool log_line_is_whole(const char *line, size_t length)
{
	uint32_t crc = 0;

	if (length <= LINE_HEAD || line[LINE_HEAD - 1] != ' ')
		return false;
	for (unsigned i = 0; i < LINE_HEAD - 1; i++) {
		int digit = nibble(line[i]);

		if (digit < 0)
			return false;
		crc = crc << 4 | (uint32_t)digit;
	}
	return crc == crc32(0, (const Bytef *)line + LINE_HEAD, (uInt)(length - LINE_HEAD));
}

size_t log_line_at(const struct log_text *t, size_t at)
{
	const char *end = at < t->length ? memchr(t->data + at, '\n', t->length - at) : NULL;

	return end ? (size_t)(end - (t->data + at)) + 1 : 0;
}

void log_text_look_through(struct log_text *t)
{
	size_t length, at = 0;

	for (; (length = log_line_at(t, at)); at += length)
		t->damaged += !log_line_is_whole(t->data + at, length - 1);
	t->torn = t->length - at;
	t->length = at;
}

size_t log_last_line(const struct log_text *t)
{
	const char *end = t->length > 1 ? memrchr(t->data, '\n', t->length - 1) : NULL;

	return end ? (size_t)(end - t->data) + 1 : 0;
}
