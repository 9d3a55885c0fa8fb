/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the messages to one SP came to, and what became of all lives, since the daemon started. For people: nothing is decided
 * by it, nothing of it is stored.
 */

#include "base/histogram.h"
#include "model/inputs.h"

/* Where a debt stands in its SP's queues: it is in at most one of them, none while its call is out. */
enum debt_queue {
	QUEUE_NONE,
	QUEUE_WAITING, /* for the SP's creation slot */
	QUEUE_READY,   /* to be sent as soon as the SP is free */
	QUEUE_BACKOFF, /* until its deadline, or a doorbell */
	QUEUE_STUCK,   /* past its active phase: until the SP's probe */
	DEBT_QUEUE_COUNT,
};

/* Of steps that ended: from VM_CREATED to known, or from VM_DESTROYED to settled. */
struct step_counts {
	struct histogram retries; /* messages beyond the first */
	struct histogram latency; /* us from the first message on */
};

struct sp_counts {
	uint64_t sent; /* messages and FFA_RUNs */
	uint64_t verdict[VERDICT_COUNT];
	uint64_t how[DEBT_HOW_COUNT]; /* debts that were settled, and VM_CREATEDs that were refused */
	uint32_t queued[DEBT_QUEUE_COUNT]; /* now */
	struct step_counts created, destroyed;
};

/* Of all VMs. */
struct model_counts {
	uint64_t begun, restarted, settled; /* lives; a restarted one has begun as well */
	uint64_t ended[CAUSE_COUNT];
	struct histogram phase[VM_SUBSTATE_COUNT]; /* us that a life was in each sub-state that it left */
	uint64_t refused;    /* illegal transitions asked for */
	uint64_t adopted;    /* VMMs that came back, to this daemon or on a new link */
	uint64_t links_lost; /* of VMMs that lived on */
};
