/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The states of a vfio-ccw device under a VM, as its machine (daemon/device/ccw.h) leads it and as programs are told. They
 * are ours: the kernel's driver has five of its own, which no program is told.
 */

#define CCW_STATES(X)                                                                                                  \
	X(CCW_NOT_OPERATIONAL, 0, "not-operational") /* not set up, or lost: the reason says which */                  \
	X(CCW_STANDBY, 1, "standby")                 /* bound and set up, the subchannel is disabled */                \
	X(CCW_IDLE, 2, "idle")                       /* enabled, takes requests */                                     \
	X(CCW_BUSY, 3, "busy")                       /* a program is with the channel */                               \
	X(CCW_QUIESCING, 4, "quiescing")             /* the ladder is under way */

#define CCW_STATE_ENTRY(symbol, number, string) symbol = number,
enum ccw_state { CCW_STATES(CCW_STATE_ENTRY) CCW_STATE_COUNT };
