/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How the commit of the turn stands: with the store, stored, to be tried again; and what is said of a disk that does not
 * take it. */

#include "engine/rows.h"

struct commit {
	uint64_t stored;   /* what the store reported last */
	bool under_way;    /* the store has it */
	uint64_t given_at; /* to the store, for the first time */
	uint64_t slow_at;  /* when one that is under way is too late for the disk not to be named */
	uint64_t retry_at; /* of one that failed; 0: none did */
};

void commit_given(struct commit *c, uint64_t now);
void commit_stored(struct commit *c, struct rows *rows, uint64_t seq);
/* It failed, it may be late. True: so from now on the disk is named. */
bool commit_failed(struct commit *c, struct rows *rows, uint64_t now, int error);
bool commit_look(const struct commit *c, struct rows *rows, uint64_t now);

bool commit_is_due(const struct commit *c, uint64_t seq, uint64_t now); /* the turn up to `seq` is to be given to the store */
uint64_t commit_wake_at(const struct commit *c, const struct rows *rows);
