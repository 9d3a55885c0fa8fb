/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Many worlds in a row, from one seed. */

#include "tests/simulation/sim.h"

struct runs {
	uint64_t seed;
	size_t lives; /* in all worlds together */
	const struct side_ops *side;
	int faults;   /* 0: none, 1: all, -1: one world in five has none */
	bool verbose, quiet;
	uint64_t worlds; /* at most that many; 0: no limit */
	struct stats stats;
	uint64_t hash;
	struct failure failure; /* of the world that failed, and its seed */
	uint64_t failed_seed;
};

bool runs_go(struct runs *r);
bool runs_world(struct runs *r, uint64_t seed);
void runs_print(const struct runs *r, double wall);
