/* SPDX-License-Identifier: Apache-2.0 */
#include "model/vcpu.h"

#define B(state) (1u << VCPU_##state)
#define ANY_MAY B(OFF) /* power down is possible from everywhere */
#define AFRESH (B(OFF) | B(NULL) | B(CREATED)) /* where a vCPU is down, or made anew */

static const unsigned moves[VCPU_STATE_COUNT] = {
	[VCPU_OFF]               = ANY_MAY | B(STARTING) | B(CREATED),
	[VCPU_NULL]              = ANY_MAY | B(CREATED),
	[VCPU_CREATED]           = ANY_MAY | B(STARTING),
	[VCPU_STARTING]          = ANY_MAY | B(WAITING) | B(BLOCKED) | B(PREEMPTED) | B(ABORTED) | B(STOPPING),
	[VCPU_RUNNING]           = ANY_MAY | B(WAITING) | B(BLOCKED) | B(PREEMPTED) | B(ABORTED) | B(STOPPING),
	[VCPU_STOPPING]          = ANY_MAY | B(WAITING) | B(BLOCKED) | B(PREEMPTED) | B(ABORTED) | B(STOPPED),
	[VCPU_WAITING]           = ANY_MAY | B(RUNNING) | B(ABORTED),
	[VCPU_BLOCKED]           = ANY_MAY | B(RUNNING),
	[VCPU_BLOCKED_INTERRUPT] = ANY_MAY | B(RUNNING),
	[VCPU_PREEMPTED]         = ANY_MAY | B(RUNNING),
	[VCPU_ABORTED]           = ANY_MAY | B(NULL) | B(STOPPED),
	[VCPU_STOPPED]           = ANY_MAY | B(CREATED) | B(NULL) | B(ABORTED),
};

bool vcpu_move_is_legal(enum vcpu_state from, enum vcpu_state to)
{
	if ((unsigned)from >= VCPU_STATE_COUNT || (unsigned)to >= VCPU_STATE_COUNT)
		return false;
	return from == to || (moves[from] & 1u << to);
}

bool vcpu_may_have_become(enum vcpu_state from, enum vcpu_state to)
{
	unsigned reached, before = 0, barred;

	if ((unsigned)from >= VCPU_STATE_COUNT || (unsigned)to >= VCPU_STATE_COUNT)
		return false;
	barred = 1u << from & AFRESH ? 0 : AFRESH & ~(1u << to);
	reached = 1u << from | B(ABORTED);
	while (reached != before) {
		before = reached;
		for (unsigned s = 0; s < VCPU_STATE_COUNT; s++)
			if (before & 1u << s && !(AFRESH & 1u << s && barred))
				reached |= moves[s] & ~barred;
	}
	return reached & 1u << to;
}

bool vcpu_may_be_forced(enum vcpu_state from, enum vcpu_state to)
{
	return vcpu_move_is_legal(from, to) || ((unsigned)from < VCPU_STATE_COUNT && to == VCPU_ABORTED);
}
