/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/runs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

LIFECYCLE_NAME_TABLE(lease_names, LEASE_STATES);
LIFECYCLE_NAME_TABLE(how_names, DEBT_HOWS);
LIFECYCLE_NAME_TABLE(cause_names, CAUSES);

static void add(struct stats *sum, const struct stats *s)
{
	sum->lives += s->lives;
	sum->worlds++;
	sum->steps += s->steps;
	sum->crashes += s->crashes;
	sum->kills += s->kills;
	sum->stale += s->stale;
	sum->strangers += s->strangers;
	sum->reboots += s->reboots;
	sum->link_breaks += s->link_breaks;
	sum->sp_restarts += s->sp_restarts;
	sum->commits += s->commits;
	sum->refusals += s->refusals;
	sum->virtual_time += s->virtual_time;
	for (size_t i = 0; i < DEBT_HOW_COUNT; i++)
		sum->how[i] += s->how[i];
	for (size_t i = 0; i < LEASE_STATE_COUNT; i++)
		sum->lease[i] += s->lease[i];
	for (size_t i = 0; i < CAUSE_COUNT; i++)
		sum->cause[i] += s->cause[i];
	coverage_add(&sum->coverage, &s->coverage);
}

static void print_failure(const struct world *w)
{
	printf("%s BROKEN in world %" PRIu64 " (%zu VMs, %zu SPs), step %" PRIu64 ": %s\n", w->failure.promise, w->seed,
		w->vm_count, w->sp_count, w->failure.step, w->failure.text);
	wire_print(&w->wire);
	printf("again: simulation --secure %s --world %" PRIu64 " --faults %s\n", w->side == &real_side ? "real" : "fake", w->seed,
		w->faults.kinds ? "all" : "none");
}

bool runs_world(struct runs *r, uint64_t seed)
{
	struct random dice = { seed };
	size_t lives = random_between(&dice, 10, 150);
	bool faults = r->faults < 0 ? random_chance(&dice, 800) : r->faults;
	struct world *w = malloc(sizeof(*w));
	bool ok;

	if (!w)
		abort();
	ok = world_run(w, r->side, seed, lives, faults, r->verbose);
	add(&r->stats, &w->stats);
	r->hash = (r->hash ^ w->wire.hash) * 0x100000001B3ull;
	if (!ok) {
		r->failure = w->failure;
		r->failed_seed = seed;
		if (!r->quiet)
			print_failure(w);
	}
	world_free(w);
	free(w);
	return ok;
}

bool runs_go(struct runs *r)
{
	struct random seeds = { r->seed };

	while (r->stats.lives < r->lives && (!r->worlds || r->stats.worlds < r->worlds))
		if (!runs_world(r, random_next(&seeds) % 1000000000))
			return false;
	return true;
}

void runs_print(const struct runs *r, double wall)
{
	const struct stats *s = &r->stats;

	printf("%" PRIu64 " lives in %" PRIu64 " worlds, %.1f h of virtual time, %" PRIu64 " steps, %" PRIu64
	       " commits\n",
		s->lives, s->worlds, (double)s->virtual_time / 3600e9, s->steps, s->commits);
	printf("daemon deaths %" PRIu64 ", VMM kills %" PRIu64 ", reboots %" PRIu64 ", link breaks %" PRIu64 ", stale VMMs %" PRIu64
	       ", SP restarts %" PRIu64 ", refused requests %" PRIu64 ", lives of units that others started %" PRIu64 "\n",
		s->crashes, s->kills, s->reboots, s->link_breaks, s->stale, s->sp_restarts, s->refusals, s->strangers);
	printf("ways to settle:");
	for (size_t i = HOW_SP_UNKNOWN; i <= HOW_FORGOT; i++)
		printf(" %s %" PRIu64, how_names[i], s->how[i]);
	printf(" (answered-0 %" PRIu64 ")\ncauses:", s->how[HOW_ANSWERED]);
	for (size_t i = 1; i < CAUSE_COUNT; i++)
		if (s->cause[i])
			printf(" %s %" PRIu64, cause_names[i], s->cause[i]);
	printf("\nleases:");
	for (size_t i = LEASE_ASKED; i < LEASE_STATE_COUNT; i++)
		printf(" %s %" PRIu64, lease_names[i], s->lease[i]);
	printf("\n%.1f s, %.0f lives/s, trace %016" PRIx64 "\n", wall, (double)s->lives / (wall > 0 ? wall : 1),
		r->hash);
}
