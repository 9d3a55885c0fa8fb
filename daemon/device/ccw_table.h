/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Between the files of the ccw machine only: what a cell is made of. */

#include "device/ccw.h"

/* What follows once STANDBY is reached. The stronger one goes first. */
enum ccw_pending { PENDING_REMOVE = 1 << 0, PENDING_RELEASE = 1 << 1, PENDING_ONLINE = 1 << 2 };

/* What a device's answer means to a cell. */
enum ccw_answer {
	OK,
	BUSY,
	GONE,
	OTHER,
	LOST,  /* a path */
	SPENT, /* the ladder */
	EARLY, /* a timer that is not due */
	ANSWER_COUNT,
};

enum ccw_order { NOTHING, SET_UP, ENABLE, DISABLE, RE_DISABLE, START, HALT, CLEAR, REFRESH, RUNG, ORDER_COUNT };

/* Effects inside the machine; they lie above those of the owner. */
#define FX_STORE       (1u << 16) /* keep the IRB */
#define FX_DROP        (1u << 17)
#define FX_IGNORE      (1u << 18)
#define FX_ABORT       (1u << 19) /* end the program that lost its path, one attempt */
#define FX_NEW         (1u << 20) /* another life: interrupts of the one before are stale */
#define FX_BY_FINAL    (1u << 21) /* the program that is freed came to its end */
#define FX_NOT_ONLINE  (1u << 22) /* nobody wants it opened again */
#define FX_REMOVE      (1u << 23)
#define FX_RELEASE     (1u << 24)
#define FX_ONLINE      (1u << 25)
#define FX_OF_OWNER    0xffffu

struct ccw_exit {
	bool said, moves;
	enum ccw_state to;
	enum ccw_reason reason;
	uint32_t effects;
};

struct ccw_cell {
	bool said;
	int denied; /* errno */
	uint32_t effects;
	enum ccw_order order;
	struct ccw_exit exit[ANSWER_COUNT];
};

/* What follows on STANDBY while something is pending. The first that is pending goes, and takes the others with it. */
struct ccw_follow_up {
	uint32_t pending;
	struct ccw_cell cell;
};

#define CCW_FOLLOW_UPS 3

extern const struct ccw_cell ccw_cells[CCW_STATE_COUNT][CCW_EVENT_COUNT];
extern const struct ccw_cell ccw_first_rung; /* what entering QUIESCING brings with it */
extern const struct ccw_follow_up ccw_follow_ups[CCW_FOLLOW_UPS];

/* One step on its way through the table. */
struct ccw_turn {
	struct ccw *m;
	const struct ccw_input *in;
	struct ccw_outcome *out;
};

/* ccw_orders.c: gives the order; what its answer means. Sets the result where somebody asked. */
enum ccw_answer ccw_give_order(struct ccw_turn *t, enum ccw_order order);
void ccw_begin_ladder(struct ccw *m, uint64_t now);
