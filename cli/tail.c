/* SPDX-License-Identifier: Apache-2.0 */

/* The end of what a guest said. */

#include <errno.h>
#include <string.h>

#include "cli.h"

#define CHUNK 16384

size_t tail_start(const char *text, size_t size, long lines)
{
	size_t at = size;

	if (lines < 0)
		return 0;
	if (lines == 0)
		return size;
	if (at > 0 && text[at - 1] == '\n') /* it ends the last line and begins none */
		at--;
	while (at > 0 && (text[at - 1] != '\n' || --lines > 0))
		at--;
	return at;
}

int console_read_all(struct lifecycle_console *console, char **ret, size_t *ret_size)
{
	_cleanup_(free_p) char *text = NULL;
	size_t size = 0, room = 0;
	ssize_t n;

	do {
		char *more;

		if (room - size < CHUNK) {
			room = 2 * room + CHUNK;
			more = realloc(text, room);
			if (!more)
				return -ENOMEM;
			text = more;
		}
		n = lifecycle_console_read(console, text + size, CHUNK, NULL);
		if (n < 0)
			return (int)n;
		size += (size_t)n;
	} while (n > 0 && size < (1u << 30));
	*ret = text;
	*ret_size = size;
	text = NULL;
	return 0;
}

int console_tail(struct cli *c, const char *name, long lines, char **ret, size_t *ret_size)
{
	_cleanup_(console_unrefp) struct lifecycle_console *console = NULL;
	size_t size, start;
	char *text;
	int r = lifecycle_console_open(c->l, name, &console);

	if (r >= 0)
		r = console_read_all(console, &text, &size);
	if (r < 0)
		return r;
	start = tail_start(text, size, lines);
	memmove(text, text + start, size - start);
	*ret = text;
	*ret_size = size - start;
	return 0;
}
