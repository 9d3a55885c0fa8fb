/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli.h"

/* "1", "yes", "true", "on" in an environment variable */
bool env_is_true(const char *word);

/* Where standard output is a terminal, from now on it is a pager. */
void pager_start(const struct cli *c);
/* Waits until its user has seen enough. Nothing can be said any more. false: there was none. */
bool pager_end(void);
