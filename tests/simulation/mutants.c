/* SPDX-License-Identifier: Apache-2.0 */

/*
 * simulation-mutants: each planted bug must be found, and found as the break of its own promise. The table shows which
 * promise the oracle named first; the build without a mutant passes the same worlds. With the argument "real" the
 * secure side is the SPMC: then bugs are planted there, too. simulation-mutants fake|real SEED SYMBOL asks for one bug.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mutant.h"
#include "tests/simulation/holes.h"
#include "tests/simulation/runs.h"
#include "tests/simulation/side.h"

#define WORLDS 1200
#define OTHERS_MAX 12 /* worlds in which another promise may be seen to break first, before the bug's own is */

static const struct {
	const char *symbol, *promise, *what;
} mutants[] = {
#define MUTANT_ROW(symbol, promise, what) { #symbol, promise, what },
	MUTANTS(MUTANT_ROW)
};

static const char *const promises[] = { "P1", "P2", "P3", "P4", "P5", "P6" };

/*
 * The SPMC's own SPs want the same for all their lives, hardly ever answer a guest after its call was given up, or a life that was
 * forgotten, and run what FFA_RUN names.
 */
static bool needs_the_fakes(enum mutant which)
{
	return which == MUTANT_P1_UNWANTED_OWED || which == MUTANT_P1_FORGOTTEN_OPEN || which == MUTANT_P5_STRANGER_ANSWERED ||
		which == MUTANT_P1_RUN_IS_OVER || which == MUTANT_P1_RUN_REFUSED || which == MUTANT_P6_CALL_UNFORGOTTEN;
}

/* The fakes' SPs set nothing on their own. */
static bool needs_the_spmc(enum mutant which)
{
	return which == MUTANT_P6_SP_UNNOTIFIED;
}

/* Only in a log with holes. */
static bool needs_holes(enum mutant which)
{
	return which == MUTANT_P2_LOST_ID_REUSED || which == MUTANT_P2_LOST_ID_UNMET || which == MUTANT_P2_LOST_ID_MET ||
		which == MUTANT_P6_IDS_UNSAID || which == MUTANT_P6_SLOT_LOST ||
		which == MUTANT_P6_LOST_LIFE_AWAITED;
}

static bool is_found_by_holes(enum mutant which, uint64_t seed)
{
	struct holes_sum sum = { 0 };
	struct failure f = { 0 };
	bool own;

	mutant = which;
	own = !holes_go(seed, 60, &sum, &f) && !strcmp(f.promise, mutants[which].promise);
	mutant = MUTANT_NONE;
	printf("%-34s found by %s after %zu worlds, %zu logs with holes  %s\n", mutants[which].symbol, f.failed ? f.promise : "nobody",
		sum.worlds, sum.tries, f.failed ? f.text : "SURVIVED");
	return own;
}

/*
 * The worlds, and how each goes without a mutant: it must be clean, and tells which mutants can make a difference there. It is
 * lived when the first mutant comes so far.
 */
static struct {
	const struct side_ops *side;
	struct random seeds;
	uint64_t lives;
	size_t count;
	struct {
		uint64_t seed;
		bool asked[MUTANT_COUNT];
	} world[WORLDS];
} sound;

static bool is_clean(size_t number)
{
	while (sound.count <= number) {
		struct runs r = { .side = sound.side, .faults = -1 };

		mutant = MUTANT_NONE;
		memset(mutant_asked, 0, sizeof(mutant_asked));
		sound.world[sound.count].seed = random_next(&sound.seeds) % 1000000000;
		if (!runs_world(&r, sound.world[sound.count].seed))
			return false;
		memcpy(sound.world[sound.count++].asked, mutant_asked, sizeof(mutant_asked));
		sound.lives += r.stats.lives;
	}
	return true;
}

/* Which of several breaks shows first goes by how an SP answers: each as its own is asked with the fakes alone. */
static bool is_killed_by_its_own(enum mutant which)
{
	struct runs r = { .side = sound.side, .faults = -1, .quiet = true };
	unsigned others = 0;
	bool lived = true, own = false;
	size_t i = 0;

	while (!own && i < WORLDS && others <= OTHERS_MAX) {
		if (!is_clean(i))
			return false;
		if (sound.world[i++].asked[which]) {
			mutant = which;
			lived = runs_world(&r, sound.world[i - 1].seed);
			own = !lived && (sound.side == &real_side || !strcmp(r.failure.promise, mutants[which].promise));
			others += !lived;
		}
	}
	mutant = MUTANT_NONE;
	printf("%-34s", mutants[which].symbol);
	for (size_t k = 0; k < sizeof(promises) / sizeof(*promises); k++)
		printf(" %-3s", lived || strcmp(r.failure.promise, promises[k]) ? "." : own ? "X" : "!");
	printf(" after %4zu worlds, %4" PRIu64 " lived  %s\n", i, r.stats.worlds, lived ? "SURVIVED" : r.failure.text);
	fflush(stdout);
	return own;
}

/* Bugs of the receiver, seen in its books alone: without a fault, so that nothing excuses them. */
static bool is_found_in_the_books(enum side_bug which, uint64_t seed)
{
	static const char *const names[SIDE_BUGS] = { "", "receiver: keeps", "receiver: ignores", "receiver: forgets" };
	struct runs r = { .side = &real_side, .seed = seed, .lives = SIZE_MAX, .quiet = true, .worlds = WORLDS };
	bool lived;

	mutant = MUTANT_NONE;
	side_bug = which;
	lived = runs_go(&r);
	side_bug = SIDE_SOUND;
	printf("%-34s found by %s after %" PRIu64 " worlds, %" PRIu64 " lives  %s\n", names[which],
		lived ? "nobody" : r.failure.promise, r.stats.worlds, r.stats.lives, lived ? "SURVIVED" : r.failure.text);
	return !lived;
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	bool ok = true;

	sound.side = argc > 1 && !strcmp(argv[1], "real") ? &real_side : &fake_side;
	sound.seeds.state = seed;
	log_open("simulation", -1);
	printf("%-34s P1  P2  P3  P4  P5  P6\n", "");
	for (int i = MUTANT_NONE + 1; i < MUTANT_COUNT; i++) {
		if (argc > 3 && strcmp(argv[3], mutants[i].symbol))
			continue;
		if (sound.side == &real_side && needs_the_fakes((enum mutant)i)) {
			printf("%-34s is asked with the fakes alone\n", mutants[i].symbol);
			continue;
		}
		if (sound.side != &real_side && needs_the_spmc((enum mutant)i)) {
			printf("%-34s is asked with the SPMC alone\n", mutants[i].symbol);
			continue;
		}
		ok &= needs_holes((enum mutant)i) ? is_found_by_holes((enum mutant)i, seed) : is_killed_by_its_own((enum mutant)i);
	}
	for (int i = SIDE_SOUND + 1; argc <= 3 && sound.side == &real_side && i < SIDE_BUGS; i++)
		ok &= is_found_in_the_books((enum side_bug)i, seed);
	printf("%-34s .   .   .   .   .   .   after %4zu worlds, %6" PRIu64 " lives\n", "(no mutant)", sound.count, sound.lives);
	return ok ? 0 : 1;
}
