/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Texts that others wrote, or that were cut to fit: a VMM's last words, a file's name, a piece of what a client sent. As they are,
 * an error would never arrive, and one such property of one VM would keep all of them from whoever reads all.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "bus/internal.h"

int bus_append_text(sd_bus_message *m, const char *text)
{
	_cleanup_(freep) char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	text_make_utf8(copy, strlen(copy));
	return sd_bus_message_append_basic(m, 's', copy);
}
