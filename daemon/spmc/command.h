/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What can be commanded, in words: "EVENT ID", "reset", "notifier ID VM register|unregister NAME ...". */

#include "spmc/world.h"

#define COMMAND_TEXT_MAX 512

struct command_answer {
	char text[COMMAND_TEXT_MAX]; /* "ok", or why not */
	bool waits;                  /* it is "ok" when this notifier of this SP has ended; not before */
	uint32_t sp;
	uint64_t order;
};

/* 0, or negative: refused. */
int command_do(struct world *w, uint64_t monotonic, const char *command, struct command_answer *ret);
bool command_waits(const struct world *w, const struct command_answer *a); /* still */
