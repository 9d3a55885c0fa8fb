/* SPDX-License-Identifier: Apache-2.0 */

/* The power key of a real guest on the real KVM, pressed by STOP or by SIGTERM; this program is the daemon, or there is none. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm-peer.h"

/* A guest that listens has said so. */
static void listens(struct peer *p, const char *guest)
{
	peer_open(p, guest);
	peer_run(p);
	peer_expect_console(p, "listens\n");
}

/* STOPPING may come before: a guest that obeys at once has ended before that is told, and ENDED says it all. */
static void ended_by_its_user(struct peer *p, const char *text)
{
	union peer_frame frame;

	peer_expect_soon(p, VMM_STOPPING, VMM_ENDED, &frame);
	assert_int_equal(frame.ended.end.cause, CAUSE_USER_STOP);
	assert_non_null(strstr(frame.ended.end.text, text));
	assert_int_equal(p->last_words->magic, LAST_WORDS_MAGIC);
	assert_memory_equal(&p->last_words->end, &frame.ended.end, sizeof(frame.ended.end));
	peer_leave(p);
}

static void a_guest_obeys_its_key(void **state)
{
	struct peer *p = *state;

	listens(p, "obey");
	peer_send(p, VMM_STOP);
	ended_by_its_user(p, "power key was pressed");
}

static void a_deaf_guest_runs_on(void **state)
{
	struct peer *p = *state;
	union peer_frame frame;
	uint64_t count;

	peer_open(p, "beat");
	peer_run(p);
	for (int i = 0; i < 2; i++) {
		peer_send(p, VMM_STOP);
		peer_expect(p, VMM_DEAF, &frame);
		assert_int_equal(frame.header.command, p->command);
	}
	count = peer_count(p, 0);
	peer_expect_count(p, 0, count + 2);
	peer_leave(p);
}

static void a_guest_that_has_not_entered_is_not_asked(void **state)
{
	struct peer *p = *state;

	peer_open(p, "obey");
	peer_build(p);
	peer_send(p, VMM_STOP);
	peer_expect_hangup(p);
}

static void sigterm_presses_the_key(void **state)
{
	struct peer *p = *state;

	listens(p, "obey");
	kill(p->pid, SIGTERM);
	ended_by_its_user(p, "power key was pressed");
}

static void sigterm_is_not_to_be_ignored_twice(void **state)
{
	struct peer *p = *state;

	listens(p, "ignore");
	kill(p->pid, SIGTERM);
	peer_expect(p, VMM_STOPPING, NULL);
	kill(p->pid, SIGTERM);
	ended_by_its_user(p, "SIGTERM), twice");
}

/* The first SIGTERM is a graceful stop also where a daemon had asked before. */
static void sigterm_joins_a_stop(void **state)
{
	struct peer *p = *state;
	uint64_t command;

	listens(p, "ignore");
	peer_send(p, VMM_STOP);
	command = p->command;
	kill(p->pid, SIGTERM);
	peer_expect(p, VMM_STOPPING, NULL);
	peer_send(p, VMM_STOP);
	peer_send(p, VMM_QUIESCE);
	peer_expect(p, VMM_QUIESCED, NULL);
	assert_true(p->command > command);
	assert_int_equal(p->last_words->magic, 0);
	peer_leave(p);
}

static void sigterm_ends_who_cannot_hear(void **state)
{
	struct peer *p = *state;

	peer_open(p, "silent");
	peer_run(p);
	kill(p->pid, SIGTERM);
	ended_by_its_user(p, "listens to no power key");
}

static void sigterm_ends_who_has_not_entered(void **state)
{
	struct peer *p = *state;

	peer_open(p, "obey");
	peer_build(p);
	kill(p->pid, SIGTERM);
	ended_by_its_user(p, "before its guest ran");
}

static void a_guest_obeys_without_a_daemon(void **state)
{
	struct peer *p = *state;

	listens(p, "obey");
	peer_hang_up(p);
	kill(p->pid, SIGTERM);
	assert_int_equal(peer_wait(p), 0);
	peer_expect_console(p, "power off\n");
	assert_int_equal(p->last_words->magic, LAST_WORDS_MAGIC);
	assert_int_equal(p->last_words->end.cause, CAUSE_USER_STOP);
	assert_non_null(strstr(p->last_words->end.text, "power key was pressed"));
}

/* The daemon that was to say EXIT is gone before it could. */
static void a_daemon_that_dies_keeps_no_stopped_vmm(void **state)
{
	struct peer *p = *state;

	listens(p, "obey");
	kill(p->pid, SIGTERM);
	peer_expect_soon(p, VMM_STOPPING, VMM_ENDED, NULL);
	peer_hang_up(p);
	assert_int_equal(peer_wait(p), 0);
}

static void a_new_daemon_is_told_that_the_key_was_pressed(void **state)
{
	struct peer *p = *state;
	struct vmm_back back;

	listens(p, "ignore");
	peer_hang_up(p);
	peer_listen(p);
	peer_welcome(p, &back);
	assert_int_equal(back.flags, 0);
	kill(p->pid, SIGTERM);
	peer_expect(p, VMM_STOPPING, NULL);
	peer_hang_up(p);
	peer_listen(p);
	peer_welcome(p, &back);
	assert_int_equal(back.phase, VMM_PHASE_ENTERED);
	assert_int_equal(back.flags, VMM_BACK_STOPPING);
	peer_leave(p);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, peer_setup, peer_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_guest_obeys_its_key),
		TEST(a_deaf_guest_runs_on),
		TEST(a_guest_that_has_not_entered_is_not_asked),
		TEST(sigterm_presses_the_key),
		TEST(sigterm_is_not_to_be_ignored_twice),
		TEST(sigterm_joins_a_stop),
		TEST(sigterm_ends_who_cannot_hear),
		TEST(sigterm_ends_who_has_not_entered),
		TEST(a_guest_obeys_without_a_daemon),
		TEST(a_daemon_that_dies_keeps_no_stopped_vmm),
		TEST(a_new_daemon_is_told_that_the_key_was_pressed),
	};
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0) {
		fprintf(stderr, "SKIPPED: /dev/kvm cannot be used (%s); no guest was stopped\n", strerror(errno));
		return 77;
	}
	close(kvm);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
