/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which FF-A id the next life gets: the one that nobody had for longest, so that what still lingers at a partition that
 * answered 0 too early meets no new VM. All that nobody has stand in one list, in the order in which they were given back.
 * What a definition asks for (ffa-id) keeps its place there and is passed over.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/ffa.h"

struct ids {
	uint16_t first, last; /* this daemon's; configured, not stored */
	uint16_t placed;      /* the last one whose place a snapshot told */
	uint16_t next[FFA_ID_VM_COUNT], prev[FFA_ID_VM_COUNT]; /* both 0: not in the list */
	uint8_t reserved[FFA_ID_VM_COUNT]; /* so many definitions ask for it; more than one only half-way through a turn */
};

void ids_init(struct ids *ids, uint16_t first, uint16_t last); /* all free, in rising order; 0, 0: every VM's id */
void ids_begin_at(struct ids *ids, uint16_t id); /* the order goes on from there, the list is a ring for once */
bool ids_is_ours(const struct ids *ids, uint16_t id);
uint16_t ids_longest_free(const struct ids *ids); /* and asked for by no definition; 0: none is */
void ids_take(struct ids *ids, uint16_t id);     /* out of the list, if it is there */
void ids_give_back(struct ids *ids, uint16_t id); /* to the end of the list; not if it is not ours */

bool ids_is_reserved(const struct ids *ids, uint16_t id);
void ids_reserve(struct ids *ids, uint16_t id);
void ids_unreserve(struct ids *ids, uint16_t id);

/*
 * The order as text, in runs: "17-32766 3 9-12". Prints what follows `after` (0: from the beginning) and fits; returns the
 * last id it printed, 0: there is no more.
 */
uint16_t ids_print(const struct ids *ids, uint16_t after, char *text, size_t size);
int ids_place(struct ids *ids, const char *text); /* -EBADMSG: not such a text. Ids that it does not name stay behind those */
