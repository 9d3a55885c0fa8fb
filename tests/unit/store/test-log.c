/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "changes.h"
#include "place.h"
#include "store/uuid.h"

static const char *state_dir(void **state)
{
	return place_path(*state, "state");
}

static void brings_back_what_was_committed(void **state)
{
	struct book book;
	struct store *s = open_store(state_dir(state), &quick, &book);
	struct stat st;

	assert_int_equal(book.count, 0);
	assert_true(store_lost(s, NULL));
	assert_int_equal(stat(state_dir(state), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	for (uint64_t seq = 1; seq <= 5; seq++)
		assert_int_equal(commit(s, seq), 0);
	store_close(s);
	s = open_store(state_dir(state), &quick, &book);
	assert_int_equal(book.count, 5);
	assert_int_equal(book.turn[4].last, 5);
	assert_int_equal(book.turn[4].boot, 1);
	assert_false(store_lost(s, NULL));
	store_close(s);
}

static void keeps_its_epoch_as_long_as_its_log(void **state)
{
	struct store *s = open_store(state_dir(state), &quick, NULL);
	uint8_t epoch[16];

	memcpy(epoch, store_epoch(s), 16);
	assert_false(uuid_is_nil(epoch));
	assert_int_equal(commit(s, 1), 0);
	store_close(s);
	s = open_store(state_dir(state), &quick, NULL);
	assert_memory_equal(epoch, store_epoch(s), 16);
	store_close(s);
	assert_int_equal(unlink(place_path(*state, "state/log")), 0);
	s = open_store(state_dir(state), &quick, NULL);
	assert_memory_not_equal(epoch, store_epoch(s), 16);
	assert_true(store_lost(s, NULL));
	store_close(s);
}

static void knows_the_boot_of_every_turn(void **state)
{
	struct store_options later = quick;
	struct book book;
	struct store *s = open_store(state_dir(state), &quick, NULL);

	later.boot = second_boot;
	assert_int_equal(commit(s, 1), 0);
	store_close(s);
	s = open_store(state_dir(state), &later, NULL);
	assert_int_equal(commit(s, 2), 0);
	assert_int_equal(commit(s, 3), 0);
	store_close(s);
	s = open_store(state_dir(state), &later, &book);
	assert_int_equal(book.turn[0].boot, 1);
	assert_int_equal(book.turn[1].boot, 2);
	assert_int_equal(book.turn[2].boot, 2);
	store_close(s);
}

static void skips_a_snapshot_that_the_log_before_leads_to(void **state)
{
	struct book book;
	struct store *s = open_store(state_dir(state), &quick, NULL);

	assert_true(store_ops.wants_snapshot(s));
	assert_int_equal(snapshot(s, 7), 0);
	assert_int_equal(commit(s, 8), 0);
	assert_int_equal(commit(s, 9), 0);
	assert_int_equal(snapshot(s, 9), 0);
	assert_int_equal(commit(s, 10), 0);
	store_close(s);
	s = open_store(state_dir(state), &quick, &book);
	assert_int_equal(book.count, 4); /* snapshot 7, 8, 9, 10 */
	assert_true(book.turn[0].snapshot);
	assert_int_equal(book.turn[3].first, 10);
	store_close(s);

	assert_int_equal(unlink(place_path(*state, "state/log.1")), 0);
	s = open_store(state_dir(state), &quick, &book);
	assert_int_equal(book.count, 2); /* snapshot 9, 10 */
	assert_true(book.turn[0].snapshot);
	assert_int_equal(book.turn[0].last, 9);
	assert_false(store_lost(s, NULL));
	store_close(s);
}

static void asks_for_a_snapshot_when_the_log_is_long_and_has_its_events(void **state)
{
	struct store_options few = quick, many = quick;
	struct store *s = open_store(state_dir(state), &few, NULL);
	uint64_t seq = 1;

	many.snapshot_events = 1000;
	assert_int_equal(snapshot(s, 1), 0);
	while (!store_ops.wants_snapshot(s) && seq < 10000)
		assert_int_equal(commit(s, ++seq), 0);
	assert_in_range(seq, 11, 30);
	store_close(s);
	s = open_store(state_dir(state), &few, NULL);
	assert_true(store_ops.wants_snapshot(s)); /* counted again by the load */
	store_close(s);
	s = open_store(state_dir(state), &many, NULL);
	assert_false(store_ops.wants_snapshot(s));
	while (!store_ops.wants_snapshot(s) && seq < 10000)
		assert_int_equal(commit(s, ++seq), 0);
	assert_int_equal(seq, 1001);
	store_close(s);
}

static void asks_for_one_when_it_is_too_long_for_what_is_no_event(void **state)
{
	struct store_options bounded = quick;
	struct store *s;
	uint64_t seq = 1;

	bounded.snapshot_most = 10000;
	s = open_store(state_dir(state), &bounded, NULL);
	assert_int_equal(snapshot(s, 1), 0);
	while (!store_ops.wants_snapshot(s) && seq < 10000)
		assert_int_equal(commit_untold(s, ++seq), 0);
	assert_in_range(seq, 10000 / 250, 10000 / 100);
	assert_int_equal(snapshot(s, seq), 0);
	assert_false(store_ops.wants_snapshot(s));
	store_close(s);
}

/* Each file state that a crash inside a snapshot can leave must load to the same turns, 1 to 4 and then 5. */
static void loads_after_a_crash_at_any_step_of_a_snapshot(void **state)
{
	for (unsigned step = 0; step < 4; step++) {
		struct place *p = *state;
		struct book book;
		struct store *s;
		uint8_t epoch[16];

		(void)unlink(place_path(p, "state/log"));
		(void)unlink(place_path(p, "state/log.1"));
		s = open_store(state_dir(state), &quick, NULL);
		memcpy(epoch, store_epoch(s), 16);
		assert_int_equal(snapshot(s, 1), 0);
		for (uint64_t seq = 2; seq <= 4; seq++)
			assert_int_equal(commit(s, seq), 0);
		place_copy(p, "state/log", "old");
		assert_int_equal(snapshot(s, 4), 0);
		place_copy(p, "state/log", "new");
		store_close(s);

		switch (step) {
		case 0: /* log.new half written */
			place_copy(p, "old", "state/log");
			place_write(p, "state/log.new", "1234", 4);
			(void)unlink(place_path(p, "state/log.1"));
			break;
		case 1: /* log.new whole */
			place_copy(p, "old", "state/log");
			place_copy(p, "new", "state/log.new");
			(void)unlink(place_path(p, "state/log.1"));
			break;
		case 2: /* between the renames */
			(void)unlink(place_path(p, "state/log"));
			place_copy(p, "old", "state/log.1");
			place_copy(p, "new", "state/log.new");
			break;
		case 3: /* after both */
			break;
		}
		s = open_store(state_dir(state), &quick, &book);
		assert_int_equal(book.count, 4);
		assert_int_equal(book.turn[3].last, 4);
		assert_false(store_lost(s, NULL));
		assert_memory_equal(epoch, store_epoch(s), 16);
		assert_false(place_has(p, "state/log.new"));
		assert_int_equal(commit(s, 5), 0);
		store_close(s);
		s = open_store(state_dir(state), &quick, &book);
		assert_int_equal(book.count, 5);
		store_close(s);
	}
}

static void lets_only_one_daemon_in(void **state)
{
	struct store *s = NULL, *other = NULL;
	pid_t holder;
	int ready[2];
	char c;

	assert_int_equal(pipe(ready), 0);
	holder = fork();
	if (holder == 0) {
		if (store_open_with(state_dir(state), &quick, &s) == 0 && write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(store_open_with(state_dir(state), &quick, &other), -EWOULDBLOCK);
	assert_int_equal(store_holder(state_dir(state)), holder);
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
	assert_int_equal(store_open_with(state_dir(state), &quick, &other), 0);
	assert_int_equal(store_holder(state_dir(state)), getpid());
	store_close(other);
	close(ready[0]);
	close(ready[1]);
}

static void waits_for_a_daemon_that_is_leaving(void **state)
{
	struct store_options patient = quick;
	struct store *s = NULL;
	pid_t holder;
	int ready[2];
	char c;

	patient.lock_wait_ms = 5000;
	assert_int_equal(pipe(ready), 0);
	holder = fork();
	if (holder == 0) {
		const struct timespec while_dying = { .tv_nsec = 100000000 };

		if (store_open_with(state_dir(state), &quick, &s) == 0 && write(ready[1], "x", 1) == 1)
			(void)nanosleep(&while_dying, NULL);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(store_open_with(state_dir(state), &patient, &s), 0);
	waitpid(holder, NULL, 0);
	store_close(s);
	close(ready[0]);
	close(ready[1]);
}

static void has_an_incarnation_that_rises(void **state)
{
	struct store *s = open_store(state_dir(state), &quick, NULL);
	uint64_t first = store_incarnation(s);

	store_close(s);
	s = open_store(state_dir(state), &quick, NULL);
	assert_true(store_incarnation(s) > first);
	store_close(s);
}

static void refuses_a_directory_that_others_can_change(void **state)
{
	struct store *s = NULL;

	assert_int_equal(mkdir(state_dir(state), 0700), 0);
	assert_int_equal(chmod(state_dir(state), 0722), 0);
	assert_int_equal(store_open_with(state_dir(state), &quick, &s), -EPERM);
	assert_int_equal(rmdir(state_dir(state)), 0);
	assert_int_equal(symlink("/tmp", state_dir(state)), 0);
	assert_int_equal(store_open_with(state_dir(state), &quick, &s), -ENOTDIR);
}

int main(int argc, char **argv)
{
#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_remove)
	const struct CMUnitTest tests[] = {
		STORE_TEST(brings_back_what_was_committed),
		STORE_TEST(keeps_its_epoch_as_long_as_its_log),
		STORE_TEST(knows_the_boot_of_every_turn),
		STORE_TEST(skips_a_snapshot_that_the_log_before_leads_to),
		STORE_TEST(asks_for_a_snapshot_when_the_log_is_long_and_has_its_events),
		STORE_TEST(asks_for_one_when_it_is_too_long_for_what_is_no_event),
		STORE_TEST(loads_after_a_crash_at_any_step_of_a_snapshot),
		STORE_TEST(lets_only_one_daemon_in),
		STORE_TEST(waits_for_a_daemon_that_is_leaving),
		STORE_TEST(has_an_incarnation_that_rises),
		STORE_TEST(refuses_a_directory_that_others_can_change),
	};

	if (choose_writer(argc, argv) < 0)
		return 2;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
