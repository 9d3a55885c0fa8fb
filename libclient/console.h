/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "include/lifecycle.h"
#include "util.h"

/* A reader of the ring in fd, which it takes over. -EPROTO: no ring of a kind known here. */
int console_new(int fd, struct lifecycle_console **ret);

UTIL_UNREFP(lifecycle_console)
