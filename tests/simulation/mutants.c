/* SPDX-License-Identifier: Apache-2.0 */

/*
 * simulation-mutants: each planted bug must be found, and found as the break of its own promise. The table shows which
 * promise the oracle named first; the build without a mutant passes the same worlds.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mutant.h"
#include "tests/simulation/runs.h"

#define WORLDS 400

static const struct {
	const char *symbol, *promise, *what;
} mutants[] = {
#define MUTANT_ROW(symbol, promise, what) { #symbol, promise, what },
	MUTANTS(MUTANT_ROW)
};

static const char *const promises[] = { "P1", "P2", "P3", "P4", "P5", "P6" };

static bool is_killed_by_its_own(enum mutant which)
{
	struct runs r = { .seed = 7, .lives = SIZE_MAX, .faults = -1, .quiet = true, .worlds = WORLDS };
	bool lived, own;

	mutant = which;
	lived = runs_go(&r);
	own = !lived && !strcmp(r.failure.promise, mutants[which].promise);
	printf("%-34s", mutants[which].symbol);
	for (size_t i = 0; i < sizeof(promises) / sizeof(*promises); i++)
		printf(" %-3s", lived || strcmp(r.failure.promise, promises[i]) ? "." : own ? "X" : "!");
	printf(" after %4" PRIu64 " worlds, %6" PRIu64 " lives  %s\n", r.stats.worlds, r.stats.lives,
		lived ? "SURVIVED" : r.failure.text);
	fflush(stdout);
	return own;
}

static bool is_clean(void)
{
	struct runs r = { .seed = 7, .lives = SIZE_MAX, .faults = -1, .worlds = WORLDS / 8 };

	mutant = MUTANT_NONE;
	return runs_go(&r);
}

int main(void)
{
	bool ok;

	log_open("simulation", -1);
	ok = is_clean();

	printf("%-34s P1  P2  P3  P4  P5  P6\n", "");
	for (int i = MUTANT_NONE + 1; i < MUTANT_COUNT; i++)
		ok &= is_killed_by_its_own((enum mutant)i);
	return ok ? 0 : 1;
}
