/* SPDX-License-Identifier: Apache-2.0 */

/* simulation-holes [SEED [WORLDS]] */

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "tests/simulation/holes.h"

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 7;
	unsigned worlds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : getenv("SIM_LIVES") ? 10 : 60;
	struct holes_sum sum = { 0 };
	struct failure f = { 0 };

	log_open("simulation", -1);
	if (!holes_go(seed, worlds, &sum, &f))
		printf("%s BROKEN in world %zu of seed %llu: %s\n", f.promise, sum.worlds, (unsigned long long)seed, f.text);
	printf("%zu logs with holes, %zu records that did not fit any more, %zu VMs and %zu lives to begin with, %zu ids lost, "
	       "%zu of them given again in another secure world\n",
		sum.tries, sum.refused, sum.vms, sum.lives, sum.lost_ids, sum.given_again);
	return f.failed || !sum.refused || !sum.lost_ids || !sum.given_again || sum.lives < sum.tries ? EXIT_FAILURE : EXIT_SUCCESS;
}
