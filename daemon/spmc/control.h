/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The control socket, for tests: one packet in, a command (command.h), one out, "ok" or why not. Whoever can open it can
 * take a VM from an SP's mind and run programs as this process's user, so there is none unless it is asked for.
 */

#include "spmc/command.h"
#include "spmc/loop.h"

#define CONTROL_CLIENTS 8

struct control;

struct control_client {
	struct watch watch;
	struct control *control;
	int fd;
	struct command_answer answer; /* to the last command, sent unless it waits */
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
void control_flush(struct control *c); /* answers those who waited */
void control_stop(struct control *c);

/* The other end: sends one command, prints the answer. An exit code: 0, 1 refused, 2 nobody answers. */
int control_tell(const char *path, const char *command);
