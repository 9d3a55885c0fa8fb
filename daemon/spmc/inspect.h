/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The inspection socket: whoever connects gets one JSON document and end of file. */

#include "spmc/link.h"
#include "spmc/loop.h"
#include "spmc/text.h"

#define INSPECT_CLIENTS 8

struct inspect;

struct inspect_client {
	struct watch watch;
	struct inspect *inspect;
	int fd;
	struct text text;
	size_t sent;
	uint64_t order;
};

struct inspect {
	struct watch watch;
	const struct world *world;
	const struct link *link;
	uint64_t (*monotonic)(void);
	int epoll, listener;
	uint64_t accepted;
	struct inspect_client client[INSPECT_CLIENTS];
};

int inspect_start(struct inspect *i, const struct world *w, const struct link *l, uint64_t (*monotonic)(void), int epoll,
	int listener);
void inspect_stop(struct inspect *i);
