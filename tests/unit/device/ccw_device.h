/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A device under the ccw machine that answers as it is told, and the machine led to each of its states. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "device/ccw.h"

#define STEP  3u
#define TOTAL 12u

/* A device whose orders all answer alike, unless one of them is told otherwise. */
struct device {
	int set_up, enable, disable, start, cancel, halt, clear, store_schib;
	unsigned set_ups, enables, disables, starts, cancels, halts, clears, looks;
	struct ccw *nested; /* an order during which another event comes */
	int nested_result;
};

extern const struct ccw_ops ops;
extern const struct ccw_limits limits;
extern struct ccw_outcome last; /* of the last event that was given */

unsigned orders(const struct device *d); /* that it was given */
void answer_all(struct device *d, int errno_value);
int give(struct ccw *m, enum ccw_event event);
int give_at(struct ccw *m, enum ccw_event event, uint64_t now);
void put(struct ccw *m, struct device *d, enum ccw_state state); /* QUIESCING with a program whose halt is waited for */
