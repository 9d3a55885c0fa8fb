/* SPDX-License-Identifier: Apache-2.0 */
#include "store/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "store/log_owner.h"
#include "store/log_text.h"
#include "store/records.h"
#include "store/uuid.h"

#define PARSE_FACTOR  64u
#define PARSE_LEAST   ((size_t)1 << 20)
#define PARSE_MAX     ((size_t)256 << 20)
#define TELL_EACH     20 /* of the records that are left out; all are in the file */

struct loading {
	struct store *store;
	int (*line)(void *ctx, const struct turn *turn, bool snapshot, const struct load_guard *guard);
	void *ctx;
	uint64_t last; /* number of the last turn handed over */
	uint8_t boot[16];
	struct aside aside;
	bool spare;   /* what is read now is in the snapshot, too: no need to save what can be saved */
	bool spoiled; /* and something of it could not be loaded */
	bool anew;    /* so the snapshot is loaded in its place */
};

/* The line that is being handed over. */
struct line {
	struct loading *loading;
	const struct log_text *text;
	size_t at, length;
	const struct turn_read *read; /* NULL: not yet */
};

static void free_readp(struct turn_read *r)
{
	turn_read_free(r);
}

static void ignore(void *arg, size_t nth, const char *why)
{
}

static struct aside_where where(const struct line *l, uint32_t nth)
{
	struct aside_where w = { .file = l->text->file, .nth = nth, .at = l->at };

	/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): where there is a line there is a text */
	memcpy(&w.check, l->text->data + l->at, l->length < sizeof(w.check) ? l->length : sizeof(w.check));
	return w;
}

/* Of a line that cannot be read, or that daemons die of, nothing is known. */
static int peek(struct aside *a, const struct log_text *t, size_t at, uint64_t *ret_last, bool *ret_snapshot)
{
	static const struct turn_rest rest = { .left_out = ignore };
	_cleanup_(free_readp) struct turn_read r = { 0 };
	size_t length = log_line_at(t, at);
	struct aside_where w;
	int e;

	*ret_last = 0;
	*ret_snapshot = false;
	if (!length || !log_line_is_whole(t->data + at, length - 1))
		return 0;
	w = where(&(struct line){ .text = t, .at = at, .length = length }, ASIDE_LINE);
	if (!aside_before(a, &w))
		return 0;
	e = turn_read_rest(t->data + at + LINE_HEAD, length - LINE_HEAD - 1, &rest, &r);
	aside_pause(a);
	if (e < 0)
		return e == -EBADMSG ? 0 : e;
	*ret_last = r.turn.last_seq;
	*ret_snapshot = r.snapshot;
	return 0;
}

/* A last line without its end is a turn that was never told to anyone: it is dropped. */
static int drop_torn(struct store *s, struct log_text *t)
{
	if (!t->torn)
		return 0;
	log_warning("%s: the last line is torn (%zu bytes); dropped", t->name, t->torn);
	if (ftruncate(s->file.log, (off_t)t->length) < 0)
		return -errno;
	return s->file.volatile_place || fdatasync(s->file.log) == 0 ? 0 : -errno;
}

/* ---- a line ---- */

/*
 * A parser without memory may find anything: nothing is given up for that. What it needs is many times the text, and was free again
 * when it failed.
 */
static bool memory_is_short(size_t length)
{
	size_t need = length < PARSE_MAX / PARSE_FACTOR ? length * PARSE_FACTOR + PARSE_LEAST : PARSE_MAX;
	char *volatile all = malloc(need); /* it must not be optimised away */
	bool is_short = !all;

	free(all);
	return is_short;
}

static __attribute__((format(printf, 3, 4))) void leave_out(struct line *l, uint32_t nth, const char *format, ...)
{
	struct loading *o = l->loading;
	struct aside_where w = where(l, nth);
	char why[160];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(why, sizeof(why), format, ap);
	va_end(ap);
	if (memory_is_short(l->length)) {
		o->aside.failed = true; /* so the load fails, and nothing is touched */
		return;
	}
	if (o->aside.count < TELL_EACH)
		log_error("%s: a record at byte %zu cannot be loaded: %s", l->text->name, l->at, why);
	if (o->spare) {
		o->spoiled = true;
		return;
	}
	aside_put(&o->aside, &w, why);
	if (nth != ASIDE_LINE)
		return;
	/* Which numbers it used is not known, but for each it has a byte at least. And what boot it was of: see log_mend.c. */
	if (o->last + l->length > o->store->highest)
		o->store->highest = o->last + l->length;
	memcpy(o->boot, o->store->boot, sizeof(o->boot));
}

static void not_understood(void *arg, size_t nth, const char *why)
{
	leave_out(arg, (uint32_t)nth, "%s; another version of lifecycled wrote it", why);
}

static const char ends_daemons[] = "each daemon that loads it ends";

static bool guard_before(void *arg, size_t i)
{
	struct line *l = arg;
	struct aside_where w = where(l, l->read->nth[i]);

	if (aside_before(&l->loading->aside, &w))
		return true;
	leave_out(l, w.nth, ends_daemons);
	return false;
}

static void guard_refused(void *arg, size_t i)
{
	struct line *l = arg;
	const struct change *c = &l->read->turn.change[i];

	leave_out(l, l->read->nth[i], "it does not fit what comes before it (VM %llu, life %llu)", (unsigned long long)c->vm,
		(unsigned long long)c->life);
}

/* Numbers never fall: a line whose do was not written by us, or not here. */
static bool numbers_rise(const struct loading *o, const struct turn_read *r)
{
	const struct turn *turn = &r->turn;

	return !turn->count || (turn->last_seq >= o->last && (r->snapshot || turn->first_seq > o->last));
}

static int take_line(struct line *l, struct turn_read *r, bool skip)
{
	struct loading *o = l->loading;
	struct store *s = o->store;
	const struct load_guard guard = { guard_before, guard_refused, o->anew, l };
	int e;

	if (r->has_boot)
		memcpy(o->boot, r->turn.boot, sizeof(o->boot));
	memcpy(r->turn.boot, o->boot, sizeof(o->boot));
	if (r->turn.last_seq > s->highest)
		s->highest = r->turn.last_seq;
	if (skip)
		return 0;
	if (!numbers_rise(o, r)) {
		leave_out(l, ASIDE_LINE, "its numbers %llu to %llu come after %llu", (unsigned long long)r->turn.first_seq,
			(unsigned long long)r->turn.last_seq, (unsigned long long)o->last);
		return 0;
	}
	if (r->turn.last_seq > o->last)
		o->last = r->turn.last_seq;
	if (!r->snapshot && l->text->file == 0)
		s->events += turn_events(&r->turn);
	l->read = r;
	e = o->line(o->ctx, &r->turn, r->snapshot, &guard);
	turn_read_release(r); /* the definitions are the callee's */
	return e < 0 ? e : 0;
}

static int hand_over(struct loading *o, const struct log_text *t, size_t at, size_t length, bool skip)
{
	_cleanup_(free_readp) struct turn_read r = { 0 };
	struct line l = { o, t, at, length, NULL };
	struct aside_where w = where(&l, ASIDE_LINE);
	struct turn_rest rest = { skip ? ignore : not_understood, &l };
	int e;

	if (!log_line_is_whole(t->data + at, length - 1)) {
		leave_out(&l, ASIDE_LINE, "its checksum is wrong");
		return 0;
	}
	if (!aside_before(&o->aside, &w)) {
		leave_out(&l, ASIDE_LINE, ends_daemons);
		return 0;
	}
	e = turn_read_rest(t->data + at + LINE_HEAD, length - LINE_HEAD - 1, &rest, &r);
	if (e == -EBADMSG) {
		leave_out(&l, ASIDE_LINE, "%s; another version of lifecycled wrote it", r.why);
		return 0;
	}
	return e < 0 ? e : take_line(&l, &r, skip);
}

static int hand_over_all(struct loading *l, const struct log_text *t, bool skip_first)
{
	size_t length;
	int e = 0;

	for (size_t at = 0; e == 0 && !l->spoiled && (length = log_line_at(t, at)); at += length)
		e = hand_over(l, t, at, length, skip_first && at == 0);
	return e;
}

/* The log before is read for its events: what it knows is in the snapshot. */
static int load_events(struct loading *l, const struct log_text *before)
{
	int e;

	l->spare = true;
	e = hand_over_all(l, before, false);
	l->spare = false;
	if (e < 0 || !l->spoiled || l->aside.failed)
		return e;
	log_warning("log.1 cannot be loaded whole; older events cannot be read any more");
	l->spoiled = false;
	l->anew = true;
	l->last = 0;
	return log_put_away(l->store, before->name);
}

/*
 * The log before is read for its events, or as the truth if the log does not begin with a snapshot. It is of
 * use only if it leads without a gap to where the log begins; the snapshot is then the same state once more
 * and is skipped.
 */
static int load_both(struct loading *l, const struct log_text *before, const struct log_text *log)
{
	bool snapshot, ignored, fits;
	uint64_t begins, ends = 0;
	int e = peek(&l->aside, log, 0, &begins, &snapshot);

	if (e == 0)
		e = peek(&l->aside, before, log_last_line(before), &ends, &ignored);
	if (e < 0)
		return e;
	fits = before->there && before->length && !before->damaged && !before->torn && ends == begins;
	if (before->there && snapshot && !fits)
		log_warning("log.1 does not lead to the log; older events cannot be read any more");
	if (before->there && snapshot && fits)
		e = load_events(l, before);
	else if (before->there && !snapshot)
		e = hand_over_all(l, before, false);
	return e < 0 ? e : hand_over_all(l, log, snapshot && fits && !l->anew);
}

static bool exists(const struct store *s, const char *name)
{
	return faccessat(s->file.directory, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What a crash between the two renames of a snapshot leaves: the log is under its next name, the snapshot not
 * yet used. */
static int recover_names(struct store *s)
{
	int e = 0;

	if (!exists(s, "log") && exists(s, "log.1")) {
		if (!exists(s, "log.new")) {
			log_error("the log is gone, log.1 is there; going on from where that ends");
			e = log_end_epoch(s);
		}
		if (e < 0)
			return e;
		if (renameat(s->file.directory, "log.1", s->file.directory, "log") < 0)
			return -errno;
	}
	if (unlinkat(s->file.directory, "log.new", 0) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

/* Without the log nobody would know what is owed: another user's is left alone, and so is all that it tells of. */
static int open_log_file(struct store *s)
{
	int fd = owner_open(s->file.directory, "log", O_RDWR | O_CREAT);

	s->file.log = fd < 0 ? -1 : fd;
	if (fd == -EPERM)
		owner_complain(s->file.directory, "log");
	return fd < 0 ? fd : 0;
}

static int open_log(struct store *s, struct log_text *t)
{
	int e = exists(s, "log") ? 0 : log_end_epoch(s);

	if (e == 0)
		e = open_log_file(s);
	if (e == 0)
		e = log_text_read(s->file.log, t);
	if (e < 0)
		return e;
	log_text_look_through(t);
	e = drop_torn(s, t);
	return e < 0 ? e : log_sync_directory(&s->file);
}

/* The log before of another user: set aside where a snapshot says all that it knows, so that it is of use for old events alone. */
static int refuse_before(struct loading *l, const struct log_text *log)
{
	uint64_t ignored;
	bool snapshot;
	int e = peek(&l->aside, log, 0, &ignored, &snapshot);

	owner_complain(l->store->file.directory, "log.1");
	if (e < 0 || !snapshot)
		return e < 0 ? e : -EPERM;
	log_warning("log.1 is set aside; older events cannot be read any more");
	return log_put_away(l->store, "log.1");
}

static int read_before(struct loading *l, const struct log_text *log, struct log_text *t)
{
	_cleanup_(close_fdp) int fd = owner_open(l->store->file.directory, "log.1", O_RDONLY);
	int e;

	if (fd == -EPERM)
		return refuse_before(l, log);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	e = log_text_read(fd, t);
	if (e == 0)
		log_text_look_through(t);
	return e;
}

static int read_epoch(struct store *s)
{
	_cleanup_(close_fdp) int fd = owner_open(s->file.directory, "epoch", O_RDONLY);
	char text[UUID_TEXT_SIZE] = "";

	if (fd == -EPERM)
		log_warning("the file epoch is another user's: another epoch begins, cursors of event streams are void");
	if (fd < 0)
		return fd;
	if (read(fd, text, UUID_TEXT_SIZE - 1) != UUID_TEXT_SIZE - 1 || !uuid_parse(text, s->epoch))
		return -EBADMSG;
	return 0;
}

static int new_epoch(struct store *s)
{
	_cleanup_(close_fdp) int fd = -1;
	char text[UUID_TEXT_SIZE];
	int e;

	if (getrandom(s->epoch, sizeof(s->epoch), 0) != sizeof(s->epoch))
		return -errno;
	s->epoch[6] = (uint8_t)(0x40 | (s->epoch[6] & 0x0F));
	s->epoch[8] = (uint8_t)(0x80 | (s->epoch[8] & 0x3F));
	uuid_print(s->epoch, text);
	text[UUID_TEXT_SIZE - 1] = '\n';
	fd = owner_make(s->file.directory, "epoch.new", O_WRONLY);
	if (fd < 0)
		return fd;
	e = log_write_all(fd, text, sizeof(text));
	if (e < 0)
		return e;
	if ((!s->file.volatile_place && fdatasync(fd) < 0) ||
		renameat(s->file.directory, "epoch.new", s->file.directory, "epoch") < 0)
		return -errno;
	return log_sync_directory(&s->file);
}

static int load_epoch(struct store *s)
{
	if (read_epoch(s) == 0)
		return 0;
	s->lost = true; /* also when a start before this one ended the epoch and died */
	return new_epoch(s);
}

/* As it is on the disk now. */
static int measure(struct loading *l, const struct log_text *log)
{
	struct store *s = l->store;
	uint64_t ignored;
	bool snapshot;
	int e = peek(&l->aside, log, 0, &ignored, &snapshot);

	s->file.size = s->size = log->length;
	s->snapshot_size = snapshot ? log_line_at(log, 0) : 0;
	if (e < 0 || !l->aside.count)
		return e;
	close_fdp(&s->file.log);
	return open_log_file(s);
}

static int load_files(struct loading *l, struct log_text *log, struct log_text *before)
{
	struct store *s = l->store;
	int e = recover_names(s);

	if (e == 0)
		e = open_log(s, log);
	if (e == 0)
		e = read_before(l, log, before);
	if (e == 0)
		e = log_recall_lost(s);
	if (e == 0)
		e = load_both(l, before, log);
	aside_pause(&l->aside);
	if (e == 0)
		e = log_mend(s, &l->aside, (struct log_text *const[]){ log, before });
	if (e == 0)
		e = measure(l, log);
	return e < 0 ? e : load_epoch(s);
}

int store_load(struct store *s,
	int (*line)(void *ctx, const struct turn *turn, bool snapshot, const struct load_guard *guard), void *ctx)
{
	_cleanup_(log_text_free) struct log_text log = { .name = "log" }, before = { .name = "log.1", .file = 1 };
	struct loading l = { .store = s, .line = line, .ctx = ctx };
	int e;

	if (s->loaded)
		return -EALREADY;
	aside_open(&l.aside, s->file.directory);
	e = load_files(&l, &log, &before);
	aside_close(&l.aside, e == 0);
	if (e < 0) {
		close_fdp(&s->file.log);
		s->file.log = -1;
		return e;
	}
	memcpy(s->logged_boot, l.boot, sizeof(l.boot));
	s->loaded = true;
	return 0;
}

void store_each_lost_id(const struct store *s, void (*each)(void *arg, uint16_t id), void *arg)
{
	for (size_t i = 0; i < s->lost_ids; i++)
		each(arg, s->lost_id[i]);
}
