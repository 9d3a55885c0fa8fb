/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The fake store: the committed turns, copied whole, are the disk. A commit completes at once or later, much later, is
 * refused for a while, at once or when it was taken already. So does a snapshot; then the next line is behind it. A crash
 * loses what was not completed, or finds it written after all: nobody had been told of either.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simulation/sim.h"

static void *copy_of(const void *what, size_t size)
{
	void *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	return size ? memcpy(copy, what, size) : copy;
}

struct turn disk_copy_turn(const struct turn *from)
{
	struct turn t = *from;

	t.change = copy_of(from->change, from->count * sizeof(*from->change));
	for (size_t i = 0; i < t.count; i++)
		if (change_has_definition(&t.change[i]))
			t.change[i].definition = copy_of(t.change[i].definition, sizeof(struct vm_definition));
	return t;
}

static void free_turn(struct turn *t, bool definitions)
{
	for (size_t i = 0; definitions && i < t->count; i++)
		if (change_has_definition(&t->change[i]))
			free(t->change[i].definition);
	free(t->change);
}

static void land(struct world *w, struct stored_turn *line)
{
	struct disk *d = &w->disk;

	if (d->count == d->size) {
		d->size = d->size ? 2 * d->size : 64;
		d->line = realloc(d->line, d->size * sizeof(*d->line));
		if (!d->line)
			abort();
	}
	d->line[d->count++] = *line;
	if (line->snapshot)
		return;
	oracle_stored(w, &line->turn);
	d->last_seq = line->turn.last_seq;
	w->stats.commits++;
}

static void forget_before(struct disk *d, size_t first)
{
	for (size_t i = 0; i < first; i++)
		free_turn(&d->line[i].turn, true);
	memmove(d->line, d->line + first, (d->count - first) * sizeof(*d->line));
	d->count -= first;
}

static void land_snapshot(struct world *w, struct stored_turn *whole)
{
	struct disk *d = &w->disk;

	if (d->count > EVENT_RING_SIZE || d->current > EVENT_RING_SIZE) {
		forget_before(d, d->current);
		d->current = 0;
	}
	land(w, whole);
	d->current = d->count - 1;
}

static void drop(struct stored_turn **line)
{
	if (*line)
		free_turn(&(*line)->turn, true);
	free(*line);
	*line = NULL;
}

/* What is in front of a line is over before it is; it may have failed, and nobody need care. */
static void end_snapshot(struct world *w)
{
	struct disk *d = &w->disk;

	if (!d->snapshot)
		return;
	if (w->now < d->full_until || random_chance(&w->random, 100)) {
		drop(&d->snapshot);
		return;
	}
	land_snapshot(w, d->snapshot);
	free(d->snapshot);
	d->snapshot = NULL;
}

static void snapshot_completed(struct world *w, uint64_t incarnation, uint64_t b, void *data)
{
	if (incarnation == w->incarnation && w->engine)
		end_snapshot(w);
}

static void fail_commit(struct world *w)
{
	struct disk *d = &w->disk;

	wire_note(w, "disk fails");
	drop(&d->pending);
	d->refused = true;
	w->in_engine = true;
	engine_commit_failed(w->engine, -EIO);
	w->in_engine = false;
}

static void completed(struct world *w, uint64_t incarnation, uint64_t number, void *data)
{
	struct disk *d = &w->disk;
	struct stored_turn *line = d->pending;

	if (incarnation != w->incarnation || number != d->commits || !line || !w->engine)
		return;
	end_snapshot(w);
	if (w->now < d->full_until) {
		fail_commit(w);
		return;
	}
	d->pending = NULL;
	land(w, line);
	d->refused = false;
	(void)world_output(w); /* it is written; whether the daemon lives to hear of it is another matter */
	w->in_engine = true;
	if (!w->dead)
		engine_committed(w->engine, line->turn.last_seq);
	w->in_engine = false;
	free(line);
}

static struct stored_turn line_of(struct world *w, const struct turn *turn, bool snapshot)
{
	struct stored_turn line = { disk_copy_turn(turn), snapshot, w->boot };

	memset(line.turn.boot, 0, sizeof(line.turn.boot));
	memcpy(line.turn.boot, &w->boot, sizeof(w->boot));
	return line;
}

/* Now and then a disk that fails takes its time first, and whoever waits for it has to be told why. */
static uint64_t takes(struct world *w)
{
	bool hangs = w->faults.kinds & MISCHIEF_DISK && !w->quiet && random_chance(&w->random, 3);

	return hangs ? random_between(&w->random, 500 * MS, 5 * S) : random_between(&w->random, 10 * US, 3 * MS);
}

static int commit(void *store, const struct turn *turn)
{
	struct world *w = store;
	struct disk *d = &w->disk;
	struct stored_turn line;

	if (d->pending)
		fail(w, "P4", "a commit while another is under way");
	if (!d->refused)
		d->first_given = world_monotonic(w);
	if (!world_output(w))
		return -EIO;
	if (w->now < d->full_until && !(d->delayed && random_chance(&w->random, 500))) {
		wire_note(w, "disk is full");
		d->refused = true;
		return -ENOSPC;
	}
	line = line_of(w, turn, false);
	d->since_snapshot++;
	d->commits++;
	if (d->snapshot || (d->delayed && (w->now < d->full_until || random_chance(&w->random, 700)))) {
		d->pending = copy_of(&line, sizeof(line));
		d->given = world_monotonic(w);
		queue_put(&w->queue, w->now + takes(w), completed, w->incarnation, d->commits, NULL);
		return 0;
	}
	d->refused = false;
	land(w, &line);
	if (!w->dead)
		engine_committed(w->engine, turn->last_seq);
	return 0;
}

/* Whether the disk is what everybody waits for, and has to be named. In the very moment of the bound both is right. */
bool disk_is_named_rightly(const struct world *w, bool named)
{
	const struct disk *d = &w->disk;
	uint64_t waited = d->pending ? world_monotonic(w) - d->given : 0;

	return waited == S || named == (d->refused || waited > S);
}

static bool wants_snapshot(void *store)
{
	struct world *w = store;

	return !w->disk.snapshot && w->disk.since_snapshot >= w->disk.snapshot_every;
}

static int snapshot(void *store, const struct turn *whole)
{
	struct world *w = store;
	struct disk *d = &w->disk;
	struct stored_turn line;

	if (!world_output(w))
		return -EIO;
	if (w->now < d->full_until)
		return -ENOSPC;
	if (whole->last_seq != d->last_seq)
		fail(w, "P4", "a snapshot at %" PRIu64 " of a log that ends at %" PRIu64, whole->last_seq, d->last_seq);
	line = line_of(w, whole, true);
	d->since_snapshot = 0;
	if (d->delayed && random_chance(&w->random, 700)) {
		d->snapshot = copy_of(&line, sizeof(line));
		queue_put(&w->queue, w->now + random_between(&w->random, 10 * US, 30 * MS), snapshot_completed,
			w->incarnation, 0, NULL);
	} else {
		land_snapshot(w, &line);
	}
	return 0;
}

const struct store_ops disk_ops = { commit, wants_snapshot, snapshot };

void disk_crash(struct world *w)
{
	struct disk *d = &w->disk;
	struct stored_turn *line;

	d->refused = false;
	if (d->snapshot && random_chance(&w->random, 500))
		drop(&d->pending); /* what is in front of it was not over yet */
	line = d->pending;
	if (line || random_chance(&w->random, 500))
		end_snapshot(w);
	drop(&d->snapshot);
	if (line && random_chance(&w->random, 500)) {
		land(w, line);
		free(line);
		d->pending = NULL;
	}
	drop(&d->pending);
}

static void refuse_line(struct world *w, size_t i, int r)
{
	const struct turn *t = &w->disk.line[i].turn;

	for (size_t k = 0; k < t->count; k++)
		wire_note(w, "disk  %s %" PRIu64 ": kind %u, VM %" PRIu64 ", life %" PRIu64,
			w->disk.line[i].snapshot ? "snapshot" : "line", t->change[k].seq, t->change[k].kind,
			t->change[k].vm, t->change[k].life);
	fail(w, "P4", "line %zu of the log cannot be loaded: %d", i, r);
}

void disk_load(struct world *w)
{
	for (size_t i = 0; i < w->disk.count; i++) {
		struct stored_turn *line = &w->disk.line[i];
		struct turn t = disk_copy_turn(&line->turn);
		int r = engine_load(w->engine, &t, line->snapshot, NULL);

		if (r < 0)
			refuse_line(w, i, r);
		free_turn(&t, false);
	}
}

void disk_free(struct disk *d)
{
	drop(&d->pending);
	drop(&d->snapshot);
	forget_before(d, d->count);
	free(d->line);
	*d = (struct disk) { 0 };
}
