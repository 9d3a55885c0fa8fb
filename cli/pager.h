/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli.h"

/* Where standard output is a terminal, from now on it is a pager. */
void pager_start(const struct cli *c);
/* Waits until its user has seen enough. Nothing can be said any more. false: there was none. */
bool pager_end(void);
