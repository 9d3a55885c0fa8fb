/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Listening sockets: of our own making, or handed over by the service manager. */

#include <sys/types.h>

int listen_inherited(const char *name, int type);
int listen_at(const char *path, int type, mode_t mode);
