/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A growing buffer into which records are printed. It keeps its memory from one turn to the next, so that a
 * commit takes none. A failure sticks in `error`: print all, then look once.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buffer {
	char *data;
	size_t length, size;
	int error; /* 0 or a negative errno: what is in it is not whole */
};

bool buffer_grow(struct buffer *b, size_t more);
void buffer_u64(struct buffer *b, uint64_t value);
void buffer_i64(struct buffer *b, int64_t value);
void buffer_uuid(struct buffer *b, const uint8_t uuid[16]);
void buffer_json_string(struct buffer *b, const char *s, size_t length);
void buffer_free(struct buffer *b);

static inline void buffer_reset(struct buffer *b)
{
	b->length = 0;
	b->error = 0;
}

static inline bool buffer_room(struct buffer *b, size_t more)
{
	return more <= b->size - b->length || buffer_grow(b, more);
}

static inline void buffer_bytes(struct buffer *b, const void *bytes, size_t length)
{
	if (!length || !buffer_room(b, length))
		return;
	memcpy(b->data + b->length, bytes, length);
	b->length += length;
}

static inline void buffer_char(struct buffer *b, char c)
{
	buffer_bytes(b, &c, 1);
}

static inline void buffer_text(struct buffer *b, const char *s)
{
	buffer_bytes(b, s, strlen(s));
}

static inline void buffer_bool(struct buffer *b, bool value)
{
	buffer_text(b, value ? "true" : "false");
}
