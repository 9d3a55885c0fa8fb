/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The fake store: what is on the disk, and what a death of the daemon leaves of it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/ports.h"

struct world;

struct stored_turn {
	struct turn turn;
	bool snapshot;
	uint32_t boot;
};

struct disk {
	struct stored_turn *line; /* the kept log and the one before it */
	size_t count, size;
	size_t current; /* where the current log begins */
	uint64_t last_seq;
	bool delayed;
	struct stored_turn *pending;  /* a commit that was taken */
	struct stored_turn *snapshot; /* one that was taken, in front of it */
	uint64_t commits, given;      /* how many were taken, and when the last one was */
	uint64_t first_given;         /* that one, when it was asked for first: it may have been refused since */
	uint64_t full_until;
	bool refused; /* the last commit, when it was asked for or later */
	unsigned since_snapshot, snapshot_every;
};

extern const struct store_ops disk_ops;
struct turn disk_copy_turn(const struct turn *from); /* with definitions of its own */
void disk_crash(struct world *w);
void disk_load(struct world *w);
bool disk_is_named_rightly(const struct world *w, bool named);
void disk_free(struct disk *d);
