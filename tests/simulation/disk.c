/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The fake store: the committed turns, copied whole, are the disk. A commit completes at once or later, or is refused
 * for a while. A crash loses what was not completed, or finds it written after all: nobody had been told of either.
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

static struct turn copy_turn(const struct turn *from)
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

static void completed(struct world *w, uint64_t incarnation, uint64_t b, void *data)
{
	struct disk *d = &w->disk;
	struct stored_turn *line = d->pending;

	if (incarnation != w->incarnation || !line || !w->engine)
		return;
	d->pending = NULL;
	land(w, line);
	w->in_engine = true;
	engine_committed(w->engine, line->turn.last_seq);
	w->in_engine = false;
	free(line);
}

static int commit(void *store, const struct turn *turn)
{
	struct world *w = store;
	struct disk *d = &w->disk;
	struct stored_turn line;

	if (d->pending)
		fail(w, "P4", "a commit while another is under way");
	if (!world_output(w))
		return -EIO;
	if (w->now < d->full_until) {
		wire_note(w, "disk is full");
		d->refused = true;
		return -ENOSPC;
	}
	d->refused = false;
	line = (struct stored_turn) { copy_turn(turn), false, w->boot };
	memset(line.turn.boot, 0, sizeof(line.turn.boot));
	memcpy(line.turn.boot, &w->boot, sizeof(w->boot));
	d->since_snapshot++;
	if (d->delayed && random_chance(&w->random, 700)) {
		d->pending = copy_of(&line, sizeof(line));
		queue_put(&w->queue, w->now + random_between(&w->random, 10 * US, 3 * MS), completed, w->incarnation, 0,
			NULL);
		return 0;
	}
	land(w, &line);
	if (!w->dead)
		engine_committed(w->engine, turn->last_seq);
	return 0;
}

static bool wants_snapshot(void *store)
{
	struct world *w = store;

	return w->disk.since_snapshot >= w->disk.snapshot_every;
}

static void forget_before(struct disk *d, size_t first)
{
	for (size_t i = 0; i < first; i++)
		free_turn(&d->line[i].turn, true);
	memmove(d->line, d->line + first, (d->count - first) * sizeof(*d->line));
	d->count -= first;
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
	if (d->count > EVENT_RING_SIZE || d->current > EVENT_RING_SIZE) {
		forget_before(d, d->current);
		d->current = 0;
	}
	line = (struct stored_turn) { copy_turn(whole), true, w->boot };
	memset(line.turn.boot, 0, sizeof(line.turn.boot));
	memcpy(line.turn.boot, &w->boot, sizeof(w->boot));
	d->since_snapshot = 0;
	land(w, &line);
	d->current = d->count - 1;
	return 0;
}

const struct store_ops disk_ops = { commit, wants_snapshot, snapshot };

void disk_crash(struct world *w)
{
	struct disk *d = &w->disk;
	struct stored_turn *line = d->pending;

	d->refused = false;
	d->pending = NULL;
	if (!line)
		return;
	if (random_chance(&w->random, 500))
		land(w, line);
	else
		free_turn(&line->turn, true);
	free(line);
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
		struct turn t = copy_turn(&line->turn);
		int r = engine_load(w->engine, &t, line->snapshot);

		if (r < 0)
			refuse_line(w, i, r);
		free_turn(&t, false);
	}
}

void disk_free(struct disk *d)
{
	if (d->pending) {
		free_turn(&d->pending->turn, true);
		free(d->pending);
	}
	forget_before(d, d->count);
	free(d->line);
	*d = (struct disk) { 0 };
}
