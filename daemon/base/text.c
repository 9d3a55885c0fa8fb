/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* sd-bus and libdbus take neither surrogates nor what Unicode reserves as no characters. */
static bool is_character(uint32_t c)
{
	bool surrogate = c >= 0xD800 && c < 0xE000;

	return !surrogate && (c & 0xFFFE) != 0xFFFE && (c < 0xFDD0 || c > 0xFDEF) && c <= 0x10FFFF;
}

static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7F && c < 0xA0);
}

static size_t length_by(unsigned char first)
{
	return first < 0x80 ? 1 : (first & 0xE0) == 0xC0 ? 2 : (first & 0xF0) == 0xE0 ? 3 : (first & 0xF8) == 0xF0 ? 4 : 0;
}

/* Of the character at s, and which one it is; 0: there is none. */
static size_t character_at(const unsigned char *s, size_t left, uint32_t *ret)
{
	static const uint32_t least[] = { [1] = 0, [2] = 0x80, [3] = 0x800, [4] = 0x10000 };
	size_t length = length_by(*s);
	uint32_t c = length == 1 ? *s : *s & (0xFFu >> (length + 1));

	if (length == 0 || length > left)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((s[i] & 0xC0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3Fu);
	}
	*ret = c;
	return c >= least[length] && is_character(c) ? length : 0;
}

static void mend(char *text, size_t size, bool controls_too)
{
	size_t end = strnlen(text, size);

	for (size_t i = 0; i < end;) {
		uint32_t c = 0;
		size_t length = character_at((const unsigned char *)text + i, end - i, &c);

		if (length == 0 || (controls_too && is_control(c)))
			text[i++] = '?';
		else
			i += length;
	}
}

void text_make_utf8(char *text, size_t size)
{
	mend(text, size, false);
}

void text_clean(char *text, size_t size)
{
	mend(text, size, true);
}
