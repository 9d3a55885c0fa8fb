/* SPDX-License-Identifier: Apache-2.0 */

/* Real guests on the real KVM that stand for a while; this program is the daemon, or there is none. */

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

/* PAUSE, and its own answer. */
static void pause_it(struct peer *p)
{
	union peer_frame frame;

	peer_send(p, VMM_PAUSE);
	peer_expect(p, VMM_PAUSED, &frame);
	assert_int_equal(frame.header.command, p->command);
}

/*
 * The guest's counter does not move over a round through the VMM's loop and back. A vCPU that still ran would count every
 * 10 ms, or without a pause; so this is asked for a while.
 */
static void it_stands(struct peer *p, unsigned vcpus)
{
	uint64_t count[8];

	for (unsigned v = 0; v < vcpus; v++)
		count[v] = peer_count(p, v);
	for (unsigned i = 0; i < 200; i++) {
		pause_it(p);
		for (unsigned v = 0; v < vcpus; v++)
			assert_int_equal(peer_count(p, v), count[v]);
	}
}

static void it_goes_on(struct peer *p, unsigned vcpus)
{
	for (unsigned v = 0; v < vcpus; v++)
		peer_expect_count(p, v, peer_count(p, v) + 2);
}

static void stands_and_goes_on(struct peer *p, const char *guest, unsigned vcpus)
{
	peer_open(p, guest);
	p->definition.vcpu_count = (uint16_t)vcpus;
	peer_run(p);
	it_goes_on(p, vcpus);
	for (unsigned i = 0; i < 3; i++) {
		pause_it(p);
		it_stands(p, vcpus);
		peer_send(p, VMM_RESUME);
		it_goes_on(p, vcpus);
	}
	peer_leave(p);
}

static void a_guest_stands_and_goes_on(void **state)
{
	stands_and_goes_on(*state, "beat", 1);
}

/* It never leaves the guest by itself. */
static void a_guest_that_spins_stands(void **state)
{
	stands_and_goes_on(*state, "spin", 1);
}

/* It is in the middle of writing to a device nearly always. */
static void a_guest_that_floods_its_console_stands(void **state)
{
	stands_and_goes_on(*state, "flood", 1);
}

static void four_vcpus_stand_together(void **state)
{
	stands_and_goes_on(*state, "smp", 4);
}

#ifdef __x86_64__
#define WAITS_FOR_EVER "halt"
#else
#define WAITS_FOR_EVER "silent"
#endif

/* It waits in the VMM, not in KVM_RUN; and being let go on is nothing that it waits for. */
static void a_guest_that_waits_for_ever_stands(void **state)
{
	struct peer *p = *state;

	peer_open(p, WAITS_FOR_EVER);
	peer_run(p);
	for (unsigned i = 0; i < 3; i++) {
		pause_it(p);
		peer_send(p, VMM_RESUME);
	}
	peer_send(p, VMM_QUIESCE);
	peer_expect(p, VMM_QUIESCED, NULL); /* and not ENDED */
	peer_leave(p);
}

static void a_pause_before_the_entry_is_out_of_order(void **state)
{
	struct peer *p = *state;

	peer_open(p, "beat");
	peer_build(p);
	peer_send(p, VMM_PAUSE);
	peer_expect_hangup(p);
}

static void pause_and_resume_may_follow_at_once(void **state)
{
	struct peer *p = *state;

	peer_open(p, "spin");
	peer_run(p);
	for (unsigned i = 0; i < 100; i++) {
		peer_send(p, VMM_PAUSE);
		peer_send(p, VMM_RESUME);
	}
	peer_send(p, VMM_PAUSE);
	/* Of those before one may have been answered in time; the last one is. */
	for (union peer_frame frame = { 0 }; frame.header.command < p->command;)
		peer_expect(p, VMM_PAUSED, &frame);
	it_stands(p, 1);
	peer_send(p, VMM_RESUME);
	it_goes_on(p, 1);
	peer_leave(p);
}

static void who_stands_can_be_quiesced(void **state)
{
	struct peer *p = *state;

	peer_open(p, "beat");
	peer_run(p);
	pause_it(p);
	peer_send(p, VMM_QUIESCE);
	peer_expect(p, VMM_QUIESCED, NULL);
	peer_leave(p);
}

static void sigterm_lets_it_go_on_to_hear_its_key(void **state)
{
	struct peer *p = *state;
	union peer_frame frame;

	peer_open(p, "obey");
	peer_run(p);
	peer_expect_console(p, "listens\n");
	pause_it(p);
	kill(p->pid, SIGTERM);
	peer_expect_soon(p, VMM_STOPPING, VMM_ENDED, &frame);
	assert_int_equal(frame.ended.end.cause, CAUSE_USER_STOP);
	peer_leave(p);
}

static void a_new_daemon_is_told_that_it_stands(void **state)
{
	struct peer *p = *state;
	struct vmm_back back;

	peer_open(p, "beat");
	peer_run(p);
	pause_it(p);
	peer_hang_up(p);
	peer_listen(p);
	peer_welcome(p, &back);
	assert_int_equal(back.phase, VMM_PHASE_ENTERED);
	assert_int_equal(back.flags, VMM_BACK_PAUSED);
	it_stands(p, 1);
	peer_send(p, VMM_RESUME);
	it_goes_on(p, 1);
	peer_leave(p);
}

/* A clock that cannot be had is no reason not to pause. */
static void a_clock_that_cannot_be_stopped_does_not_matter(void **state)
{
	static const char *const injected[] = { "KVM_GET_CLOCK=22", "KVM_SET_CLOCK=22", "KVM_KVMCLOCK_CTRL=5" };

	for (unsigned i = 0; i < 3; i++) {
		struct peer *p = *state;

		p->inject = injected[i];
		peer_open(p, "beat");
		peer_run(p);
		pause_it(p);
		peer_send(p, VMM_RESUME);
		it_goes_on(p, 1);
		peer_leave(p);
		peer_teardown(state);
		peer_setup(state);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, peer_setup, peer_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_guest_stands_and_goes_on),
		TEST(a_guest_that_spins_stands),
		TEST(a_guest_that_floods_its_console_stands),
		TEST(four_vcpus_stand_together),
		TEST(a_guest_that_waits_for_ever_stands),
		TEST(a_pause_before_the_entry_is_out_of_order),
		TEST(pause_and_resume_may_follow_at_once),
		TEST(who_stands_can_be_quiesced),
		TEST(sigterm_lets_it_go_on_to_hear_its_key),
		TEST(a_new_daemon_is_told_that_it_stands),
		TEST(a_clock_that_cannot_be_stopped_does_not_matter),
	};
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0) {
		fprintf(stderr, "SKIPPED: /dev/kvm cannot be used (%s); no guest was paused\n", strerror(errno));
		return 77;
	}
	close(kvm);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
