/* SPDX-License-Identifier: Apache-2.0 */

/* The legal moves of a VM's life, told once more: by state and sub-state. docs/states.svg is drawn of them, too. */

#include <stddef.h>

#include "tests/simulation/moves.h"

struct move {
	uint8_t from, from_sub, to, to_sub;
};
#define ANY 0xFF

/* FF-A v1.3 ALP2 ch. 7 for the states; the sub-states are the design's. */
static const struct move moves[] = {
	{ VM_NULL, VM_SUB_NONE, VM_CREATED, VM_SUB_ALLOCATING },
	{ VM_CREATED, VM_SUB_ALLOCATING, VM_CREATED, VM_SUB_ANNOUNCING },
	{ VM_CREATED, VM_SUB_ALLOCATING, VM_CREATED, VM_SUB_READY },
	{ VM_CREATED, VM_SUB_ANNOUNCING, VM_CREATED, VM_SUB_READY },
	{ VM_CREATED, VM_SUB_READY, VM_CREATED, VM_SUB_ANNOUNCING }, /* an SP restarted or came before the entry */
	{ VM_CREATED, VM_SUB_READY, VM_RUNNING, VM_SUB_BOOTING },
	{ VM_CREATED, VM_SUB_READY, VM_RUNNING, VM_SUB_RUNNING },
	{ VM_CREATED, VM_SUB_ANNOUNCING, VM_RUNNING,
		VM_SUB_RUNNING }, /* it entered as the restart of an SP became known */
	{ VM_RUNNING, VM_SUB_RUNNING, VM_RUNNING, VM_SUB_PAUSING }, { VM_RUNNING, VM_SUB_PAUSING, VM_RUNNING, VM_SUB_PAUSED },
	{ VM_RUNNING, VM_SUB_PAUSING, VM_RUNNING, VM_SUB_RUNNING }, { VM_RUNNING, VM_SUB_PAUSED, VM_RUNNING, VM_SUB_RUNNING },
	{ VM_RUNNING, VM_SUB_RUNNING, VM_RUNNING, VM_SUB_PAUSED }, /* a device did not start again */
	{ VM_RUNNING, VM_SUB_BOOTING, VM_RUNNING, VM_SUB_RUNNING }, { VM_CREATED, ANY, VM_ABORTING, VM_SUB_QUIESCING },
	{ VM_CREATED, ANY, VM_ABORTING, VM_SUB_LEASES }, { VM_RUNNING, ANY, VM_ABORTING, VM_SUB_LEASES },
	{ VM_CREATED, ANY, VM_ABORTING, VM_SUB_RETIRING }, { VM_CREATED, ANY, VM_ABORTING, VM_SUB_RECLAIMING },
	{ VM_RUNNING, ANY, VM_ABORTING, VM_SUB_QUIESCING }, { VM_RUNNING, ANY, VM_ABORTING, VM_SUB_RETIRING },
	{ VM_RUNNING, ANY, VM_ABORTING, VM_SUB_RECLAIMING }, { VM_RUNNING, VM_SUB_PAUSED, VM_HALTED, ANY },
	{ VM_HALTED, ANY, VM_ABORTING, ANY }, { VM_HALTED, ANY, VM_CREATED, ANY },
	{ VM_CREATED, ANY, VM_ABORTING, VM_SUB_PRESERVED }, { VM_RUNNING, ANY, VM_ABORTING, VM_SUB_PRESERVED },
	{ VM_ABORTING, VM_SUB_QUIESCING, VM_ABORTING, VM_SUB_PRESERVED },
	{ VM_ABORTING, VM_SUB_PRESERVED, VM_ABORTING, VM_SUB_RETIRING }, { VM_ABORTING, VM_SUB_PRESERVED, VM_ABORTING, VM_SUB_LEASES },
	{ VM_ABORTING, VM_SUB_QUIESCING, VM_ABORTING, VM_SUB_LEASES },
	{ VM_ABORTING, VM_SUB_QUIESCING, VM_ABORTING, VM_SUB_RETIRING },
	{ VM_ABORTING, VM_SUB_QUIESCING, VM_ABORTING, VM_SUB_RECLAIMING },
	{ VM_ABORTING, VM_SUB_LEASES, VM_ABORTING, VM_SUB_RETIRING },
	{ VM_ABORTING, VM_SUB_RETIRING, VM_ABORTING, VM_SUB_RECLAIMING },
	{ VM_ABORTING, VM_SUB_RECLAIMING, VM_NULL, VM_SUB_NONE },
	{ VM_ABORTING, VM_SUB_NONE, VM_CREATED,
		VM_SUB_ALLOCATING }, /* restart: a life that begins has no sub-state before */
};

bool oracle_move_is_legal(uint8_t from, uint8_t from_sub, uint8_t to, uint8_t to_sub)
{
	for (size_t i = 0; i < sizeof(moves) / sizeof(*moves); i++) {
		const struct move *m = &moves[i];

		if (m->from == from && m->to == to && (m->from_sub == ANY || m->from_sub == from_sub) &&
			(m->to_sub == ANY || m->to_sub == to_sub))
			return true;
	}
	return from == to && from_sub == to_sub;
}
