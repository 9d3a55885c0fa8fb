/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Gives a life's memory back, until it is done: in the helper thread, but where there is next to nothing to free. A fleet
 * that goes leaves its jobs to the thread.
 */

#include "fleet/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define REMOVE_AGAIN_NS 1000000000ull

struct job {
	struct list node;
	struct fleet *fleet; /* NULL: gone */
	struct places *places;
	struct notice notice;
	uint64_t life;
	uint64_t again; /* 0: under way, or done */
	int result;
	bool huge, sweep, complained;
};

static void job_free(void *arg)
{
	struct job *j = arg;

	list_remove(&j->node);
	list_remove(&j->notice.node);
	places_unref(j->places);
	free(j);
}

static void job_work(void *arg)
{
	struct job *j = arg;

	if (j->sweep)
		memory_sweep(j->places);
	else
		j->result = life_remove(j->places, j->life, j->huge);
}

static void job_later(struct job *j, const char *what, int error)
{
	if (!j->complained)
		log_error("life %llu: %s: %s; tried again every second", (unsigned long long)j->life, what,
			strerror(-error));
	j->complained = true;
	j->again = loop_monotonic() + REMOVE_AGAIN_NS;
	fleet_wake_by(j->fleet, j->again);
}

static void job_done(void *arg)
{
	struct job *j = arg;

	if (!j->fleet || j->sweep) {
		job_free(j);
	} else if (j->result < 0) {
		job_later(j, "its memory cannot be removed", j->result);
	} else {
		j->notice.told = job_free;
		j->notice.arg = j;
		fleet_tell(j->fleet, &j->notice);
	}
}

static void job_run(struct job *j)
{
	int r;

	j->again = 0;
	r = loop_offload(j->fleet->loop, job_work, job_done, j);
	if (r < 0)
		job_later(j, "no helper thread", r);
}

static struct job *job_new(struct fleet *f, uint64_t life)
{
	struct job *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	j->fleet = f;
	j->places = f->places;
	j->places->refs++;
	j->life = life;
	j->notice.in = (struct input){ .kind = IN_RECLAIMED, .life = life };
	list_init(&j->notice.node);
	list_append(&f->jobs, &j->node);
	return j;
}

static bool reclaim(struct fleet *f, uint64_t life, bool huge)
{
	struct job *j = job_new(f, life);

	if (!j)
		return false;
	j->huge = huge;
	if (huge || !life_is_small(j->places, life)) {
		job_run(j);
		return true;
	}
	job_work(j);
	job_done(j);
	return true;
}

static void put_off(struct fleet *f, uint64_t life, bool huge)
{
	if (f->unclaimed_count == UNCLAIMED_MAX) {
		log_error("life %llu: no memory to reclaim it; it is reclaimed when the daemon starts again", (unsigned long long)life);
		return;
	}
	if (!f->unclaimed_count)
		log_error("life %llu: no memory to reclaim it; tried again every second", (unsigned long long)life);
	f->unclaimed[f->unclaimed_count].life = life;
	f->unclaimed[f->unclaimed_count++].huge = huge;
	fleet_wake_by(f, loop_monotonic() + REMOVE_AGAIN_NS);
}

void fleet_reclaim(void *fleet, struct committed proof, uint64_t life, bool huge)
{
	if (!reclaim(fleet, life, huge))
		put_off(fleet, life, huge);
}

/* The last first: they are all late. Out of the list before, for the engine may ask for more at once. True: some are left. */
static bool reclaim_unclaimed(struct fleet *f)
{
	while (f->unclaimed_count) {
		unsigned last = --f->unclaimed_count;

		if (!reclaim(f, f->unclaimed[last].life, f->unclaimed[last].huge)) {
			f->unclaimed_count++;
			return true;
		}
	}
	return false;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t jobs_house(struct fleet *f, uint64_t now)
{
	uint64_t next = LOOP_NEVER;
	struct job *j;

	list_for_each(j, &f->jobs, node) {
		if (j->again && j->again <= now)
			job_run(j);
		if (j->again && j->again < next)
			next = j->again;
	}
	return reclaim_unclaimed(f) ? sooner(next, now + REMOVE_AGAIN_NS) : next;
}

void fleet_sweep(struct fleet *f)
{
	struct job *j = job_new(f, 0);

	if (!j)
		return;
	j->sweep = true;
	if (loop_offload(f->loop, job_work, job_done, j) < 0)
		job_free(j);
}

void jobs_leave(struct fleet *f)
{
	while (!list_is_empty(&f->jobs)) {
		struct job *j = container_of(f->jobs.next, struct job, node);
		bool waits = j->again || !list_is_empty(&j->notice.node);

		j->fleet = NULL;
		list_remove(&j->node);
		if (waits)
			job_free(j); /* else the helper thread has it: job_done frees it */
	}
}
