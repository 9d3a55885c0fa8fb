/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The hypervisor link, our end (proto/secure-link.h). */

#include <sys/types.h>

#include "spmc/loop.h"
#include "spmc/world.h"

#define LINK_PEERS 8
#define LINK_QUEUE 64

struct link;

/* A connection: silent until its HELLO; one at most is the link. */
struct link_peer {
	struct watch watch;
	struct link *link;
	int fd;
	uint64_t order; /* of acceptance: the oldest silent one makes room */
	uint32_t events;
};

struct link {
	struct watch watch; /* the listener */
	struct world *world;
	int epoll;
	int listener;
	uid_t hypervisor; /* who may connect, beside root and this process's own user */
	uint64_t accepted;
	struct link_peer peer[LINK_PEERS];
	struct link_peer *current;
	int rx; /* the peer's RX buffer, or -1 */
	off_t rx_size;
	struct secure_link_call queue[LINK_QUEUE]; /* answers that were not taken yet */
	uint32_t queue_first, queue_count;
};

int link_start(struct link *l, struct world *w, int epoll, int listener, uid_t hypervisor);
void link_flush(struct link *l);              /* answers, then doorbells */
void link_drop(struct link *l, const char *why); /* hangs up on the hypervisor, if there is one */
void link_stop(struct link *l);
