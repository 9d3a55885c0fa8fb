/* SPDX-License-Identifier: Apache-2.0 */
#include "store/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "store/log_owner.h"
#include "store/log_private.h"
#include "store/uuid.h"

#define LOCK_RETRY_MS 10

/* 8,192 is what the ring holds: a follower who was away that long finds its events here, or none. */
const struct store_options store_defaults = {
	.lock_wait_ms = 5000,
	.close_wait_ms = 2000,
	.snapshot_bytes = 1u << 20,
	.snapshot_events = EVENT_RING_SIZE,
	.snapshot_most = 32u << 20,
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* What is in it decides over guests: nobody else may write there, or swap it for a link. */
static int open_directory(const char *path, int *ret)
{
	_cleanup_(close_fdp) int fd = -1;
	struct stat st;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid() || (st.st_mode & 022)) {
		log_error("%s: others own it or may write there (uid %u, mode %04o); give it to uid %u, mode "
			  "0700",
			path, st.st_uid, st.st_mode & 07777, geteuid());
		return -EPERM;
	}
	*ret = take_fd(&fd);
	return 0;
}

static int try_lock(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	return errno == EACCES || errno == EAGAIN ? -EWOULDBLOCK : -errno;
}

/*
 * The daemon before us may still be dying. Nothing else runs in this process yet, so it may sleep here; a
 * blocking lock would have no end.
 */
static int take_lock(int fd, unsigned wait_ms)
{
	const struct timespec pause = { .tv_nsec = LOCK_RETRY_MS * 1000000L };
	uint64_t until = clock_ns(CLOCK_MONOTONIC) + wait_ms * 1000000ull;
	int e;

	while ((e = try_lock(fd)) == -EWOULDBLOCK && clock_ns(CLOCK_MONOTONIC) < until)
		(void)nanosleep(&pause, NULL);
	return e;
}

/* An OFD lock does not tell its holder's pid; the file does. */
static void sign_lock(int fd)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) < 0)
		log_warning("the lock file cannot name this process: %s", strerror(errno));
}

static int open_lock(struct store *s)
{
	int e;

	s->lock = openat(s->file.directory, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (s->lock < 0 && (errno == EACCES || errno == ELOOP)) {
		owner_complain(s->file.directory, "lock");
		return -EPERM;
	}
	if (s->lock < 0)
		return -errno;
	e = take_lock(s->lock, s->options.lock_wait_ms);
	if (e < 0)
		return e;
	s->incarnation = clock_ns(CLOCK_BOOTTIME);
	sign_lock(s->lock);
	return 0;
}

pid_t store_holder(const char *state_dir)
{
	_cleanup_(close_fdp) int directory = open(state_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_(close_fdp) int fd =
		directory < 0 ? -1
			      : openat(directory, "lock", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char text[16] = "";

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return 0;
	return (pid_t)strtol(text, NULL, 10);
}

static int read_boot(uint8_t boot[16])
{
	_cleanup_(close_fdp) int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	char text[UUID_TEXT_SIZE] = "";

	if (fd < 0)
		return -errno;
	if (read(fd, text, UUID_TEXT_SIZE - 1) != UUID_TEXT_SIZE - 1 || !uuid_parse(text, boot))
		return -EIO;
	return 0;
}

static int find_place(struct store *s)
{
	struct statfs fs;

	if (fstatfs(s->file.directory, &fs) < 0)
		return -errno;
	s->file.volatile_place = s->options.writer != STORE_WRITER_ALWAYS &&
				 (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
	s->has_writer = !s->file.volatile_place && s->options.writer != STORE_WRITER_NEVER;
	return 0;
}

static void close_storep(struct store **s)
{
	(void)store_close(*s);
}

int store_open_with(const char *state_dir, const struct store_options *options, struct store **ret)
{
	_cleanup_(close_storep) struct store *s = calloc(1, sizeof(*s));
	int e;

	if (!s)
		return -ENOMEM;
	s->options = *options;
	s->file.directory = s->lock = s->file.log = -1;
	s->snapshot.snapshot = true;
	e = log_writer_init(&s->writer, &s->file);
	if (e == 0)
		e = open_directory(state_dir, &s->file.directory);
	if (e == 0)
		e = open_lock(s);
	if (e == 0)
		e = find_place(s);
	if (e < 0)
		return e;
	if (options->boot)
		memcpy(s->boot, options->boot, sizeof(s->boot));
	else if ((e = read_boot(s->boot)) < 0)
		return e;
	s->options.boot = NULL;
	*ret = take_ptr(&s);
	return 0;
}

int store_open(const char *state_dir, struct store **ret)
{
	return store_open_with(state_dir, &store_defaults, ret);
}

struct store *store_close(struct store *s)
{
	if (!s)
		return NULL;
	if (log_writer_end(&s->writer, s->options.close_wait_ms) < 0) {
		log_error("the disk does not take the log: what is being written may be missing at the next start; nobody was told of it");
		return NULL; /* the thread still has it, and the lock is held until it lets go */
	}
	close_fdp(&s->file.log);
	close_fdp(&s->lock); /* after the log: whoever gets it finds nobody writing */
	close_fdp(&s->file.directory);
	buffer_free(&s->line.text);
	buffer_free(&s->snapshot.text);
	free(s->lost_id);
	free(s);
	return NULL;
}

void store_attach(struct store *s, void (*done)(void *ctx, uint64_t seq, int error), void *ctx)
{
	s->done = done;
	s->ctx = ctx;
}

uint64_t store_incarnation(const struct store *s)
{
	return s->incarnation;
}

const uint8_t *store_epoch(const struct store *s)
{
	return s->epoch;
}

const uint8_t *store_boot(const struct store *s)
{
	return s->boot;
}

bool store_lost(const struct store *s, uint64_t *ret_highest)
{
	if (ret_highest)
		*ret_highest = s->highest;
	return s->lost;
}
