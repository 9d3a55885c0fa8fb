/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_CONNECTION_H
#define LIFECYCLE_CONNECTION_H

/* A connection to the daemon. Part of lifecycle.h: include that. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct lifecycle;

struct lifecycle_error {
	size_t size;
	int refusal;      /* enum lifecycle_refusal */
	const char *text; /* what, which, why, what to do; never NULL */
};

/*
 * Connects to the daemon's bus: `address` if given ("system" is the system bus), else $LIFECYCLED_BUS, else the system
 * bus. -ENOTCONN: there is no bus. Succeeds without a daemon; calls then fail with -ENOTCONN. Calls wait for their answer, at most the
 * time-out: 25 s, unless it is set.
 */
int lifecycle_new(const char *address, struct lifecycle **ret);
struct lifecycle *lifecycle_ref(struct lifecycle *l);
struct lifecycle *lifecycle_unref(struct lifecycle *l);
/* 0: the 25 s that it begins with; UINT64_MAX: without end. */
void lifecycle_set_timeout(struct lifecycle *l, uint64_t milliseconds);

/*
 * Where polkit wants a password for what is called, a person may be asked (false at first: it is refused). Such a call waits 150 s at
 * least. Somebody must be there to ask: the session's authentication agent, or pkttyagent(1).
 */
void lifecycle_set_interactive(struct lifecycle *l, bool interactive);

/*
 * For a loop of your own: poll the descriptor for these events, until that time, then dispatch. The time is a point in
 * CLOCK_MONOTONIC, in us; UINT64_MAX: there is none.
 */
int lifecycle_get_fd(struct lifecycle *l);
int lifecycle_get_events(struct lifecycle *l);
int lifecycle_get_timeout(struct lifecycle *l, uint64_t *ret);
int lifecycle_dispatch(struct lifecycle *l); /* never waits; -ENOTCONN: the bus hung up */

/* What went wrong with the last call that failed, until the next call. */
const struct lifecycle_error *lifecycle_last_error(const struct lifecycle *l);

#ifdef __cplusplus
}
#endif

#endif
