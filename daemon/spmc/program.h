/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Notifiers that are programs. The book says which is to run; here it is started, its end is waited for in the loop, and
 * it is killed where the book does not know it any more, because its SP stopped or is another instance.
 */

#include "base/list.h"
#include "spmc/loop.h"
#include "spmc/world.h"

struct programs {
	struct world *world;
	uint64_t (*monotonic)(void);
	int epoll;
	struct list list;
};

void programs_start(struct programs *p, struct world *w, uint64_t (*monotonic)(void), int epoll);
void programs_turn(struct programs *p); /* at the end of each turn: makes what runs the same as what the book says */
void programs_stop(struct programs *p); /* kills those that run: they are not to outlive this process if it can help it */
