/* SPDX-License-Identifier: Apache-2.0 */
#include "store/buffer.h"

#include <errno.h>
#include <stdlib.h>

#include "store/uuid.h"

bool buffer_grow(struct buffer *b, size_t more)
{
	size_t size = b->size ? b->size : 4096;
	char *data;

	if (b->error)
		return false;
	while (size - b->length < more)
		size *= 2;
	data = realloc(b->data, size);
	if (!data) {
		b->error = -ENOMEM;
		return false;
	}
	b->data = data;
	b->size = size;
	return true;
}

void buffer_free(struct buffer *b)
{
	free(b->data);
	*b = (struct buffer) { 0 };
}

void buffer_u64(struct buffer *b, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + value % 10);
	while (value /= 10);
	buffer_bytes(b, digits + at, sizeof(digits) - at);
}

void buffer_i64(struct buffer *b, int64_t value)
{
	if (value < 0)
		buffer_char(b, '-');
	buffer_u64(b, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void buffer_uuid(struct buffer *b, const uint8_t uuid[16])
{
	char text[UUID_TEXT_SIZE];

	uuid_print(uuid, text);
	buffer_char(b, '"');
	buffer_bytes(b, text, UUID_TEXT_SIZE - 1);
	buffer_char(b, '"');
}

static bool needs_escape(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\';
}

static void print_escape(struct buffer *b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char escape[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 0xF] };

	if (c == '"' || c == '\\') {
		escape[1] = (char)c;
		buffer_bytes(b, escape, 2);
	} else {
		buffer_bytes(b, escape, sizeof(escape));
	}
}

/* Bytes above 0x7f go through as they are: a VMM's last words come back exactly, whatever they were. */
void buffer_json_string(struct buffer *b, const char *s, size_t length)
{
	size_t done = 0;

	buffer_char(b, '"');
	for (size_t i = 0; i < length; i++) {
		if (!needs_escape((unsigned char)s[i]))
			continue;
		buffer_bytes(b, s + done, i - done);
		print_escape(b, (unsigned char)s[i]);
		done = i + 1;
	}
	buffer_bytes(b, s + done, length - done);
	buffer_char(b, '"');
}
