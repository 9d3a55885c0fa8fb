/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The life of one vfio-ccw device under a VM: five states, eighteen events, one table (ccw_table.c), one door (ccw_step). Pure:
 * orders go to the device through a const table whose calls never wait; what the owner has to do comes back as effects;
 * time is an argument. To end what the channel is doing takes a ladder of orders, led by a timer and bounded in time:
 * that is the state QUIESCING.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device/ops.h"
#include "proto/vfio-ccw.h"

#define CCW_REASONS(X)                                                                                                 \
	X(CCW_INITIAL, "initial")                                                                                      \
	X(CCW_GONE, "gone")                     /* not accessible any more */                                          \
	X(CCW_QUIESCE_FAILED, "quiesce-failed") /* it may still do DMA: its program is kept */                         \
	X(CCW_ENABLE_FAILED, "enable-failed")                                                                          \
	X(CCW_REMOVED, "removed")

/* X(event, name, origin) */
#define CCW_EVENTS(X)                                                                                                  \
	X(CCW_EV_INIT, "init", CCW_BY_HOST)                       /* bound */                                          \
	X(CCW_EV_ONLINE, "online", CCW_BY_VM)                     /* open */                                           \
	X(CCW_EV_OFFLINE, "offline", CCW_BY_VM)                   /* close */                                          \
	X(CCW_EV_SSCH, "ssch", CCW_BY_GUEST)                                                                           \
	X(CCW_EV_HSCH, "hsch", CCW_BY_GUEST)                                                                           \
	X(CCW_EV_CSCH, "csch", CCW_BY_GUEST)                                                                           \
	X(CCW_EV_XSCH, "xsch", CCW_BY_GUEST)                                                                           \
	X(CCW_EV_RSCH, "rsch", CCW_BY_GUEST)                                                                           \
	X(CCW_EV_IRQ_FINAL, "irq-final", CCW_BY_HW)               /* solicited; neither device nor subchannel active */ \
	X(CCW_EV_IRQ_PARTIAL, "irq-partial", CCW_BY_HW)           /* solicited, more is to come */                     \
	X(CCW_EV_IRQ_UNSOLICITED, "irq-unsolicited", CCW_BY_HW)                                                        \
	X(CCW_EV_STORE_SCHIB, "store-schib", CCW_BY_HW)           /* paths changed: look */                            \
	X(CCW_EV_NOT_OPERATIONAL, "not-operational", CCW_BY_HW)   /* gone */                                           \
	X(CCW_EV_RELEASE, "release", CCW_BY_VM)                   /* the VM gives it back */                           \
	X(CCW_EV_REMOVE, "remove", CCW_BY_HOST)                   /* unbind, shutdown */                               \
	X(CCW_EV_RESET, "reset", CCW_BY_VM)                                                                            \
	X(CCW_EV_TIMEOUT, "timeout", CCW_BY_TIMER)                /* ccw_timer() is due */                             \
	X(CCW_EV_REQ, "req", CCW_BY_HOST)                         /* the host would like to have it back */

#define CCW_ENUM(symbol, ...) symbol,
enum ccw_reason { CCW_REASONS(CCW_ENUM) CCW_REASON_COUNT };
enum ccw_event { CCW_EVENTS(CCW_ENUM) CCW_EVENT_COUNT };
enum ccw_origin { CCW_BY_VM, CCW_BY_GUEST, CCW_BY_HOST, CCW_BY_HW, CCW_BY_TIMER, CCW_ORIGIN_COUNT };

/* What the owner has to do after a step, in this order. */
enum ccw_effect {
	CCW_FX_FORWARD = 1 << 0,      /* hand ccw.irb to the guest, signal its eventfd */
	CCW_FX_COMPLETE = 1 << 1,     /* the guest's request is over, with ENODEV */
	CCW_FX_CRW = 1 << 2,          /* queue a channel report word for the guest */
	CCW_FX_FREE_PROGRAM = 1 << 3, /* unpin and free the translated program */
	CCW_FX_TELL_GONE = 1 << 4,    /* tell the VM that the device is gone */
	CCW_FX_TELL_REQ = 1 << 5,     /* tell the VM that the host wants the device back */
	CCW_FX_TEAR_DOWN = 1 << 6,    /* what set_up made */
	CCW_FX_FINISH = 1 << 7,       /* a quiesce is over: answer those who wait for it, with ccw_outcome.finish */
	CCW_FX_FREE_OBJECT = 1 << 8,  /* nothing is left of this binding */
};

#define CCW_IRB_BYTES 96
#define CCW_HOPS_MAX 4

struct ccw_input {
	enum ccw_event event;
	uint64_t now;
	uint32_t generation; /* interrupts: that of the machine when the interrupt was raised */
	bool present;        /* INIT: the bus reports the subchannel as there */
	const uint8_t *irb;  /* interrupts: CCW_IRB_BYTES */
};

struct ccw_outcome {
	int result; /* for who asked: 0 or a negative errno. In QUIESCING 0 means begun: CCW_FX_FINISH comes later */
	uint32_t effects;
	int finish;
	uint8_t hop[CCW_HOPS_MAX], hops; /* the states that were entered, in order */
};

struct ccw_limits {
	uint64_t step_ns;     /* the longest wait for one order of the ladder */
	uint64_t total_ns;    /* and for all of them */
	uint32_t clear_tries;
};

extern const struct ccw_limits ccw_default_limits; /* 3 s, 30 s, 255 */

enum ccw_rung { CCW_RUNG_CANCEL, CCW_RUNG_HALT, CCW_RUNG_CLEAR, CCW_RUNG_SPENT, CCW_RUNG_COUNT };

struct ccw_counts {
	uint64_t ignored, denied;
	uint64_t dropped;    /* interrupts that nobody was to see */
	uint64_t stale;      /* of these: raised under an earlier generation */
	uint64_t started;    /* programs */
	uint64_t finished;   /* by their final interrupt */
	uint64_t aborted;    /* taken away without one */
	uint64_t unnotified; /* forwards that did not reach the guest */
};

/* Read freely; written by ccw.c alone. */
struct ccw {
	const struct ccw_ops *ops;
	void *device;
	struct ccw_limits limits;
	enum ccw_state state;
	enum ccw_reason reason; /* of NOT_OPERATIONAL */
	uint32_t generation;    /* rises with each set-up and each enabling */
	uint32_t pending;       /* what follows once STANDBY is reached */
	bool program;           /* one is translated and pinned */
	bool freed;             /* the object was given up; INIT binds anew */
	bool stepping;
	struct {
		enum ccw_rung rung; /* of the last order */
		uint32_t tries;     /* on that rung */
		uint64_t since, step_until, until;
	} ladder;
	struct ccw_counts counts;
	uint8_t irb[CCW_IRB_BYTES]; /* the last one stored */
};

/* NOT_OPERATIONAL (initial). 0; -EINVAL: a limit is 0, or one step may last longer than all. NULL: the default limits. */
int ccw_begin(struct ccw *m, const struct ccw_ops *ops, void *device, const struct ccw_limits *limits);

/*
 * One event. Answers what `ret->result` has. -EAGAIN: called from inside an order (the program is being translated):
 * nothing happened, give it again later.
 */
int ccw_step(struct ccw *m, const struct ccw_input *in, struct ccw_outcome *ret);

/* When to give TIMEOUT; 0: no timer. Look after each step. */
uint64_t ccw_timer(const struct ccw *m);

/* Nothing is with the channel: what a pause waits for, once the vCPUs stand. */
static inline bool ccw_is_drained(const struct ccw *m)
{
	return m->state != CCW_BUSY && m->state != CCW_QUIESCING;
}

/* A forward could not be signalled. The machine has moved all the same. */
void ccw_count_unnotified(struct ccw *m);

/* Which of the three interrupts an IRB is, by the status word that it begins with. */
enum ccw_event ccw_irq_event(const uint8_t irb[CCW_IRB_BYTES]);

const char *ccw_state_name(enum ccw_state state);
const char *ccw_reason_name(enum ccw_reason reason);
const char *ccw_event_name(enum ccw_event event);
const char *ccw_rung_name(enum ccw_rung rung);
enum ccw_origin ccw_event_origin(enum ccw_event event);
