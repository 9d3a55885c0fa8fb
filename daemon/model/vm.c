/* SPDX-License-Identifier: Apache-2.0 */
#include "model/vm.h"

#include <errno.h>

struct vm_arc {
	bool legal;
	enum vm_state to;
};

#define TO(state) { .legal = true, .to = (state) }

/* A missing cell is zero, and zero is refused. */
static const struct vm_arc arcs[VM_STATE_COUNT][VM_EVENT_COUNT] = {
	[VM_NULL]     = { [VM_EV_START]     = TO(VM_CREATED) },
	[VM_CREATED]  = { [VM_EV_ENTERED]   = TO(VM_RUNNING),
			  [VM_EV_ABORT]     = TO(VM_ABORTING) },
	[VM_RUNNING]  = { [VM_EV_ABORT]     = TO(VM_ABORTING),
			  [VM_EV_HALT]      = TO(VM_HALTED) },
	[VM_ABORTING] = { [VM_EV_RETIRED]   = TO(VM_NULL),
			  [VM_EV_RESTARTED] = TO(VM_CREATED) },
	[VM_HALTED]   = { [VM_EV_EXCHANGED] = TO(VM_CREATED),
			  [VM_EV_ABORT]     = TO(VM_ABORTING) },
};

int vm_step(enum vm_state from, enum vm_event event, enum vm_state *ret_to)
{
	if ((unsigned)from >= VM_STATE_COUNT || (unsigned)event >= VM_EVENT_COUNT || !arcs[from][event].legal)
		return -EPERM;
	*ret_to = arcs[from][event].to;
	return 0;
}

struct pause_arc {
	bool legal;
	enum vm_substate to;
};

static const struct pause_arc pause_arcs[VM_SUBSTATE_COUNT][VM_PAUSE_EVENT_COUNT] = {
	[VM_SUB_RUNNING] = { [VM_PAUSE_EV_PAUSE]  = TO(VM_SUB_PAUSING),
			     [VM_PAUSE_EV_STAYS]  = TO(VM_SUB_PAUSED) },
	[VM_SUB_PAUSING] = { [VM_PAUSE_EV_PAUSED] = TO(VM_SUB_PAUSED),
			     [VM_PAUSE_EV_RESUME] = TO(VM_SUB_RUNNING) },
	[VM_SUB_PAUSED]  = { [VM_PAUSE_EV_RESUME] = TO(VM_SUB_RUNNING) },
};

int vm_pause_step(enum vm_substate from, enum vm_pause_event event, enum vm_substate *ret_to)
{
	if ((unsigned)from >= VM_SUBSTATE_COUNT || (unsigned)event >= VM_PAUSE_EVENT_COUNT ||
		!pause_arcs[from][event].legal)
		return -EPERM;
	*ret_to = pause_arcs[from][event].to;
	return 0;
}

unsigned operation_rank(enum operation operation)
{
	static const uint8_t ranks[OPERATION_COUNT] = {
		[OP_PAUSE] = 1, [OP_START] = 2, [OP_RESTART] = 3, [OP_STOP] = 4, [OP_ABORT] = 5, [OP_DESTROY] = 6,
	};

	return (unsigned)operation < OPERATION_COUNT ? ranks[operation] : 0;
}

bool vm_move_is_legal(enum vm_state from, enum vm_state to)
{
	if ((unsigned)from >= VM_STATE_COUNT || (unsigned)to >= VM_STATE_COUNT)
		return false;
	for (unsigned e = 0; e < VM_EVENT_COUNT; e++)
		if (arcs[from][e].legal && arcs[from][e].to == to)
			return true;
	return from == to;
}
