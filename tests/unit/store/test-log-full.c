/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "changes.h"
#include "place.h"

static const struct store_options no_snapshots = { .snapshot_bytes = UINT64_MAX, .close_wait_ms = 60000, .boot = first_boot };

static void limit_file_size(uint64_t bytes)
{
	const struct rlimit limit = { bytes, RLIM_INFINITY };

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static size_t size_of(struct place *p, const char *name)
{
	struct stat st;

	assert_int_equal(stat(place_path(p, name), &st), 0);
	return (size_t)st.st_size;
}

static void takes_back_half_a_line(void **state)
{
	struct place *p = *state;
	struct store *s = open_store(place_path(p, "state"), &no_snapshots, NULL);
	struct book book;
	size_t before;

	assert_int_equal(commit(s, 1), 0);
	before = size_of(p, "state/log");
	for (size_t room = 0; room < 150; room += 10) {
		limit_file_size(before + room);
		assert_int_equal(commit(s, 2), -EFBIG);
		assert_int_equal(size_of(p, "state/log"), before);
	}
	limit_file_size(RLIM_INFINITY);
	assert_int_equal(commit(s, 2), 0);
	store_close(s);
	s = open_store(place_path(p, "state"), &no_snapshots, &book);
	assert_int_equal(book.count, 2);
	store_close(s);
}

static void goes_on_with_the_old_log_when_a_snapshot_fails(void **state)
{
	struct place *p = *state;
	struct store *s = open_store(place_path(p, "state"), &quick, NULL);
	struct book book;
	uint64_t seq = 1;

	assert_int_equal(snapshot(s, 1), 0);
	while (!store_ops.wants_snapshot(s) && seq < 10000)
		assert_int_equal(commit(s, ++seq), 0);
	assert_true(store_ops.wants_snapshot(s));
	limit_file_size(20);
	assert_int_equal(snapshot(s, seq), who_writes == STORE_WRITER_ALWAYS ? 0 : -EFBIG);
	limit_file_size(RLIM_INFINITY);
	assert_false(place_has(p, "state/log.new"));
	assert_false(store_ops.wants_snapshot(s)); /* not at every turn again */
	assert_int_equal(commit(s, ++seq), 0);
	store_close(s);
	s = open_store(place_path(p, "state"), &quick, &book);
	assert_int_equal(book.turn[book.count - 1].last, seq);
	store_close(s);
}

/* In a child, for the mount must not be seen by others. Says what went wrong by the line it went wrong in. */
#define CHECK(x)                                                                                             \
	do {                                                                                                 \
		if (!(x)) {                                                                                  \
			fprintf(stderr, "line %d: %s\n", __LINE__, #x);                                      \
			_exit(1);                                                                            \
		}                                                                                            \
	} while (0)

static void fill_disk(const char *mount_point)
{
	char path[256], block[4096] = "";
	struct store *s;
	struct book book;
	uint64_t seq = 0;
	int e, fd;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tmpfs", mount_point, "tmpfs", 0, "size=64k") < 0)
		_exit(77);
	(void)snprintf(path, sizeof(path), "%s/state", mount_point);
	s = open_store(path, &no_snapshots, NULL);
	(void)snprintf(path, sizeof(path), "%s/ballast", mount_point);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	for (unsigned i = 0; i < 8; i++)
		CHECK(write(fd, block, sizeof(block)) == sizeof(block));
	while ((e = commit(s, seq + 1)) == 0)
		seq++;
	CHECK(e == -ENOSPC && seq > 50);
	CHECK(commit(s, seq + 1) == -ENOSPC);
	CHECK(ftruncate(fd, 0) == 0);
	CHECK(commit(s, seq + 1) == 0);
	store_close(s);
	(void)snprintf(path, sizeof(path), "%s/state", mount_point);
	s = open_store(path, &no_snapshots, &book);
	CHECK(book.count == seq + 1);
	store_close(s);
	_exit(0);
}

static void waits_out_a_full_disk(void **state)
{
	struct place *p = *state;
	pid_t child = fork();
	int status;

	if (child == 0)
		fill_disk(p->path);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

int main(int argc, char **argv)
{
#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_remove)
	const struct CMUnitTest tests[] = {
		STORE_TEST(takes_back_half_a_line),
		STORE_TEST(goes_on_with_the_old_log_when_a_snapshot_fails),
		STORE_TEST(waits_out_a_full_disk),
	};

	if (choose_writer(argc, argv) < 0)
		return 2;
	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
