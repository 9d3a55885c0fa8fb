/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One scripted subchannel under its machine, and the guest that has it, which its script plays. Pure: whoever runs it tells
 * it the time, and asks when to come again.
 */

#include "device/ccw_script.h"

struct ccw_unit {
	struct ccw ccw;
	struct ccw_fake fake;
	struct ccw_script script;
	uint64_t began;
	uint8_t started; /* programs of the script: the guest has tried to start them */
	bool held;       /* the guest stands, and starts nothing */
	int error;       /* of set-up or enabling, a positive errno; 0: it was taken into use */
};

/* Binds and enables it; what fails is told by its state, and by `error`. It must not be moved afterwards. */
void ccw_unit_begin(struct ccw_unit *u, const struct ccw_script *script, const struct ccw_limits *limits, uint64_t now);

/* All that is due by now. */
void ccw_unit_run(struct ccw_unit *u, uint64_t now);
uint64_t ccw_unit_next(const struct ccw_unit *u); /* UINT64_MAX: nothing more happens by itself */

/* Disables it, by the ladder if the channel is at work; bounded by the limits. */
void ccw_unit_end(struct ccw_unit *u, uint64_t now);
bool ccw_unit_is_over(const struct ccw_unit *u); /* it reaches no memory, or is lost */
