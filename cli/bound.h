/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A VM that lives as long as this process does. */

#include "follow.h"

struct bound {
	char token[LIFECYCLE_TOKEN_SIZE];
	int fd;
};

int bound_start(struct cli *c, struct bound *b, const char *name, uint64_t *ret_seq); /* as lifecycle_act() */
/* While it is waited for: bound again if the daemon went. 0, also if it has ended, or a negative errno, -ETIMEDOUT at the deadline. */
int bound_back(struct cli *c, void *bound, uint64_t deadline);
/* Until the VM has ended, or ^C. An exit code. */
int bound_stay(struct cli *c, struct bound *b, const char *name);
void bound_end(struct bound *b);
