/* SPDX-License-Identifier: Apache-2.0 */
#include "store/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "store/log_private.h"
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
			kind != CHANGE_SHUTDOWN && kind != CHANGE_BOUND && kind != CHANGE_LEASE;
	}
	return events;
}

int store_write_all(int fd, const char *data, size_t length)
{
	while (length) {
		ssize_t n = write(fd, data, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		data += n;
		length -= (size_t)n;
	}
	return 0;
}

int store_sync_directory(struct store *s)
{
	return s->volatile_place || fsync(s->directory) == 0 ? 0 : -errno;
}

static int sync_file(struct store *s, int fd)
{
	return s->volatile_place || fdatasync(fd) == 0 ? 0 : -errno;
}

/* Cuts off what a failed write left. Until that works nothing may be appended: it would stand behind half a
 * line. */
static int cut_back(struct store *s)
{
	if (ftruncate(s->log, (off_t)s->size) < 0)
		return -errno;
	s->ragged = false;
	return 0;
}

static int sync_names(struct store *s)
{
	int e = store_sync_directory(s);

	s->unsynced = e < 0;
	return e;
}

static int append(struct store *s, const char *data, size_t length)
{
	int e = s->ragged ? cut_back(s) : 0;

	if (e == 0 && s->unsynced)
		e = sync_names(s);
	if (e < 0)
		return e;
	e = store_write_all(s->log, data, length);
	if (e == 0)
		e = sync_file(s, s->log);
	if (e < 0) {
		s->ragged = true;
		(void)cut_back(s);
		return e;
	}
	s->size += length;
	return 0;
}

/*
 * The boot id stands in a snapshot and in the first line of each boot, so that no turn is ever taken for one
 * of another boot, whenever the next snapshot comes.
 */
static const uint8_t *boot_to_tell(const struct store *s)
{
	return memcmp(s->boot, s->logged_boot, sizeof(s->boot)) == 0 ? NULL : s->boot;
}

static int store_commit(void *store, const struct turn *turn)
{
	struct store *s = store;
	int e;

	if (s->log < 0)
		return -EBADF;
	buffer_reset(&s->buffer);
	e = line_print(&s->buffer, turn, false, boot_to_tell(s));
	if (e == 0)
		e = append(s, s->buffer.data, s->buffer.length);
	if (e < 0)
		return e;
	memcpy(s->logged_boot, s->boot, sizeof(s->boot));
	s->events += turn_events(turn);
	if (s->done)
		s->done(s->ctx, turn->last_seq);
	return 0;
}

/*
 * When the log is new, so that it has something to begin with. Otherwise when it is long, and twice as long
 * again as what a snapshot would replace it with (so the cost of snapshots stays a fraction of that of
 * turns), and has as many events of its own as followers may ask for: it becomes log.1, and log.1 and log
 * together never have fewer.
 */
static bool store_wants_snapshot(void *store)
{
	const struct store *s = store;

	if (s->log < 0 || s->size < s->ask_at)
		return false;
	if (s->size == 0)
		return true;
	return s->size > s->options.snapshot_bytes && s->size - s->snapshot_size >= 2 * s->snapshot_size &&
	       s->events >= s->options.snapshot_events;
}

static int write_new(struct store *s, int *ret_fd)
{
	_cleanup_(close_fdp) int fd = openat(s->directory, "log.new",
		O_RDWR | O_APPEND | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int e;

	if (fd < 0)
		return -errno;
	e = store_write_all(fd, s->buffer.data, s->buffer.length);
	if (e == 0)
		e = sync_file(s, fd);
	if (e < 0) {
		(void)unlinkat(s->directory, "log.new", 0);
		return e;
	}
	*ret_fd = take_fd(&fd);
	return 0;
}

/*
 * Each step leaves a directory that loads to the same state: with log.new beside a whole log it is unread;
 * with `log` gone the load takes log.1, which is that log; after the second rename the snapshot and log.1
 * fit. An empty log is replaced at once: it is not worth losing log.1.
 */
static int rotate(struct store *s)
{
	bool keep = s->size > 0;
	int e;

	if (keep && renameat(s->directory, "log", s->directory, "log.1") < 0)
		return -errno;
	if (renameat(s->directory, "log.new", s->directory, "log") < 0) {
		e = -errno;
		if (keep && renameat(s->directory, "log.1", s->directory, "log") < 0)
			log_error("the log stays under the name log.1 until the next start: %s",
				strerror(errno));
		return e;
	}
	return 0;
}

static int begin_anew(struct store *s, const struct turn *whole)
{
	_cleanup_(close_fdp) int fd = -1;
	int e;

	buffer_reset(&s->buffer);
	e = line_print(&s->buffer, whole, true, s->boot);
	if (e == 0 && s->ragged)
		e = cut_back(s); /* it becomes log.1 and must be whole */
	if (e == 0)
		e = write_new(s, &fd);
	if (e == 0)
		e = rotate(s);
	if (e < 0)
		return e;
	close(s->log);
	s->log = take_fd(&fd);
	s->size = s->snapshot_size = s->buffer.length;
	s->events = 0;
	s->ask_at = 0;
	memcpy(s->logged_boot, s->boot, sizeof(s->boot));
	return sync_names(s);
}

static int store_snapshot(void *store, const struct turn *whole)
{
	struct store *s = store;
	int e = s->log < 0 ? -EBADF : begin_anew(s, whole);

	if (e < 0)
		s->ask_at = s->size + SNAPSHOT_AGAIN;
	return e;
}

const struct store_ops store_ops = {
	.commit = store_commit,
	.wants_snapshot = store_wants_snapshot,
	.snapshot = store_snapshot,
};
