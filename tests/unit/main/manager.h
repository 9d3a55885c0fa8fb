/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A service manager that is told of a daemon: $NOTIFY_SOCKET is its. */

#include <stdbool.h>

int manager_open(void **state); /* the two of a test's set-up */
int manager_close(void **state);

void manager_fall_behind(void); /* takes nothing more, until it reads */
bool manager_hears(const char *state); /* of what it reads until there is no more, something begins so */
unsigned manager_count(const char *state);
