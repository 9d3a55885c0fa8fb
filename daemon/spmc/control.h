/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The control socket, for tests: one packet "EVENT [ID]" in, one out, "ok" or why not. Whoever can open it can take a VM
 * from an SP's mind, so there is none unless it is asked for.
 */

#include "spmc/loop.h"
#include "spmc/world.h"

#define CONTROL_CLIENTS 8
#define CONTROL_TEXT_MAX 256

struct control;

struct control_client {
	struct watch watch;
	struct control *control;
	int fd;
};

struct control {
	struct watch watch;
	struct world *world;
	uint64_t (*monotonic)(void);
	int epoll, listener;
	unsigned accepted;
	struct control_client client[CONTROL_CLIENTS];
};

int control_start(struct control *c, struct world *w, uint64_t (*monotonic)(void), int epoll, int listener);
void control_stop(struct control *c);

/* What the packet says is done; `answer` gets "ok" or a reason. 0, or negative: refused. */
int control_do(struct world *w, uint64_t monotonic, const char *command, char answer[CONTROL_TEXT_MAX]);

/* The other end: sends one command, prints the answer. An exit code: 0, 1 refused, 2 nobody answers. */
int control_tell(const char *path, const char *command);
