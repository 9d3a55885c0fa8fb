/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/*
 * Text that another process wrote, or that was cut somewhere, as it may be shown and sent over D-Bus: a byte that belongs to no
 * character of UTF-8, and each control character, becomes '?'. No longer than before; one that does not end within `size` is
 * looked at so far.
 */
void text_clean(char *text, size_t size);
