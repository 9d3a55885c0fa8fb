/* SPDX-License-Identifier: Apache-2.0 */
#include "store/log_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "store/records.h"
#include "store/log_owner.h"

#define DAMAGED_MAX 1000

static void free_readp(struct turn_read *r)
{
	turn_read_free(r);
}

int log_end_epoch(struct store *s)
{
	s->lost = true;
	if (unlinkat(s->file.directory, "epoch", 0) < 0)
		return errno == ENOENT ? 0 : -errno;
	return log_sync_directory(&s->file);
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
	log_error("log.damaged-1 to log.damaged-%d are there: look at them, and move them away", DAMAGED_MAX);
	return -EEXIST;
}

static int write_file(struct store *s, int fd, const char *name, const struct buffer *b)
{
	int e = b->error ? b->error : log_write_all(fd, b->data, b->length);

	if (e == 0 && !s->file.volatile_place && fdatasync(fd) < 0)
		e = -errno;
	if (e < 0)
		(void)unlinkat(s->file.directory, name, 0);
	return e;
}

/* ---- what is set aside ---- */

static void lose_id(void *arg, uint16_t id)
{
	struct store *s = arg;
	uint16_t *more = realloc(s->lost_id, (s->lost_ids + 1) * sizeof(*more));

	if (!more)
		return; /* ids begin at a random place, too */
	s->lost_id = more;
	s->lost_id[s->lost_ids++] = id;
}

#define LOST_HEAD "lifecycled lost 1 "
#define LOST_MAX  (1u << 20) /* bytes: an id is at most six */

static int write_lost(struct store *s)
{
	_cleanup_(buffer_free) struct buffer b = { 0 };
	_cleanup_(close_fdp) int fd = owner_make(s->file.directory, "lost.new", O_WRONLY);
	char text[64];
	int e;

	(void)snprintf(text, sizeof(text), LOST_HEAD "%llu\n", (unsigned long long)s->highest);
	buffer_text(&b, text);
	for (size_t i = 0; i < s->lost_ids; i++) {
		(void)snprintf(text, sizeof(text), "%u\n", s->lost_id[i]);
		buffer_text(&b, text);
	}
	e = fd < 0 ? fd : write_file(s, fd, "lost.new", &b);
	if (e == 0 && renameat(s->file.directory, "lost.new", s->file.directory, "lost") < 0)
		e = -errno;
	s->keeps_lost |= e == 0;
	return e < 0 ? e : log_sync_directory(&s->file);
}

/* Of what is not as it was written nothing is believed but that something is lost. */
static void take_lost(struct store *s, const char *text)
{
	unsigned long long highest;
	char *end;

	if (strncmp(text, LOST_HEAD, strlen(LOST_HEAD)) != 0)
		return;
	errno = 0;
	highest = strtoull(text + strlen(LOST_HEAD), &end, 10);
	if (errno || *end != '\n')
		return;
	if (highest > s->highest)
		s->highest = highest;
	for (text = end + 1; *text; text = end + 1) {
		unsigned long id = strtoul(text, &end, 10);

		if (end == text || *end != '\n' || id > UINT16_MAX)
			return;
		lose_id(s, (uint16_t)id);
	}
}

/* Whoever wrote it: an id too many is kept back, none too few. */
int log_recall_lost(struct store *s)
{
	_cleanup_(close_fdp) int fd = openat(s->file.directory, "lost", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	_cleanup_(freep) char *text = NULL;
	ssize_t n;

	if (fd < 0 && (errno == EACCES || errno == ELOOP)) {
		owner_complain(s->file.directory, "lost");
		return -EPERM;
	}
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	text = calloc(1, LOST_MAX + 1);
	n = text ? pread(fd, text, LOST_MAX, 0) : -1;
	if (n < 0)
		return text ? -errno : -ENOMEM;
	s->lost = s->keeps_lost = true;
	take_lost(s, text);
	return 0;
}

void log_forget_lost(struct store *s)
{
	if (unlinkat(s->file.directory, "lost", 0) == 0 || errno == ENOENT)
		s->keeps_lost = false;
}

static void print_record(struct store *s, const struct aside_record *r, const struct log_text *t, struct buffer *b)
{
	size_t length = log_line_at(t, r->where.at), from;
	const char *line = t->data + r->where.at;
	char head[256];

	(void)snprintf(head, sizeof(head), "# %s, byte %llu: %s\n", t->name, (unsigned long long)r->where.at, r->why);
	buffer_text(b, head);
	from = b->length;
	if (r->where.nth == ASIDE_LINE ||
		turn_change_text(line + LINE_HEAD, length - LINE_HEAD - 1, r->where.nth, b) < 0)
		buffer_bytes(b, line, length - 1);
	if (!b->error)
		aside_each_endpoint(b->data + from, b->length - from, lose_id, s);
	buffer_char(b, '\n');
}

static int write_aside(struct store *s, const struct aside *a, struct log_text *const text[2])
{
	_cleanup_(buffer_free) struct buffer b = { 0 };
	_cleanup_(close_fdp) int fd = -1;
	char name[32];
	int e;

	for (size_t i = 0; i < a->count; i++)
		print_record(s, &a->record[i], text[a->record[i].where.file], &b);
	fd = open_damaged(s, name, sizeof(name));
	e = fd < 0 ? fd : write_file(s, fd, name, &b);
	if (e < 0) {
		log_error("what cannot be loaded cannot be set aside either: %s; the log is left as it is", strerror(-e));
		return e;
	}
	log_error("%zu records of the log are set aside in %s, with the reasons; what they knew is not known here, and the FF-A ids of "
		  "lives that they tell of are burned",
		a->count, name);
	return log_sync_directory(&s->file);
}

int log_put_away(struct store *s, const char *name)
{
	char aside[32];
	_cleanup_(close_fdp) int fd = open_damaged(s, aside, sizeof(aside)); /* its name is ours from here on */

	if (fd < 0)
		return fd;
	return renameat(s->file.directory, name, s->file.directory, aside) < 0 ? -errno : log_sync_directory(&s->file);
}

/* ---- the rest ---- */

static bool is_left_out(const struct aside_record *r, size_t count, uint32_t nth)
{
	for (size_t i = 0; i < count; i++)
		if (r[i].where.nth == nth)
			return true;
	return false;
}

static void ignore(void *arg, size_t nth, const char *why)
{
}

static int print_rest(const char *line, size_t length, const struct aside_record *left, size_t count, struct buffer *b)
{
	static const struct turn_rest rest = { .left_out = ignore };
	_cleanup_(free_readp) struct turn_read r = { 0 };
	struct turn turn;
	int e = turn_read_rest(line + LINE_HEAD, length - LINE_HEAD - 1, &rest, &r);

	if (e < 0)
		return e;
	turn = r.turn;
	turn.count = 0;
	turn.change = calloc(r.turn.count + 1, sizeof(*turn.change));
	if (!turn.change)
		return -ENOMEM;
	for (size_t i = 0; i < r.turn.count; i++)
		if (!is_left_out(left, count, r.nth[i]))
			turn.change[turn.count++] = r.turn.change[i];
	e = line_print(b, &turn, r.snapshot, r.has_boot ? r.turn.boot : NULL);
	free(turn.change);
	return e;
}

/*
 * In place of a line that is gone. It may have told that another boot began: a life that is taken for one of this boot and is not
 * does no harm, for nobody holds its lock; the other way round a guest would run whose memory is given away.
 */
static int print_gap(struct store *s, struct buffer *b)
{
	const struct turn nothing = { 0 };

	return line_print(b, &nothing, false, s->boot);
}

static int print_log(struct store *s, const struct aside *a, const struct log_text *t, struct buffer *b)
{
	size_t length;
	int e = 0;

	for (size_t at = 0; e == 0 && (length = log_line_at(t, at)); at += length) {
		const struct aside_record *left = NULL;
		size_t count = aside_of_line(a, t->file, at, &left);

		if (!count)
			buffer_bytes(b, t->data + at, length);
		else if (is_left_out(left, count, ASIDE_LINE))
			e = print_gap(s, b);
		else
			e = print_rest(t->data + at, length, left, count, b);
	}
	return e < 0 ? e : b->error;
}

static bool has_any(const struct aside *a, uint32_t file)
{
	for (size_t i = 0; i < a->count; i++)
		if (a->record[i].where.file == file)
			return true;
	return false;
}

static int rewrite(struct store *s, const struct aside *a, struct log_text *t)
{
	_cleanup_(buffer_free) struct buffer b = { 0 };
	_cleanup_(close_fdp) int fd = -1;
	int e = print_log(s, a, t, &b);

	if (e < 0)
		return e;
	fd = owner_make(s->file.directory, "log.new", O_WRONLY);
	e = fd < 0 ? fd : write_file(s, fd, "log.new", &b);
	if (e == 0 && renameat(s->file.directory, "log.new", s->file.directory, t->name) < 0)
		e = -errno;
	if (e < 0)
		return e;
	free(t->data);
	t->length = b.length;
	t->data = b.data;
	b = (struct buffer){ 0 };
	return log_sync_directory(&s->file);
}

int log_mend(struct store *s, const struct aside *a, struct log_text *const text[2])
{
	int e = a->failed ? -ENOMEM : 0;

	if (e == 0 && a->count)
		e = write_aside(s, a, text);
	if (e == 0 && a->count)
		e = write_lost(s);
	if (e == 0 && a->count)
		e = log_end_epoch(s);
	for (unsigned i = 0; e == 0 && i < 2; i++)
		if (has_any(a, text[i]->file))
			e = rewrite(s, a, text[i]);
	return e;
}
