/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli.h"

/* The D-Bus address of `bus` on that host (NULL: its system bus), for the caller to free. An exit code. */
int host_address(const char *host, const char *bus, char **ret);
/* From now on this program's clock shows what the daemon's does. */
void host_take_clock(struct cli *c);
