/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Debts as others show them, too. */

#include "output.h"

#define SPMC_ID 0x8000 /* it is owed the end of a VM's notification bitmap */

static inline const char *peer_message(const struct lifecycle_peer *p)
{
	bool begins = p->debt != LIFECYCLE_DEBT_DESTROYING;

	if (p->sp == SPMC_ID)
		return begins ? "FFA_NOTIFICATION_BITMAP_CREATE" : "FFA_NOTIFICATION_BITMAP_DESTROY";
	return begins ? "VM_CREATED" : "VM_DESTROYED";
}

struct json_object *peer_to_json(const struct lifecycle_peer *p);
/* "in 20 ms", "now" for what is due, "-" for never. */
void peer_add_time(struct table *t, uint64_t at);
#define PEER_COLUMNS "DEBT", "HOW", "FOR", "TRIES/ALL", "LAST REPLY", "PLACE", "NEXT", "UNTIL"
void peer_add_debt(struct table *t, const struct lifecycle_peer *p);
