/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One epoll set. A watch is embedded in what is watched; its callback may close its own fd, which ends the watch. */

#include <stdint.h>

struct watch {
	void (*ready)(struct watch *w, uint32_t events);
};

int loop_add(int epoll, int fd, uint32_t events, struct watch *w);
int loop_change(int epoll, int fd, uint32_t events, struct watch *w);
