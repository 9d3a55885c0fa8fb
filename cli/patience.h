/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How long calls to the daemon wait for their answers: as long as --timeout says, or 25 s. A daemon may hang in any call, and a call
 * that waits cannot be interrupted, so where there is less time it is said before.
 */

#include "cli.h"

#define PATIENCE_MS 25000 /* what lifecycle_new() begins with */
/* In which a daemon that works has answered, also where a disk holds it up: asked to do something for less, nobody knew what it did. */
#define PATIENCE_LEAST_MS 2000
/* For a look that can be had again, or left out; as long ^C may go unnoticed. */
#define PATIENCE_SHORT_NS 2000000000u

/* When the time of --timeout is over (CLOCK_MONOTONIC ns); UINT64_MAX: it was not given. */
uint64_t patience_deadline(const struct cli *c);
/* From now on calls have all the time there is: so it begins. */
void patience_whole(const struct cli *c);
/* From now on calls are over at the deadline; false: it has passed. */
bool patience_until(const struct cli *c, uint64_t deadline);
/* The same, and each is a short one. */
bool patience_short(const struct cli *c, uint64_t deadline);
