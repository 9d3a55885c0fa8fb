/* SPDX-License-Identifier: Apache-2.0 */
#include "store/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/log.h"
#include "store/log_private.h"
#include "store/log_text.h"
#include "store/records.h"

#define SNAPSHOT_AGAIN                                                                                       \
	(64u << 10) /* after a snapshot failed, the log grows that much before the next try                  \
		     */

/* A line is checked as a whole: a turn is in the log or it is not (promise P4 needs no half turns). */
int line_print(struct buffer *b, const struct turn *turn, bool snapshot, const uint8_t boot[16])
{
	static const char hex[] = "0123456789abcdef";
	size_t begin = b->length;
	uint32_t crc;

	buffer_bytes(b, "00000000 ", LINE_HEAD);
	turn_print(b, turn, snapshot, boot);
	buffer_char(b, '\n');
	if (b->error)
		return b->error;
	begin += LINE_HEAD;
	crc = (uint32_t)crc32(0, (const Bytef *)b->data + begin, (uInt)(b->length - begin - 1));
	for (unsigned i = 0; i < 8; i++)
		b->data[begin - LINE_HEAD + i] = hex[crc >> (28 - 4 * i) & 0xF];
	return 0;
}

/*
 * The changes a follower is told of. The others fill the log too, but the promise is about events: so many
 * can always be read from the log and the one before.
 */
uint64_t turn_events(const struct turn *turn)
{
	uint64_t events = 0;

	for (size_t i = 0; i < turn->count; i++) {
		uint8_t kind = turn->change[i].kind;

		events +=
			kind != CHANGE_VMM && kind != CHANGE_OPEN && kind != CHANGE_END && kind != CHANGE_IDS && kind != CHANGE_BURNED &&
			kind != CHANGE_SHUTDOWN && kind != CHANGE_BOUND && kind != CHANGE_LEASE && kind != CHANGE_AUTOSTART;
	}
	return events;
}

/*
 * The boot id stands in a snapshot and in the first line of each boot, so that no turn is ever taken for one
 * of another boot, whenever the next snapshot comes.
 */
static const uint8_t *boot_to_tell(const struct store *s)
{
	return memcmp(s->boot, s->logged_boot, sizeof(s->boot)) == 0 ? NULL : s->boot;
}

/* What the log's end means for the next line and the next snapshot. */
static void line_over(struct store *s, const struct log_job *job)
{
	if (job->error < 0)
		return;
	memcpy(s->logged_boot, s->boot, sizeof(s->boot));
	s->events += job->events;
	if (s->keeps_lost)
		log_forget_lost(s);
}

static void snapshot_over(struct store *s, const struct log_job *job)
{
	if (job->began_anew) {
		s->snapshots++;
		s->snapshot_size = job->size;
		s->events = 0;
		s->ask_at = 0;
		memcpy(s->logged_boot, s->boot, sizeof(s->boot));
	}
	if (job->error == 0)
		return;
	s->ask_at = s->size + SNAPSHOT_AGAIN;
	log_warning("the log could not be begun anew: %s; it goes on growing", strerror(-job->error));
}

static void job_over(struct store *s, struct log_job *job)
{
	job->under_way = false;
	s->size = job->size;
	if (job->error == 0)
		s->written += job->text.length;
	if (job->snapshot)
		snapshot_over(s, job);
	else
		line_over(s, job);
}

static int run_here(struct store *s, struct log_job *job)
{
	log_run(&s->file, job);
	job_over(s, job);
	if (job->error == 0 && !job->snapshot && s->done)
		s->done(s->ctx, job->last_seq, 0);
	return job->error;
}

/* On a disk by the writer, for it may take as long as it likes; elsewhere at once, for that is quicker than to ask. */
static int run(struct store *s, struct log_job *job)
{
	int e;

	if (!s->has_writer)
		return run_here(s, job);
	e = log_writer_give(&s->writer, job);
	job->under_way = e == 0;
	return e;
}

static int print_job(struct store *s, struct log_job *job, const struct turn *turn, const uint8_t *boot)
{
	if (!s->loaded)
		return -EBADF;
	if (job->under_way)
		return -EBUSY;
	buffer_reset(&job->text);
	job->last_seq = turn->last_seq;
	job->events = turn_events(turn);
	return line_print(&job->text, turn, job->snapshot, boot);
}

static int store_commit(void *store, const struct turn *turn)
{
	struct store *s = store;
	int e = print_job(s, &s->line, turn, boot_to_tell(s));

	return e < 0 ? e : run(s, &s->line);
}

/* What is stored and is no event has no end either: calls that open and close at SPs that are stuck, leases that come and go. */
static bool has_its_events(const struct store *s)
{
	const struct store_options *o = &s->options;

	return s->events >= o->snapshot_events || (o->snapshot_most && s->size > o->snapshot_most);
}

/*
 * When the log is new, so that it has something to begin with. Otherwise when it is long, and twice as long
 * again as what a snapshot would replace it with (so the cost of snapshots stays a fraction of that of
 * turns), and has as many events of its own as followers may ask for: it becomes log.1, and log.1 and log
 * together never have fewer, but where other changes have filled it.
 */
static bool store_wants_snapshot(void *store)
{
	const struct store *s = store;

	if (!s->loaded || s->snapshot.under_way || s->size < s->ask_at)
		return false;
	if (s->size == 0)
		return true;
	return s->size > s->options.snapshot_bytes && s->size - s->snapshot_size >= 2 * s->snapshot_size && has_its_events(s);
}

static int store_snapshot(void *store, const struct turn *whole)
{
	struct store *s = store;
	int e = print_job(s, &s->snapshot, whole, s->boot);

	if (e == 0)
		e = run(s, &s->snapshot);
	if (e < 0)
		s->ask_at = s->size + SNAPSHOT_AGAIN;
	return e;
}

int store_fd(const struct store *s)
{
	return s->writer.fd;
}

/* `done` may commit the next turn: the job is free again by then. */
void store_dispatch(struct store *s)
{
	struct log_job *job;

	while ((job = log_writer_take(&s->writer))) {
		job_over(s, job);
		if (!job->snapshot && s->done)
			s->done(s->ctx, job->last_seq, job->error);
	}
}

static void store_measure(const void *store, struct store_measure *ret)
{
	const struct store *s = store;

	*ret = (struct store_measure){ .bytes = s->size, .written = s->written, .snapshots = s->snapshots };
}

const struct store_ops store_ops = {
	.commit = store_commit,
	.wants_snapshot = store_wants_snapshot,
	.snapshot = store_snapshot,
	.measure = store_measure,
};
