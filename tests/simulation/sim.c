/* SPDX-License-Identifier: Apache-2.0 */

/* simulation: random worlds until enough lives were lived. A seed gives the same run, to the last byte of the trace. */

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/mutant.h"
#include "tests/simulation/runs.h"

#define WHOLE 8000 /* in so many lives everything happens that can */

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#ifdef LIFECYCLED_MUTANTS
#define MUTANT_NAME(symbol, promise, what) #symbol,
static const char *const mutant_names[] = { MUTANTS(MUTANT_NAME) };

static bool choose_mutant(const char *name)
{
	for (int i = 0; i < MUTANT_COUNT; i++)
		if (!strcmp(name, mutant_names[i])) {
			mutant = (enum mutant)i;
			return true;
		}
	return false;
}
#else
static bool choose_mutant(const char *name)
{
	return !*name;
}
#endif

static int usage(void)
{
	fputs("simulation [--seed N] [--lives N] [--faults none|all] [--secure fake|real] [--world N] "
	      "[--mutant NAME] [--verbose] [--twice]\n",
		stderr);
	return 2;
}

/* The same seed twice must leave the same trace. */
static bool is_deterministic(const struct runs *asked)
{
	struct runs one = *asked, two;

	one.lives = one.lives < 400 ? one.lives : 400;
	two = one;
	if (!runs_go(&one) || !runs_go(&two))
		return false;
	printf("twice the same seed: %016" PRIx64 " %016" PRIx64 "\n", one.hash, two.hash);
	return one.hash == two.hash;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "seed", 1, NULL, 's' }, { "lives", 1, NULL, 'l' },
		{ "faults", 1, NULL, 'f' }, { "secure", 1, NULL, 'S' }, { "world", 1, NULL, 'w' }, { "mutant", 1, NULL, 'm' },
		{ "verbose", 0, NULL, 'v' }, { "twice", 0, NULL, 't' }, { NULL, 0, NULL, 0 } };
	const char *lives = getenv("SIM_LIVES"), *world = NULL;
	struct runs r = {
		.side = &fake_side, .seed = 1, .lives = lives ? strtoull(lives, NULL, 0) : 0, .faults = -1
	};
	bool ok = true, twice = false;
	double start = seconds();

	log_open("simulation", -1); /* the daemon tells its worlds nothing here */

	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (c == 's')
			r.seed = strtoull(optarg, NULL, 0);
		else if (c == 'l')
			r.lives = strtoull(optarg, NULL, 0);
		else if (c == 'f' && (!strcmp(optarg, "none") || !strcmp(optarg, "all")))
			r.faults = *optarg == 'a';
		else if (c == 'S' && (!strcmp(optarg, "fake") || !strcmp(optarg, "real")))
			r.side = *optarg == 'r' ? &real_side : &fake_side;
		else if (c == 'w')
			world = optarg;
		else if (c == 'm' && choose_mutant(optarg))
			;
		else if (c == 'v')
			r.verbose = true;
		else if (c == 't')
			twice = true;
		else
			return usage();
	}
	if (!r.lives)
		r.lives = r.side == &real_side ? 20000 : 10000;
	if (world)
		ok = runs_world(&r, strtoull(world, NULL, 0));
	else if (twice)
		ok = is_deterministic(&r);
	else
		ok = runs_go(&r);
	if (ok && !world && !twice && r.faults < 0 && r.lives >= WHOLE)
		ok = coverage_is_whole(&r.stats.coverage);
	if (!twice)
		runs_print(&r, seconds() - start);
	return ok ? 0 : 1;
}
