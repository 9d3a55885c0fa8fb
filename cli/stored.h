/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The stored tail of the event stream: what the log had when it was asked for. */

#include "cli.h"

/* So many numbers back the log has every event (it keeps that many events, and no number has two). */
#define STORED_EVENTS 8192

/*
 * A stream from --since on, or from where the log begins. *ret_later: what was asked for is not there any more. An exit code, the
 * reason was said.
 */
int stored_subscribe(struct cli *c, const char *filter, struct lifecycle_stream **ret, bool *ret_later);
/* Says so to people. */
void stored_say_later(struct cli *c);
/*
 * Each event of the tail, and none behind it: the daemon says with which it ends. 0: that was all. Or a negative errno: why the
 * stream ended before, -EINTR, or -ETIMEDOUT: for `patience` (ns; UINT64_MAX: without end) nothing came.
 */
int stored_read(struct lifecycle_stream *s, uint64_t patience, void (*take)(void *arg, const struct lifecycle_event *e), void *arg);
/* A tail that is not whole would pass for one; says what came of it, and returns an exit code. */
int stored_say_cut_off(const struct cli *c, int why);
