/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The stored tail of the event stream. */

#include "cli.h"

/* So many numbers back the log has every event (it keeps that many events, and no number has two). */
#define STORED_EVENTS 8192
/* Replayed events come in bursts; so long without one, and the daemon has nothing more. */
#define STORED_QUIET_NS 100000000u

/*
 * A stream from --since on, or from where the log begins; up to *ret_last, the number that is the last one now, it is the stored
 * tail. *ret_later: what was asked for is not there any more. An exit code, the reason was said.
 */
int stored_subscribe(struct cli *c, const char *filter, struct lifecycle_stream **ret, uint64_t *ret_last, bool *ret_later);
/* Says so to people. */
void stored_say_later(struct cli *c);
