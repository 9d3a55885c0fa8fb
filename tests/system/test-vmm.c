/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm-peer.h"

/* The real lifecycled-vmm over the real KVM; this program is its daemon. */

static void prints_counts_and_leaves(void **state)
{
	struct peer *p = *state;

	peer_open(p, "beat");
	peer_run(p);
	peer_expect_console(p, "lifecycled test guest: up\n");
	peer_expect_count(p, 0, 3);
	peer_expect_vcpu(p, 0, VCPU_RUNNING);
	peer_expect_console(p, "beat\n");
	assert_true(peer_holds_lock(p));
	assert_int_equal(p->last_words->magic, 0);
	peer_leave(p);
	assert_false(peer_holds_lock(p));
}

static bool has_kvm_objects(pid_t pid)
{
	char path[64], target[64];
	bool found = false;

	for (int fd = 0; fd < 64 && !found; fd++) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
		n = readlink(path, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		found = strstr(target, "kvm-v"); /* a VM, a vCPU */
	}
	return found;
}

/* Nobody tells when it is done; it is begun right after the answer. */
static void expect_dismantled(struct peer *p)
{
	int left_ms = peer_limit();

	while (has_kvm_objects(p->pid) && left_ms-- > 0)
		(void)poll(NULL, 0, 1);
	assert_true(left_ms > 0);
}

static void ends_as(
	struct peer *p, const char *guest, unsigned vcpus, enum vm_cause cause, enum vcpu_state last)
{
	union peer_frame frame;

	peer_open(p, guest);
	p->definition.vcpu_count = (uint16_t)vcpus;
	peer_run(p);
	peer_expect(p, VMM_ENDED, &frame);
	assert_int_equal(frame.ended.end.cause, cause);
	assert_int_equal(p->last_words->magic, LAST_WORDS_MAGIC);
	assert_int_equal(p->last_words->quiesced, 1);
	assert_memory_equal(&p->last_words->end, &frame.ended.end, sizeof(frame.ended.end));
	assert_true(strlen(frame.ended.end.text) > 0);
	expect_dismantled(p);
	for (unsigned i = 0; i < vcpus; i++)
		assert_int_equal(p->vcpu[i], last);
	peer_leave(p);
}

static void tells_a_poweroff(void **state)
{
	ends_as(*state, "poweroff", 1, CAUSE_GUEST_POWEROFF, VCPU_STOPPED);
}

static void tells_one_of_four_poweroffs(void **state)
{
	ends_as(*state, "poweroff", 4, CAUSE_GUEST_POWEROFF, VCPU_STOPPED);
}

/* The host takes memory away from a running guest, all but its first MiB: EFAULT. */
static void tells_lost_memory(void **state)
{
	struct peer *p = *state;
	union peer_frame frame;

	peer_open(p, "spin");
	peer_run(p);
	peer_expect_count(p, 0, 1);
	assert_int_equal(ftruncate(p->memory, 1 << 20), 0);
	peer_expect(p, VMM_ENDED, &frame);
	assert_int_equal(frame.ended.end.cause, CAUSE_MEMORY_FAULT);
	peer_leave(p);
}

static void tells_a_reboot(void **state)
{
	ends_as(*state, "reboot", 1, CAUSE_GUEST_REBOOT, VCPU_STOPPED);
}

static void tells_a_panic_though_a_reset_follows(void **state)
{
	ends_as(*state, "panic", 1, CAUSE_GUEST_PANIC, VCPU_ABORTED);
}

static void tells_a_crash(void **state)
{
	ends_as(*state, "crash", 1, CAUSE_GUEST_PANIC, VCPU_ABORTED);
}

#ifdef __x86_64__
static void takes_the_last_halt_for_a_poweroff(void **state)
{
	ends_as(*state, "off", 3, CAUSE_GUEST_POWEROFF, VCPU_STOPPED);
}
#endif

/* After QUIESCED nothing of the guest moves, and an ENTER is refused for good. */
static void expect_still(struct peer *p)
{
	uint64_t head = __atomic_load_n(&p->ring->head, __ATOMIC_ACQUIRE), count[VM_VCPU_MAX];
	struct vmm_back back;

	for (unsigned i = 0; i < p->definition.vcpu_count; i++)
		count[i] = peer_count(p, i);
	peer_send(p, VMM_ENTER);
	peer_expect_hangup(p);
	peer_welcome(p, &back);
	assert_int_equal(back.phase, VMM_PHASE_QUIESCED);
	assert_int_equal(back.end.cause, CAUSE_NONE);
	for (unsigned i = 0; i < p->definition.vcpu_count; i++) {
		assert_int_equal(back.vcpu[i], VCPU_ABORTED);
		assert_int_equal(peer_count(p, i), count[i]);
	}
	assert_int_equal(__atomic_load_n(&p->ring->head, __ATOMIC_ACQUIRE), head);
}

static void quiesces(struct peer *p, const char *guest, unsigned vcpus)
{
	union peer_frame frame;

	peer_open(p, guest);
	p->definition.vcpu_count = (uint16_t)vcpus;
	peer_run(p);
	for (unsigned i = 0; i < vcpus; i++)
		peer_expect_count(p, i, 1);
	assert_true(has_kvm_objects(p->pid));
	peer_send(p, VMM_QUIESCE);
	peer_expect(p, VMM_QUIESCED, &frame);
	assert_int_equal(frame.header.command, p->command);
	expect_dismantled(p);
	/* Told again, answered again: a daemon that died may have lost the answer. */
	peer_send(p, VMM_QUIESCE);
	peer_expect(p, VMM_QUIESCED, &frame);
	assert_int_equal(frame.header.command, p->command);
	expect_still(p);
	peer_leave(p);
}

static void quiesces_a_counting_guest(void **state)
{
	quiesces(*state, "beat", 1);
}

static void quiesces_a_guest_that_never_leaves(void **state)
{
	quiesces(*state, "spin", 1);
}

static void quiesces_four_vcpus(void **state)
{
	quiesces(*state, "smp", 4);
}

static void quiesces_a_sleeper(void **state)
{
	quiesces(*state, "silent", 1);
}

static void quiesces_a_flood(void **state)
{
	quiesces(*state, "flood", 1);
}

#ifdef __x86_64__
static void quiesces_halted_vcpus(void **state)
{
	struct peer *p = *state;

	peer_open(p, "halt");
	p->definition.vcpu_count = 3;
	peer_run(p);
	for (unsigned i = 0; i < 3; i++)
		peer_expect_vcpu(p, i, VCPU_WAITING);
	peer_send(p, VMM_QUIESCE);
	peer_expect(p, VMM_QUIESCED, NULL);
	peer_leave(p);
}
#endif

/* It faults as it is told to stand: the guest's end is told, or it came too late to be one. Either way it is over once. */
static void quiesces_a_guest_that_faults_meanwhile(void **state)
{
	struct peer *p = *state;

	for (unsigned i = 0; i < 40; i++) {
		peer_open(p, "crash");
		p->definition.vcpu_count = i % 2 ? 4 : 1;
		peer_run(p);
		peer_send(p, VMM_QUIESCE);
		peer_expect_soon(p, VMM_ENDED, VMM_QUIESCED, NULL);
		if (p->last_words->magic)
			assert_int_equal(p->last_words->end.cause, CAUSE_GUEST_PANIC);
		for (unsigned k = 0; k < p->definition.vcpu_count; k++)
			assert_true(p->vcpu[k] == VCPU_ABORTED || p->vcpu[k] == VCPU_CREATED);
		peer_leave(p);
		peer_teardown(state);
		peer_setup(state);
		p = *state;
	}
}

static void quiesces_before_it_enters(void **state)
{
	struct peer *p = *state;

	peer_open(p, "beat");
	peer_build(p);
	peer_send(p, VMM_QUIESCE);
	peer_expect(p, VMM_QUIESCED, NULL);
	expect_still(p);
	assert_int_equal(peer_count(p, 0), 0);
	peer_leave(p);
}

/* Whether or not the build wins the race, no vCPU enters. */
static void quiesces_while_it_builds(void **state)
{
	struct peer *p = *state;
	struct vmm_back back;

	peer_open(p, "beat");
	peer_spawn(p);
	peer_accept(p);
	peer_expect(p, VMM_NEWBORN, NULL);
	peer_birth(p);
	peer_send(p, VMM_QUIESCE);
	peer_expect_soon(p, VMM_BUILT, VMM_QUIESCED, NULL);
	peer_send(p, VMM_ENTER);
	peer_expect_hangup(p);
	peer_welcome(p, &back);
	assert_int_equal(back.phase, VMM_PHASE_QUIESCED);
	assert_int_equal(peer_count(p, 0), 0);
	peer_leave(p);
}

static void runs_on_without_a_daemon(void **state)
{
	struct peer *p = *state;
	struct vmm_back back;
	uint64_t command;

	peer_open(p, "smp");
	p->definition.vcpu_count = 2;
	peer_run(p);
	command = p->command;
	peer_expect_count(p, 1, 1);
	peer_hang_up(p);
	peer_expect_count(p, 0, peer_count(p, 0) + 10);
	peer_listen(p);
	peer_welcome(p, &back);
	assert_int_equal(back.phase, VMM_PHASE_ENTERED);
	assert_int_equal(back.vcpu_count, 2);
	assert_int_equal(back.vcpu[0], VCPU_RUNNING);
	assert_int_equal(back.vcpu[1], VCPU_RUNNING);
	assert_int_equal(back.header.command, command);
	assert_int_equal(back.end.cause, CAUSE_NONE);
	peer_expect_count(p, 1, peer_count(p, 1) + 3);
	peer_send(p, VMM_QUIESCE);
	peer_expect(p, VMM_QUIESCED, NULL);
	peer_leave(p);
}

static void comes_back_with_a_build_and_enters(void **state)
{
	struct peer *p = *state;
	struct vmm_back back;

	peer_open(p, "beat");
	peer_build(p);
	peer_hang_up(p);
	peer_listen(p);
	peer_welcome(p, &back);
	assert_int_equal(back.phase, VMM_PHASE_BUILT);
	assert_int_equal(back.vcpu[0], VCPU_CREATED);
	peer_enter(p);
	peer_expect_count(p, 0, 3);
	peer_leave(p);
}

static void leaves_an_older_daemon(void **state)
{
	struct peer *p = *state;
	struct vmm_back back;

	peer_open(p, "beat");
	p->incarnation = 50;
	peer_run(p);
	peer_hang_up(p);
	p->incarnation = 10;
	peer_listen(p);
	peer_welcome(p, &back);
	peer_expect_hangup(p);
	p->incarnation = 60;
	peer_welcome(p, &back);
	assert_int_equal(back.phase, VMM_PHASE_ENTERED);
	peer_leave(p);
}

static void stops_at_sigterm(void **state)
{
	struct peer *p = *state;
	union peer_frame frame;

	peer_open(p, "spin");
	peer_run(p);
	peer_expect_count(p, 0, 1);
	kill(p->pid, SIGTERM);
	peer_expect(p, VMM_ENDED, &frame);
	assert_int_equal(frame.ended.end.cause, CAUSE_USER_STOP);
	assert_int_equal(p->vcpu[0], VCPU_STOPPED);
	/* A QUIESCE that crossed the ENDED is answered. */
	peer_send(p, VMM_QUIESCE);
	peer_expect(p, VMM_QUIESCED, NULL);
	kill(p->pid, SIGTERM);
	assert_int_equal(peer_wait(p), 0);
}

/* Nobody is there to say EXIT: it leaves its last words, and goes. */
static void stops_at_sigterm_without_a_daemon(void **state)
{
	struct peer *p = *state;

	peer_open(p, "beat");
	peer_run(p);
	peer_hang_up(p);
	kill(p->pid, SIGTERM);
	assert_int_equal(peer_wait(p), 0);
	assert_int_equal(p->last_words->magic, LAST_WORDS_MAGIC);
	assert_int_equal(p->last_words->end.cause, CAUSE_USER_STOP);
	assert_false(peer_holds_lock(p));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, peer_setup, peer_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(prints_counts_and_leaves),
		TEST(tells_a_poweroff),
		TEST(tells_one_of_four_poweroffs),
		TEST(tells_lost_memory),
		TEST(tells_a_reboot),
		TEST(tells_a_panic_though_a_reset_follows),
		TEST(tells_a_crash),
#ifdef __x86_64__
		TEST(takes_the_last_halt_for_a_poweroff),
#endif
		TEST(quiesces_a_counting_guest),
		TEST(quiesces_a_guest_that_never_leaves),
		TEST(quiesces_four_vcpus),
		TEST(quiesces_a_sleeper),
		TEST(quiesces_a_flood),
#ifdef __x86_64__
		TEST(quiesces_halted_vcpus),
#endif
		TEST(quiesces_a_guest_that_faults_meanwhile),
		TEST(quiesces_before_it_enters),
		TEST(quiesces_while_it_builds),
		TEST(runs_on_without_a_daemon),
		TEST(comes_back_with_a_build_and_enters),
		TEST(leaves_an_older_daemon),
		TEST(stops_at_sigterm),
		TEST(stops_at_sigterm_without_a_daemon),
	};
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0) {
		fprintf(stderr, "SKIPPED: /dev/kvm cannot be used (%s); nothing of the VMM was tested\n",
			strerror(errno));
		return 77;
	}
	close(kvm);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
