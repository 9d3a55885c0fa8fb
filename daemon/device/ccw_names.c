/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the ccw machine, and what is read from them. */
#include "device/ccw.h"

/*
 * The subchannel-status word of z/Architecture Principles of Operation, its first word: condition code, activity and
 * status control. Big-endian, as everything of the channel.
 */
#define SCSW_CC(w)         ((w) >> 24 & 0x3)
#define SCSW_ACTL(w)       ((w) >> 5 & 0x7f)
#define SCSW_STCTL(w)      ((w) & 0x1f)
#define ACTL_SUBCHANNEL    0x04
#define ACTL_DEVICE        0x02
#define STCTL_ALERT        0x10
#define STCTL_STATUS       0x01

enum ccw_event ccw_irq_event(const uint8_t irb[CCW_IRB_BYTES])
{
	uint32_t w = (uint32_t)irb[0] << 24 | (uint32_t)irb[1] << 16 | (uint32_t)irb[2] << 8 | irb[3];

	/* Alert status alone, without a condition code: the device speaks unasked. */
	if (!SCSW_CC(w) && SCSW_STCTL(w) == (STCTL_ALERT | STCTL_STATUS))
		return CCW_EV_IRQ_UNSOLICITED;
	return SCSW_ACTL(w) & (ACTL_SUBCHANNEL | ACTL_DEVICE) ? CCW_EV_IRQ_PARTIAL : CCW_EV_IRQ_FINAL;
}

#define NAME(symbol, name, ...)           [symbol] = (name),
#define STATE(symbol, number, name)       [symbol] = (name),
#define ORIGIN(symbol, name, origin, ...) [symbol] = (origin),

static const char *const state_names[] = { CCW_STATES(STATE) };
static const char *const reason_names[] = { CCW_REASONS(NAME) };
static const char *const event_names[] = { CCW_EVENTS(NAME) };
static const enum ccw_origin origins[] = { CCW_EVENTS(ORIGIN) };
static const char *const rung_names[] = {
	[CCW_RUNG_CANCEL] = "cancel", [CCW_RUNG_HALT] = "halt", [CCW_RUNG_CLEAR] = "clear", [CCW_RUNG_SPENT] = "spent",
};

_Static_assert(sizeof(rung_names) / sizeof(*rung_names) == CCW_RUNG_COUNT, "a name for each rung");

const char *ccw_state_name(enum ccw_state state)
{
	return (unsigned)state < CCW_STATE_COUNT ? state_names[state] : "?";
}

const char *ccw_reason_name(enum ccw_reason reason)
{
	return (unsigned)reason < CCW_REASON_COUNT ? reason_names[reason] : "?";
}

const char *ccw_event_name(enum ccw_event event)
{
	return (unsigned)event < CCW_EVENT_COUNT ? event_names[event] : "?";
}

const char *ccw_rung_name(enum ccw_rung rung)
{
	return (unsigned)rung < CCW_RUNG_COUNT ? rung_names[rung] : "?";
}

enum ccw_origin ccw_event_origin(enum ccw_event event)
{
	return (unsigned)event < CCW_EVENT_COUNT ? origins[event] : CCW_BY_HOST;
}
