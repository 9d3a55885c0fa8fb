/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/*
 * Text that another process wrote, or that was cut somewhere. sd-bus sends no string that is not UTF-8, and not the message that
 * it is in: each byte that belongs to no character becomes '?'. text_clean() does the same to control characters, which a
 * terminal obeys. No longer than before; one that does not end within `size` is looked at so far.
 */
void text_make_utf8(char *text, size_t size);
void text_clean(char *text, size_t size);
