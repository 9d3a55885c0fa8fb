/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of the ccw machine: five states, eighteen events. A cell says what the event costs and, by the device's answer
 * to the one order it gives, where the machine goes. A cell that is missing is zero, and zero is refused.
 */
#include "device/ccw_table.h"

#include <errno.h>

#define STAY { .said = true }
#define AND(fx) { .said = true, .effects = (fx) }
#define TO(state, fx) { .said = true, .moves = true, .to = CCW_##state, .effects = (fx) }
#define DOWN(why, fx) { .said = true, .moves = true, .to = CCW_NOT_OPERATIONAL, .reason = CCW_##why, .effects = (fx) }

#define DENY(error) { .said = true, .denied = (error) }
#define IGNORE      { .said = true, .effects = FX_IGNORE, .exit = { [OK] = STAY } }
#define JUST(fx)    { .said = true, .effects = (fx), .exit = { [OK] = STAY } }
#define MOVE(fx, ...) { .said = true, .effects = (fx), .exit = { [OK] = __VA_ARGS__ } }

/* An interrupt while nobody may be interrupted: the subchannel should have been disabled. */
#define DROP { .said = true, .effects = FX_DROP, .order = RE_DISABLE, .exit = { [OK] = STAY } }

/* HSCH and CSCH: whatever the condition code, no move. */
#define ISSUE(what) \
	{ .said = true, .order = (what), .exit = { [OK] = STAY, [BUSY] = STAY, [GONE] = STAY, [OTHER] = STAY } }

/* Out of IDLE: nothing is with the channel, but its status may be pending. */
#define CLOSE(fx)                                                                                                      \
	{ .said = true, .effects = (fx), .order = DISABLE,                                                             \
		.exit = { [OK] = TO(STANDBY, 0), [BUSY] = TO(QUIESCING, 0), [GONE] = DOWN(GONE, 0),                    \
			[OTHER] = DOWN(QUIESCE_FAILED, 0) } }

#define PATHS(kept, lost, gone) \
	{ .said = true, .order = REFRESH, .exit = { [OK] = AND(kept), [LOST] = AND(lost), [GONE] = DOWN(GONE, gone) } }

#define NEXT_RUNG(fx)                                                                                                  \
	{ .said = true, .effects = (fx), .order = RUNG,                                                                \
		.exit = { [OK] = TO(STANDBY, 0), [BUSY] = STAY, [EARLY] = AND(FX_IGNORE),                              \
			[GONE] = DOWN(GONE, CCW_FX_FREE_PROGRAM), [OTHER] = DOWN(QUIESCE_FAILED, 0),                   \
			[SPENT] = DOWN(QUIESCE_FAILED, 0) } }

/* The guest's request dies with the device. */
#define DIES (CCW_FX_FREE_PROGRAM | CCW_FX_COMPLETE | CCW_FX_TELL_GONE)

#define ENABLED                                                                                                        \
	{ [OK] = TO(IDLE, FX_NEW), [GONE] = DOWN(ENABLE_FAILED, 0), [BUSY] = STAY, [OTHER] = STAY }

const struct ccw_cell ccw_cells[CCW_STATE_COUNT][CCW_EVENT_COUNT] = {
	[CCW_NOT_OPERATIONAL] = {
		[CCW_EV_INIT]            = { .said = true, .order = SET_UP, .exit = {
						[OK] = TO(STANDBY, FX_NEW | CCW_FX_FREE_PROGRAM),
						[BUSY] = STAY, [GONE] = STAY, [OTHER] = STAY } },
		[CCW_EV_ONLINE]          = DENY(ENODEV),
		[CCW_EV_OFFLINE]         = IGNORE,
		[CCW_EV_SSCH]            = DENY(EIO),
		[CCW_EV_HSCH]            = DENY(EIO),
		[CCW_EV_CSCH]            = DENY(EIO),
		[CCW_EV_XSCH]            = DENY(EOPNOTSUPP),
		[CCW_EV_RSCH]            = DENY(EOPNOTSUPP),
		[CCW_EV_IRQ_FINAL]       = DROP,
		[CCW_EV_IRQ_PARTIAL]     = DROP,
		[CCW_EV_IRQ_UNSOLICITED] = DROP,
		[CCW_EV_STORE_SCHIB]     = IGNORE,
		[CCW_EV_NOT_OPERATIONAL] = IGNORE,
		[CCW_EV_RELEASE]         = IGNORE,
		[CCW_EV_REMOVE]          = MOVE(0, DOWN(REMOVED, CCW_FX_FREE_PROGRAM | CCW_FX_FREE_OBJECT)),
		[CCW_EV_RESET]           = DENY(EINVAL),
		[CCW_EV_TIMEOUT]         = IGNORE,
		[CCW_EV_REQ]             = IGNORE,
	},
	[CCW_STANDBY] = {
		[CCW_EV_INIT]            = DENY(EALREADY),
		[CCW_EV_ONLINE]          = { .said = true, .order = ENABLE, .exit = ENABLED },
		[CCW_EV_OFFLINE]         = { .said = true, .order = DISABLE, .exit = {
						[OK] = STAY, [BUSY] = STAY, [OTHER] = STAY, [GONE] = DOWN(GONE, 0) } },
		[CCW_EV_SSCH]            = DENY(EIO),
		[CCW_EV_HSCH]            = DENY(EIO),
		[CCW_EV_CSCH]            = DENY(EIO),
		[CCW_EV_XSCH]            = DENY(EOPNOTSUPP),
		[CCW_EV_RSCH]            = DENY(EOPNOTSUPP),
		[CCW_EV_IRQ_FINAL]       = DROP,
		[CCW_EV_IRQ_PARTIAL]     = DROP,
		[CCW_EV_IRQ_UNSOLICITED] = DROP,
		[CCW_EV_STORE_SCHIB]     = PATHS(0, 0, 0),
		[CCW_EV_NOT_OPERATIONAL] = MOVE(0, DOWN(GONE, 0)),
		[CCW_EV_RELEASE]         = MOVE(FX_RELEASE, TO(STANDBY, 0)),
		[CCW_EV_REMOVE]          = MOVE(FX_REMOVE, TO(STANDBY, 0)),
		[CCW_EV_RESET]           = DENY(EINVAL),
		[CCW_EV_TIMEOUT]         = IGNORE,
		[CCW_EV_REQ]             = IGNORE,
	},
	[CCW_IDLE] = {
		[CCW_EV_INIT]            = DENY(EALREADY),
		[CCW_EV_ONLINE]          = DENY(EALREADY),
		[CCW_EV_OFFLINE]         = CLOSE(0),
		[CCW_EV_SSCH]            = { .said = true, .order = START, .exit = {
						[OK] = TO(BUSY, 0), [BUSY] = STAY, [GONE] = STAY, [OTHER] = STAY } },
		[CCW_EV_HSCH]            = ISSUE(HALT),
		[CCW_EV_CSCH]            = ISSUE(CLEAR),
		[CCW_EV_XSCH]            = DENY(EOPNOTSUPP),
		[CCW_EV_RSCH]            = DENY(EOPNOTSUPP),
		[CCW_EV_IRQ_FINAL]       = JUST(FX_STORE | CCW_FX_FORWARD),
		[CCW_EV_IRQ_PARTIAL]     = JUST(FX_STORE | CCW_FX_FORWARD),
		[CCW_EV_IRQ_UNSOLICITED] = JUST(FX_STORE | CCW_FX_FORWARD),
		[CCW_EV_STORE_SCHIB]     = PATHS(CCW_FX_CRW, CCW_FX_CRW, CCW_FX_TELL_GONE),
		[CCW_EV_NOT_OPERATIONAL] = MOVE(0, DOWN(GONE, CCW_FX_TELL_GONE)),
		[CCW_EV_RELEASE]         = CLOSE(FX_RELEASE),
		[CCW_EV_REMOVE]          = CLOSE(FX_REMOVE),
		[CCW_EV_RESET]           = CLOSE(FX_ONLINE),
		[CCW_EV_TIMEOUT]         = IGNORE,
		[CCW_EV_REQ]             = JUST(CCW_FX_TELL_REQ),
	},
	[CCW_BUSY] = {
		[CCW_EV_INIT]            = DENY(EALREADY),
		[CCW_EV_ONLINE]          = DENY(EALREADY),
		[CCW_EV_OFFLINE]         = MOVE(0, TO(QUIESCING, 0)),
		[CCW_EV_SSCH]            = DENY(EBUSY),
		[CCW_EV_HSCH]            = ISSUE(HALT),
		[CCW_EV_CSCH]            = ISSUE(CLEAR),
		[CCW_EV_XSCH]            = DENY(EOPNOTSUPP),
		[CCW_EV_RSCH]            = DENY(EOPNOTSUPP),
		[CCW_EV_IRQ_FINAL]       = MOVE(FX_STORE | CCW_FX_FORWARD, TO(IDLE, CCW_FX_FREE_PROGRAM | FX_BY_FINAL)),
		[CCW_EV_IRQ_PARTIAL]     = JUST(FX_STORE | CCW_FX_FORWARD),
		[CCW_EV_IRQ_UNSOLICITED] = JUST(FX_STORE | CCW_FX_FORWARD),
		[CCW_EV_STORE_SCHIB]     = PATHS(CCW_FX_CRW, CCW_FX_CRW | FX_ABORT, DIES),
		[CCW_EV_NOT_OPERATIONAL] = MOVE(0, DOWN(GONE, DIES)),
		[CCW_EV_RELEASE]         = MOVE(FX_RELEASE, TO(QUIESCING, 0)),
		[CCW_EV_REMOVE]          = MOVE(FX_REMOVE, TO(QUIESCING, 0)),
		[CCW_EV_RESET]           = MOVE(FX_ONLINE, TO(QUIESCING, 0)),
		[CCW_EV_TIMEOUT]         = IGNORE,
		[CCW_EV_REQ]             = JUST(CCW_FX_TELL_REQ),
	},
	[CCW_QUIESCING] = {
		[CCW_EV_INIT]            = DENY(EALREADY),
		[CCW_EV_ONLINE]          = DENY(EBUSY),
		[CCW_EV_OFFLINE]         = JUST(FX_IGNORE | FX_NOT_ONLINE), /* a close after a reset: it stays closed */
		[CCW_EV_SSCH]            = DENY(EBUSY),
		[CCW_EV_HSCH]            = DENY(EBUSY),
		[CCW_EV_CSCH]            = DENY(EBUSY),
		[CCW_EV_XSCH]            = DENY(EOPNOTSUPP),
		[CCW_EV_RSCH]            = DENY(EOPNOTSUPP),
		[CCW_EV_IRQ_FINAL]       = NEXT_RUNG(FX_STORE),
		[CCW_EV_IRQ_PARTIAL]     = JUST(FX_STORE),
		[CCW_EV_IRQ_UNSOLICITED] = JUST(FX_DROP),
		[CCW_EV_STORE_SCHIB]     = PATHS(0, 0, CCW_FX_FREE_PROGRAM),
		[CCW_EV_NOT_OPERATIONAL] = MOVE(0, DOWN(GONE, CCW_FX_FREE_PROGRAM)),
		[CCW_EV_RELEASE]         = JUST(FX_RELEASE),
		[CCW_EV_REMOVE]          = JUST(FX_REMOVE),
		[CCW_EV_RESET]           = DENY(EBUSY),
		[CCW_EV_TIMEOUT]         = NEXT_RUNG(0),
		[CCW_EV_REQ]             = IGNORE,
	},
};

const struct ccw_cell ccw_first_rung = NEXT_RUNG(0);
const struct ccw_follow_up ccw_follow_ups[CCW_FOLLOW_UPS] = {
	{ PENDING_REMOVE,  MOVE(0, DOWN(REMOVED, CCW_FX_TEAR_DOWN | CCW_FX_FREE_OBJECT)) },
	{ PENDING_RELEASE, MOVE(0, DOWN(INITIAL, CCW_FX_TEAR_DOWN)) },
	{ PENDING_ONLINE,  { .said = true, .order = ENABLE, .exit = ENABLED } },
};
