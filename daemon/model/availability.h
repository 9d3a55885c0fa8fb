/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What one life owes one SP, as a table: VM availability signalling, FF-A v1.2 s.18.3, with the replies of s.7 and s.15.
 *
 * CREATING has three faces, for the same answer means different things: clean (every answer so far was BUSY, or none
 * came: the SP knows nothing), dirty (the SP accepted and has not finished: it must be driven to 0 or the entry leaks
 * there), unsure (an outcome is unknown: the link broke, or the daemon died).
 */

#include <stdint.h>

#include "proto/lifecycle.h"

enum debt_face {
	FACE_NONE,
	FACE_CREATING,
	FACE_CREATING_DIRTY,
	FACE_CREATING_UNSURE,
	FACE_KNOWN,
	FACE_DESTROYING,
	FACE_SETTLED,
	FACE_COUNT,
};

enum debt_event {
	/* answers of the secure side: the verdicts of engine/ports.h in the same order, without those that leave a call open */
	DEBT_EV_ACK,
	DEBT_EV_RETRY,
	DEBT_EV_INTERRUPTED,
	DEBT_EV_DENIED,
	DEBT_EV_INVALID,
	DEBT_EV_BUSY,
	DEBT_EV_IDLE,
	DEBT_EV_ABORTED,
	DEBT_EV_UNKNOWN_SP,
	DEBT_EV_UNSUPPORTED,
	DEBT_EV_REFUSED,
	DEBT_EV_BROKEN,
	/* our own side */
	DEBT_EV_ANNOUNCE,      /* it is this debt's turn: VM_CREATED leaves */
	DEBT_EV_TELL_END_ONLY, /* announce succeeded, the SP wants VM_DESTROYED alone */
	DEBT_EV_RETIRE,        /* quiesce is proven, the SP wants VM_DESTROYED */
	DEBT_EV_RETIRE_SILENT, /* quiesce is proven, the SP does not want VM_DESTROYED */
	DEBT_EV_UNWANTED,      /* VM_DESTROYED was to be sent, and the SP does not want it any more */
	DEBT_EV_LOST_LIVE,     /* the SP's instance is gone, the life goes on: announce again */
	DEBT_EV_LOST_DEAD,     /* the SP's instance is gone and so is the life */
	DEBT_EV_DOUBT,         /* the SP may be another instance, and the life goes on: announce again, carefully */
	DEBT_EV_FORGOT,        /* the life is over, and an operator gives it up */
	DEBT_EVENT_COUNT,
};

enum debt_effect {
	FX_BACKOFF = 1 << 0, /* send the same again later, or at a doorbell; with FX_REST when the SP has rested */
	FX_DIRTY = 1 << 1,   /* the SP accepted: face dirty from now on */
	FX_CLEAN = 1 << 2,   /* whatever the SP knew is gone */
	FX_UNSURE = 1 << 3,  /* what the SP knows cannot be told */
	FX_FAIL = 1 << 4,    /* the announce cannot succeed: the life ends, cause secure-rejected */
	FX_DEGRADE = 1 << 5, /* the SP is outside the protocol or dead */
	FX_DISCOVER = 1 << 6, /* ask again which partitions there are */
	FX_SEND = 1 << 7,    /* send at once */
	FX_REST = 1 << 8,    /* the SP takes nothing, of nobody: it is left alone for a while */
};

struct debt_arc {
	uint8_t legal;
	uint8_t to;  /* enum debt_state */
	uint8_t how; /* enum debt_how, when the state changes */
	uint16_t effects;
};

/* 0, or -EPERM: not to be expected there; nothing is written and nothing must be done. */
int debt_step(enum debt_face face, enum debt_event event, struct debt_arc *ret);
