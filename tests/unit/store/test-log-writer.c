/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The writer's thread, on a disk that is in our hands: what the store asks of it stands here, and waits, fails, or is the last
 * thing that the daemon did.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "changes.h"
#include "place.h"

/* ---- the disk ---- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool holds;        /* whoever syncs waits */
	bool waits;        /* somebody does */
	int error;         /* what a sync answers, after it has waited */
	unsigned syncs;
	pthread_t by;      /* who synced last */
	unsigned calls;    /* of any kind */
	unsigned die_at;   /* at that one */
	bool die_after;    /* when it was done */
} disk = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static bool dies_here(void)
{
	return disk.die_at && __atomic_add_fetch(&disk.calls, 1, __ATOMIC_RELAXED) == disk.die_at;
}

/* As the kernel has it, between two deaths. */
#define ON_DISK(number, ...)                                                                                         \
	({                                                                                                           \
		bool last_ = dies_here();                                                                            \
		long r_;                                                                                             \
		if (last_ && !disk.die_after)                                                                        \
			_exit(0);                                                                                    \
		r_ = syscall(number, __VA_ARGS__);                                                                   \
		if (last_)                                                                                           \
			_exit(0);                                                                                    \
		r_;                                                                                                  \
	})

static int sync_it(int fd, long number)
{
	int error;

	pthread_mutex_lock(&disk.lock);
	disk.syncs++;
	disk.by = pthread_self();
	disk.waits = disk.holds;
	pthread_cond_broadcast(&disk.changed);
	while (disk.holds)
		pthread_cond_wait(&disk.changed, &disk.lock);
	disk.waits = false;
	error = disk.error;
	pthread_mutex_unlock(&disk.lock);
	if (error) {
		errno = error;
		return -1;
	}
	return (int)ON_DISK(number, fd);
}

int fdatasync(int fd)
{
	return sync_it(fd, SYS_fdatasync);
}

int fsync(int fd)
{
	return sync_it(fd, SYS_fsync);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t at)
{
	return ON_DISK(SYS_pwrite64, fd, data, length, at);
}

int ftruncate(int fd, off_t length)
{
	return (int)ON_DISK(SYS_ftruncate, fd, length);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	return (int)ON_DISK(SYS_renameat2, from_fd, from, to_fd, to, 0);
}

static void hold_disk(bool holds)
{
	pthread_mutex_lock(&disk.lock);
	disk.holds = holds;
	pthread_cond_broadcast(&disk.changed);
	pthread_mutex_unlock(&disk.lock);
}

static void fail_disk(int error)
{
	pthread_mutex_lock(&disk.lock);
	disk.error = error;
	pthread_mutex_unlock(&disk.lock);
}

static void until_somebody_waits(void)
{
	pthread_mutex_lock(&disk.lock);
	while (!disk.waits)
		pthread_cond_wait(&disk.changed, &disk.lock);
	pthread_mutex_unlock(&disk.lock);
}

static unsigned count_syncs(void)
{
	unsigned n;

	pthread_mutex_lock(&disk.lock);
	n = disk.syncs;
	pthread_mutex_unlock(&disk.lock);
	return n;
}

/* ---- the tests; each place is taken for a disk, whatever it is ---- */

static struct store *open_there(void **state, struct book *book)
{
	return open_store(place_path(*state, "state"), &quick, book);
}

static bool is_ready(const struct store *s)
{
	struct pollfd p = { .fd = store_fd(s), .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void returns_before_the_disk_has_it(void **state)
{
	struct store *s = open_there(state, NULL);
	unsigned before = count_syncs();

	hold_disk(true);
	assert_int_equal(give(s, 1), 0);
	until_somebody_waits();
	assert_false(is_ready(s));
	store_dispatch(s);
	assert_int_equal(times_told(), 0);
	hold_disk(false);
	dispatch_when_ready(s);
	assert_int_equal(times_told(), 1);
	assert_int_equal(count_syncs(), before + 1);
	assert_false(pthread_equal(disk.by, pthread_self()));
	store_close(s);
}

static void takes_one_turn_at_a_time(void **state)
{
	struct store *s = open_there(state, NULL);
	struct book book;

	hold_disk(true);
	assert_int_equal(give(s, 1), 0);
	until_somebody_waits();
	assert_int_equal(give(s, 2), -EBUSY);
	hold_disk(false);
	dispatch_when_ready(s);
	assert_int_equal(commit(s, 2), 0);
	store_close(s);
	s = open_there(state, &book);
	assert_int_equal(book.count, 2);
	store_close(s);
}

static void tells_of_a_failure_that_comes_later(void **state)
{
	static const int errors[] = { EIO, ENOSPC, EROFS };
	struct store *s = open_there(state, NULL);
	struct book book;

	assert_int_equal(commit(s, 1), 0);
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		fail_disk(errors[i]);
		assert_int_equal(commit(s, 2), -errors[i]);
	}
	fail_disk(0);
	assert_int_equal(commit(s, 2), 0);
	assert_int_equal(commit(s, 3), 0);
	store_close(s);
	s = open_there(state, &book);
	assert_int_equal(book.count, 3);
	assert_int_equal(book.turn[1].last, 2);
	store_close(s);
}

static void puts_a_line_behind_the_snapshot_in_front_of_it(void **state)
{
	struct store *s = open_there(state, NULL);
	struct book book;

	assert_int_equal(snapshot(s, 1), 0);
	for (uint64_t seq = 2; seq <= 9; seq++)
		assert_int_equal(commit(s, seq), 0);
	hold_disk(true);
	assert_int_equal(begin_snapshot(s, 9), 0);
	assert_false(store_ops.wants_snapshot(s));
	assert_int_equal(begin_snapshot(s, 9), -EBUSY);
	assert_int_equal(give(s, 10), 0);
	until_somebody_waits();
	hold_disk(false);
	while (!times_told())
		dispatch_when_ready(s);
	store_close(s);
	assert_int_equal(unlink(place_path(*state, "state/log.1")), 0);
	s = open_there(state, &book);
	assert_int_equal(book.count, 2);
	assert_true(book.turn[0].snapshot);
	assert_int_equal(book.turn[0].last, 9);
	assert_int_equal(book.turn[1].last, 10);
	store_close(s);
}

static void goes_on_with_the_old_log_when_a_snapshot_fails_later(void **state)
{
	struct store *s = open_there(state, NULL);
	struct book book;
	uint64_t seq = 1;

	assert_int_equal(snapshot(s, 1), 0);
	while (!store_ops.wants_snapshot(s) && seq < 10000)
		assert_int_equal(commit(s, ++seq), 0);
	fail_disk(EIO);
	assert_int_equal(snapshot(s, seq), 0);
	fail_disk(0);
	assert_false(store_ops.wants_snapshot(s)); /* not at every turn again */
	assert_int_equal(commit(s, ++seq), 0);
	store_close(s);
	assert_false(place_has(*state, "state/log.new"));
	s = open_there(state, &book);
	assert_int_equal(book.turn[book.count - 1].last, seq);
	assert_int_equal(book.count, seq);
	store_close(s);
}

static void writes_what_it_has_before_it_is_closed(void **state)
{
	struct store *s = open_there(state, NULL);
	struct book book;

	assert_int_equal(snapshot(s, 1), 0);
	assert_int_equal(begin_snapshot(s, 1), 0);
	assert_int_equal(give(s, 2), 0);
	store_close(s);
	s = open_there(state, &book);
	assert_int_equal(book.turn[book.count - 1].last, 2);
	store_close(s);
}

/* In a child: what it leaves behind is a thread that never ends, and the lock. */
static void leaves_while_the_disk_hangs(const char *path)
{
	struct store_options hasty = quick;
	struct store *s;

	hasty.close_wait_ms = 50;
	s = open_store(path, &hasty, NULL);
	if (commit(s, 1) < 0)
		_exit(1);
	hold_disk(true);
	if (give(s, 2) < 0)
		_exit(2);
	until_somebody_waits();
	store_close(s);
	s = NULL;
	_exit(store_open_with(path, &quick, &s) == -EWOULDBLOCK ? 0 : 3);
}

static void waits_for_a_disk_that_hangs_only_so_long(void **state)
{
	struct store *s;
	struct book book;
	pid_t child = fork();
	int status;

	if (child == 0)
		leaves_while_the_disk_hangs(place_path(*state, "state"));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	s = open_there(state, &book); /* the lock went with the process */
	assert_in_range(book.count, 1, 2);
	store_close(s);
}

/* ---- a death before and after each call that it makes ---- */

#define TURNS 12 /* more than a snapshot asks for, so that there are some */

/* Says through the pipe how far it was told that it is stored. Returns how many calls it took, if it lived. */
static unsigned live(const char *path, int told_fd, unsigned die_at, bool die_after)
{
	struct store *s;
	uint64_t seq = 0;

	disk.calls = 0;
	disk.die_after = die_after;
	disk.die_at = die_at;
	s = open_store(path, &quick, NULL);
	while (seq < TURNS && commit(s, seq + 1) == 0) {
		seq++;
		if (write(told_fd, &seq, sizeof(seq)) != sizeof(seq))
			_exit(1);
		if (seq % 5 == 0 && snapshot(s, seq) < 0)
			_exit(1);
	}
	store_close(s);
	return disk.calls;
}

static uint64_t last_told(int fd)
{
	uint64_t seq, last = 0;

	while (read(fd, &seq, sizeof(seq)) == sizeof(seq))
		last = seq;
	return last;
}

static void assert_loads(void **state, uint64_t told, unsigned step)
{
	struct store *s;
	struct book book;
	uint64_t last = 0;

	s = open_there(state, &book);
	for (size_t i = 0; i < book.count; i++) {
		if (i || !book.turn[i].snapshot) /* it begins with turn 1, or a snapshot; then nothing is missing */
			assert_int_equal(book.turn[i].first, last + 1);
		last = book.turn[i].last;
	}
	if (last != told && last != told + 1)
		fail_msg("dead at call %u: turn %llu was told, the log ends with %llu", step, (unsigned long long)told,
			(unsigned long long)last);
	assert_int_equal(commit(s, last + 1), 0);
	store_close(s);
	s = open_there(state, &book);
	assert_int_equal(book.turn[book.count - 1].last, last + 1);
	store_close(s);
}

static void clean(void **state)
{
	static const char *const names[] = { "log", "log.1", "log.new", "epoch", "epoch.new" };
	char name[32];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		(void)snprintf(name, sizeof(name), "state/%s", names[i]);
		(void)unlink(place_path(*state, name));
	}
}

static void loads_after_a_death_at_any_call(void **state)
{
	unsigned calls = 0, deaths = 0;

	for (unsigned step = 1; step <= 2 * calls || step <= 2; step++) {
		unsigned at = (step + 1) / 2;
		int told[2], status;
		pid_t child;

		clean(state);
		if (!calls) {
			assert_int_equal(pipe(told), 0);
			calls = live(place_path(*state, "state"), told[1], UINT32_MAX, false);
			disk.die_at = 0;
			close(told[0]);
			close(told[1]);
			assert_in_range(calls, 2 * TURNS, 200);
			clean(state);
		}
		assert_int_equal(pipe(told), 0);
		child = fork();
		if (child == 0) {
			(void)live(place_path(*state, "state"), told[1], at, step % 2 == 0);
			_exit(3);
		}
		close(told[1]);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
		assert_loads(state, last_told(told[0]), step);
		close(told[0]);
		deaths++;
	}
	printf("%u calls, %u deaths\n", calls, deaths);
}

int main(void)
{
#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_remove)
	const struct CMUnitTest tests[] = {
		STORE_TEST(returns_before_the_disk_has_it),
		STORE_TEST(takes_one_turn_at_a_time),
		STORE_TEST(tells_of_a_failure_that_comes_later),
		STORE_TEST(puts_a_line_behind_the_snapshot_in_front_of_it),
		STORE_TEST(goes_on_with_the_old_log_when_a_snapshot_fails_later),
		STORE_TEST(writes_what_it_has_before_it_is_closed),
		STORE_TEST(waits_for_a_disk_that_hangs_only_so_long),
		STORE_TEST(loads_after_a_death_at_any_call),
	};

	who_writes = STORE_WRITER_ALWAYS;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
