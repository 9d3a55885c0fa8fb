/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A subchannel that does what its script says, behind the ops of a real one. Pure as the machine: time is told to it, and
 * what it raises lies in its queue until it is taken. Without a script it behaves: orders succeed, a program ends by a final
 * interrupt after a millisecond.
 */

#include "device/ccw.h"

enum ccw_fake_op {
	CCW_FAKE_SET_UP,
	CCW_FAKE_ENABLE,
	CCW_FAKE_DISABLE,
	CCW_FAKE_START,
	CCW_FAKE_CANCEL,
	CCW_FAKE_HALT,
	CCW_FAKE_CLEAR,
	CCW_FAKE_STORE_SCHIB,
	CCW_FAKE_ITSELF, /* unasked, at the time `after` */
	CCW_FAKE_OP_COUNT,
};

/* One line of the script. The lines of one operation are taken in their order, one each time it is asked for; `always` the
 * last one of them that is reached. */
struct ccw_fake_act {
	enum ccw_fake_op op;
	int answer;        /* 0, or what the operation answers instead of doing its work (ops.h) */
	uint64_t after;    /* ns until the final interrupt of what was ordered; 0: a millisecond */
	uint8_t partials;  /* interrupts before that, evenly spread */
	uint8_t unsolicited; /* and of these */
	bool silent;       /* it is never answered */
	bool gone;         /* at that time the subchannel vanishes */
	bool always;       /* it is not used up */
};

#define CCW_FAKE_QUEUE 32

struct ccw_fake_event {
	uint64_t at;
	enum ccw_event event;
	uint32_t generation;
	bool raised; /* the time has come: it is on its way, and cannot be taken back */
};

struct ccw_fake {
	const struct ccw_fake_act *script;
	size_t count;
	size_t next[CCW_FAKE_OP_COUNT];
	const struct ccw *machine; /* whose generation an interrupt carries */
	uint64_t now;
	bool gone, enabled, active;
	struct ccw_fake_event queue[CCW_FAKE_QUEUE];
	size_t queued;
	uint64_t lost; /* events that had no room */
	uint64_t asked[CCW_FAKE_OP_COUNT];
	uint8_t irb[CCW_IRB_BYTES]; /* of the event that was taken last */
};

extern const struct ccw_ops ccw_fake_ops;

void ccw_fake_begin(struct ccw_fake *f, const struct ccw *machine, const struct ccw_fake_act *script, size_t count);

/* Time passes: what is due happens to the subchannel. */
void ccw_fake_advance(struct ccw_fake *f, uint64_t now);

/* When something happens next; UINT64_MAX: nothing more. */
uint64_t ccw_fake_next(const struct ccw_fake *f);

/* Takes the oldest event that was raised, as an input for the machine. False: there is none. */
bool ccw_fake_take(struct ccw_fake *f, struct ccw_input *ret);

/* The bus has it back: to be told with INIT. */
void ccw_fake_return(struct ccw_fake *f);
