/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Texts that others wrote, or that were cut to fit: a VMM's last words, a file's name, a piece of what a client sent. sd-bus
 * sends no string that is not UTF-8, and not the message that it is in: an error would never arrive, and one such property of
 * one VM would keep all of them from whoever reads all.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "bus/internal.h"

/* Of the character at s; 0: sd-bus sends none like it, as half a one or what Unicode has for no character. */
static size_t length_of(const unsigned char *s)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = *s < 0x80 ? 1 : (*s & 0xE0) == 0xC0 ? 2 : (*s & 0xF0) == 0xE0 ? 3 : (*s & 0xF8) == 0xF0 ? 4 : 0;
	uint32_t c = *s & (0x7Fu >> length);

	if (length < 2)
		return length;
	for (size_t i = 1; i < length; i++) {
		if ((s[i] & 0xC0) != 0x80) /* the end is none, too */
			return 0;
		c = c << 6 | (s[i] & 0x3F);
	}
	if (c < least[length] || c > 0x10FFFF || c >> 11 == 0xD800 >> 11)
		return 0;
	return (c >= 0xFDD0 && c <= 0xFDEF) || (c & 0xFFFE) == 0xFFFE ? 0 : length;
}

void bus_make_utf8(char *text)
{
	for (char *at = text; *at;) {
		size_t length = length_of((const unsigned char *)at);

		if (length == 0)
			*at = '?';
		at += length ? length : 1;
	}
}

int bus_append_text(sd_bus_message *m, const char *text)
{
	_cleanup_(freep) char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	bus_make_utf8(copy);
	return sd_bus_message_append_basic(m, 's', copy);
}
