/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The VM state machine: FF-A v1.3 ALP2 ch. 7, as Hafnium's partition lifecycle. One table, one door. */

#include <stdbool.h>

#include "proto/lifecycle.h"

enum vm_event {
	VM_EV_START,     /* a life is asked for */
	VM_EV_ENTERED,   /* vCPU 0 entered for the first time */
	VM_EV_ABORT,     /* the life ends, for whatever cause */
	VM_EV_HALT,      /* stopped for good, life kept: saved, or an image exchange begins */
	VM_EV_EXCHANGED, /* the new image is in place */
	VM_EV_RETIRED,   /* every debt is settled, id and memory are back */
	VM_EV_RESTARTED, /* the same, and the next life begins in the same turn */
	VM_EVENT_COUNT,
};

/* Inside RUNNING, where vCPUs may be told to stand. */
enum vm_pause_event {
	VM_PAUSE_EV_PAUSE,  /* asked for */
	VM_PAUSE_EV_PAUSED, /* every vCPU stands */
	VM_PAUSE_EV_RESUME, /* they may go on; or it took too long; or a device would not stop */
	VM_PAUSE_EV_STAYS,  /* they were let go on, and a device did not start again: all stand */
	VM_PAUSE_EVENT_COUNT,
};

/* 0 and the next sub-state of RUNNING, or -EPERM. */
int vm_pause_step(enum vm_substate from, enum vm_pause_event event, enum vm_substate *ret_to);

/* Which operation supersedes which: the higher one does. */
unsigned operation_rank(enum operation operation);

/* 0 and the next state, or -EPERM: refused, nothing is written. */
int vm_step(enum vm_state from, enum vm_event event, enum vm_state *ret_to);

/* Whether some event leads from one state to the other; the same state is a legal no-op. */
bool vm_move_is_legal(enum vm_state from, enum vm_state to);
