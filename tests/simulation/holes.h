/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Logs of random worlds, cut off somewhere, with records left out as damage would, or all in front. The rest must load; and whatever
 * came of it must come to an end: every VM can be started and destroyed. What is right is not known here, for a part of the truth is
 * gone; what is wrong is a daemon that dies, a VM that nobody gets rid of (P6), or an id of a lost life that is given out (P2): before
 * SPs are met, which may be long after, or to those that were met first, whoever they are. In another secure world it is free again.
 */

#include "tests/simulation/sim.h"

/* What the tries were made of, so that nothing is proven of nothing. */
struct holes_sum {
	size_t worlds, tries, refused, vms, lives, lost_ids, given_again;
};

bool holes_go(uint64_t seed, unsigned worlds, struct holes_sum *sum, struct failure *f);
