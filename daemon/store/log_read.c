/* SPDX-License-Identifier: Apache-2.0 */
#include "store/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "store/log_private.h"
#include "store/records.h"
#include "store/uuid.h"

#define LOG_MAX_BYTES (1ull << 30)
#define DAMAGED_MAX   1000

/* One file, read whole. */
struct log_text {
	const char *name;
	char *data;
	size_t length;
	size_t good; /* bytes of whole lines from the beginning */
	bool there;
	bool current; /* the log, not the one before */
};

struct loading {
	struct store *store;
	int (*line)(void *ctx, const struct turn *turn, bool snapshot);
	void *ctx;
	uint64_t last; /* number of the last turn handed over */
	uint8_t boot[16];
};

static void free_text(struct log_text *t)
{
	free(t->data);
}

static void free_readp(struct turn_read *r)
{
	turn_read_free(r);
}

static int read_text(int fd, struct log_text *t)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > LOG_MAX_BYTES)
		return -EFBIG;
	t->data = malloc((size_t)st.st_size + 1);
	if (!t->data)
		return -ENOMEM;
	while (t->length < (size_t)st.st_size) {
		ssize_t n = pread(fd, t->data + t->length, (size_t)st.st_size - t->length, (off_t)t->length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		t->length += (size_t)n;
	}
	t->there = true;
	return 0;
}

static int nibble(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* `line` without its newline. The JSON follows LINE_HEAD bytes in. */
static bool line_is_whole(const char *line, size_t length)
{
	uint32_t crc = 0;

	if (length <= LINE_HEAD || line[LINE_HEAD - 1] != ' ')
		return false;
	for (unsigned i = 0; i < LINE_HEAD - 1; i++) {
		int digit = nibble(line[i]);

		if (digit < 0)
			return false;
		crc = crc << 4 | (uint32_t)digit;
	}
	return crc == crc32(0, (const Bytef *)line + LINE_HEAD, (uInt)(length - LINE_HEAD));
}

/* The length of the line at `at`, newline included; 0: its newline is missing. */
static size_t line_at(const struct log_text *t, size_t at)
{
	const char *end = at < t->length ? memchr(t->data + at, '\n', t->length - at) : NULL;

	return end ? (size_t)(end - (t->data + at)) + 1 : 0;
}

static void find_good(struct log_text *t)
{
	size_t length;

	while ((length = line_at(t, t->good)) && line_is_whole(t->data + t->good, length - 1))
		t->good += length;
}

static int parse_line(const struct log_text *t, size_t at, size_t length, struct turn_read *ret)
{
	int e = turn_read(t->data + at + LINE_HEAD, length - LINE_HEAD - 1, ret);

	if (e == -EBADMSG)
		log_error("%s: the line at byte %zu is whole but not understood: %s; another version of "
			  "lifecycled "
			  "wrote it: start that one, or move the file away and lose what it knows",
			t->name, at, ret->why);
	return e;
}

static size_t last_line(const struct log_text *t)
{
	const char *end = t->good > 1 ? memrchr(t->data, '\n', t->good - 1) : NULL;

	return end ? (size_t)(end - t->data) + 1 : 0;
}

static int peek(const struct log_text *t, size_t at, uint64_t *ret_last, bool *ret_snapshot)
{
	_cleanup_(free_readp) struct turn_read r = { 0 };
	int e;

	*ret_last = 0;
	*ret_snapshot = false;
	if (at >= t->good)
		return 0;
	e = parse_line(t, at, line_at(t, at), &r);
	if (e < 0)
		return e;
	*ret_last = r.turn.last_seq;
	*ret_snapshot = r.snapshot;
	return 0;
}

/* What is behind a bad line may still tell how high numbers went: no life may get one of them again. */
static void note_highest(struct store *s, const struct log_text *t)
{
	size_t length;

	for (size_t at = t->good; (length = line_at(t, at)); at += length) {
		_cleanup_(free_readp) struct turn_read r = { 0 };

		if (line_is_whole(t->data + at, length - 1) &&
			turn_read(t->data + at + LINE_HEAD, length - LINE_HEAD - 1, &r) == 0 &&
			r.turn.last_seq > s->highest)
			s->highest = r.turn.last_seq;
	}
}

static int open_damaged(struct store *s, char *name, size_t size)
{
	for (unsigned n = 1; n <= DAMAGED_MAX; n++) {
		int fd;

		(void)snprintf(name, size, "log.damaged-%u", n);
		fd = openat(s->file.directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd >= 0 || errno != EEXIST)
			return fd < 0 ? -errno : fd;
	}
	return -EMFILE;
}

/*
 * Numbers may be used again from here on, so cursors of the old epoch must not be believed. Its file goes
 * before the log is touched: a crash in between is then no way to keep it.
 */
static int end_epoch(struct store *s)
{
	s->lost = true;
	if (unlinkat(s->file.directory, "epoch", 0) < 0)
		return errno == ENOENT ? 0 : -errno;
	return log_sync_directory(&s->file);
}

/* Nothing is thrown away that somebody may want to read. Where there is no room for it the log is not touched
 * either. */
static int set_aside(struct store *s, const struct log_text *t)
{
	_cleanup_(close_fdp) int fd = -1;
	char name[32];
	int e;

	fd = open_damaged(s, name, sizeof(name));
	if (fd < 0)
		return fd;
	e = log_write_all(fd, t->data + t->good, t->length - t->good);
	if (e == 0 && !s->file.volatile_place && fdatasync(fd) < 0)
		e = -errno;
	if (e < 0) {
		(void)unlinkat(s->file.directory, name, 0);
		return e;
	}
	log_error("%s: damaged at byte %zu; the %zu bytes from there are set aside in %s, what they knew is "
		  "lost",
		t->name, t->good, t->length - t->good, name);
	note_highest(s, t);
	e = log_sync_directory(&s->file);
	return e < 0 ? e : end_epoch(s);
}

/*
 * A last line without its end is a turn that was never told to anyone: it is dropped. Anything else that
 * cannot be read was told, and is missed: it is set aside.
 */
static int mend(struct store *s, struct log_text *t)
{
	int e = 0;

	if (t->good == t->length)
		return 0;
	if (line_at(t, t->good))
		e = set_aside(s, t);
	else
		log_warning("%s: the last line is torn (%zu bytes); dropped", t->name, t->length - t->good);
	if (e == 0 && ftruncate(s->file.log, (off_t)t->good) < 0)
		e = -errno;
	if (e == 0 && !s->file.volatile_place && fdatasync(s->file.log) < 0)
		e = -errno;
	t->length = t->good;
	return e;
}

static int hand_over(struct loading *l, const struct log_text *t, size_t at, size_t length, bool skip)
{
	_cleanup_(free_readp) struct turn_read r = { 0 };
	int e = parse_line(t, at, length, &r);

	if (e < 0)
		return e;
	if (r.has_boot)
		memcpy(l->boot, r.turn.boot, sizeof(l->boot));
	memcpy(r.turn.boot, l->boot, sizeof(l->boot));
	if (skip)
		return 0;
	if (r.turn.last_seq < l->last || (!r.snapshot && r.turn.count && r.turn.first_seq <= l->last)) {
		log_error("%s: the line at byte %zu has numbers %llu to %llu, after %llu; move the file away "
			  "and lose "
			  "what it knows",
			t->name, at, (unsigned long long)r.turn.first_seq,
			(unsigned long long)r.turn.last_seq, (unsigned long long)l->last);
		return -EBADMSG;
	}
	l->last = r.turn.last_seq;
	if (l->last > l->store->highest)
		l->store->highest = l->last;
	if (!r.snapshot && t->current)
		l->store->events += turn_events(&r.turn);
	e = l->line(l->ctx, &r.turn, r.snapshot);
	turn_read_release(&r); /* the definitions are the callee's */
	return e < 0 ? e : 0;
}

static int hand_over_all(struct loading *l, const struct log_text *t, bool skip_first)
{
	size_t length;
	int e = 0;

	for (size_t at = 0; e == 0 && at < t->good; at += length) {
		length = line_at(t, at);
		e = hand_over(l, t, at, length, skip_first && at == 0);
	}
	return e;
}

/*
 * The log before is read for its events, or as the truth if the log does not begin with a snapshot. It is of
 * use only if it leads without a gap to where the log begins; the snapshot is then the same state once more
 * and is skipped.
 */
static int load_both(struct loading *l, const struct log_text *before, const struct log_text *log)
{
	bool snapshot, ignored, fits;
	uint64_t begins, ends;
	int e = peek(log, 0, &begins, &snapshot);

	if (e == 0)
		e = peek(before, last_line(before), &ends, &ignored);
	if (e < 0)
		return e;
	if (snapshot)
		l->store->snapshot_size = line_at(log, 0);
	fits = before->there && before->good && before->good == before->length && ends == begins;
	if (before->there && snapshot && !fits)
		log_warning("log.1 does not lead to the log; older events cannot be read any more");
	if (before->there && (fits || !snapshot)) {
		e = hand_over_all(l, before, false);
		return e < 0 ? e : hand_over_all(l, log, snapshot);
	}
	return hand_over_all(l, log, false);
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
			e = end_epoch(s);
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

static int open_log(struct store *s, struct log_text *t)
{
	int e = exists(s, "log") ? 0 : end_epoch(s);

	if (e < 0)
		return e;
	s->file.log = openat(
		s->file.directory, "log", O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (s->file.log < 0)
		return -errno;
	e = read_text(s->file.log, t);
	if (e < 0)
		return e;
	find_good(t);
	e = mend(s, t);
	s->file.size = s->size = t->good;
	return e < 0 ? e : log_sync_directory(&s->file);
}

static int read_before(struct store *s, struct log_text *t)
{
	_cleanup_(close_fdp) int fd =
		openat(s->file.directory, "log.1", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int e;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	e = read_text(fd, t);
	find_good(t);
	return e;
}

static int read_epoch(struct store *s)
{
	_cleanup_(close_fdp) int fd =
		openat(s->file.directory, "epoch", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char text[UUID_TEXT_SIZE] = "";

	if (fd < 0)
		return -errno;
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
	fd = openat(s->file.directory, "epoch.new", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
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

int store_load(struct store *s, int (*line)(void *ctx, const struct turn *turn, bool snapshot), void *ctx)
{
	_cleanup_(free_text) struct log_text log = { .name = "log", .current = true },
					     before = { .name = "log.1" };
	struct loading l = { .store = s, .line = line, .ctx = ctx };
	int e;

	if (s->loaded)
		return -EALREADY;
	e = recover_names(s);
	if (e == 0)
		e = open_log(s, &log);
	if (e == 0)
		e = read_before(s, &before);
	if (e == 0)
		e = load_both(&l, &before, &log);
	if (e == 0)
		e = load_epoch(s);
	if (e < 0) {
		close_fdp(&s->file.log);
		s->file.log = -1;
		return e;
	}
	memcpy(s->logged_boot, l.boot, sizeof(l.boot));
	s->loaded = true;
	return 0;
}
