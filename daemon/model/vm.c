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

bool vm_move_is_legal(enum vm_state from, enum vm_state to)
{
	if ((unsigned)from >= VM_STATE_COUNT || (unsigned)to >= VM_STATE_COUNT)
		return false;
	for (unsigned e = 0; e < VM_EVENT_COUNT; e++)
		if (arcs[from][e].legal && arcs[from][e].to == to)
			return true;
	return from == to;
}
