/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How often an SP is spoken to. A message that was not taken is sent again after a time that doubles; an SP that can
 * take none at all rests as a whole, however many debts wait for it; a call that is suspended again and again is run at
 * a bounded rate.
 */

#include <stdint.h>

/* Times in ns; the names are the keys of --retry, lifecycled(8). */
struct retry_rule {
	uint64_t first;  /* before the second try; doubled for each that follows */
	uint64_t cap;    /* never longer than this */
	uint64_t active; /* how long a message is tried like that */
	uint64_t probe;  /* between two messages afterwards */
	uint32_t jitter; /* per cent, either way: debts must not march in step */
};

extern const struct retry_rule retry_default;

struct retry_for { /* what differs for one SP */
	uint16_t sp;
	struct retry_rule rule;
};
