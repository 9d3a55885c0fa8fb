/* SPDX-License-Identifier: Apache-2.0 */

/* FF-A calls of real guests that their VMM does not answer, on real KVM; this program is the daemon, and answers them or not. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "proto/ffa.h"
#include "vmm-peer.h"

#ifdef __aarch64__
#include <asm/kvm.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#endif

#define VCPUS_MAX 8

/* Our ends, by vCPU. */
static int channel[VCPUS_MAX];

static void close_channels(void)
{
	for (unsigned i = 0; i < VCPUS_MAX; i++) {
		if (channel[i] >= 0)
			close(channel[i]);
		channel[i] = -1;
	}
}

static void give(struct peer *p, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		unsigned vcpu;
		int fd = peer_give_channel(p, &vcpu);

		assert_int_equal(channel[vcpu], -1);
		channel[vcpu] = fd;
	}
}

static void begin(struct peer *p, unsigned vcpus)
{
	peer_open(p, "calls");
	p->definition.vcpu_count = (uint16_t)vcpus;
	peer_run(p);
}

static void read_call(struct peer *p, unsigned vcpu, struct vmm_call *ret)
{
	struct pollfd wait = { .fd = channel[vcpu], .events = POLLIN };

	assert_int_equal(poll(&wait, 1, peer_limit()), 1);
	assert_int_equal(recv(channel[vcpu], ret, sizeof(*ret), MSG_TRUNC), sizeof(*ret));
	assert_int_equal(ret->header.kind, VMM_CALL);
	assert_int_equal(ret->header.life, p->life);
	assert_int_equal(ret->header.command, 0);
	assert_int_equal(ret->vcpu, vcpu);
	assert_int_equal(ret->x[0], FFA_MSG_SEND_DIRECT_REQ);
}

static struct vmm_answer answer_to(const struct vmm_call *call)
{
	struct vmm_answer a = { .header = call->header, .vcpu = call->vcpu };

	a.header.kind = VMM_ANSWER;
	a.x[0] = FFA_MSG_SEND_DIRECT_RESP;
	a.x[3] = call->x[3] + 1;
	return a;
}

static void send_answer(unsigned vcpu, const struct vmm_answer *a)
{
	assert_int_equal(send(channel[vcpu], a, sizeof(*a), MSG_NOSIGNAL), sizeof(*a));
}

/* Whoever has called is answered, until each was `times` times. */
static void serve(struct peer *p, unsigned vcpus, unsigned times)
{
	unsigned served[VCPUS_MAX] = { 0 }, open = vcpus;
	struct pollfd wait[VCPUS_MAX];

	while (open > 0) {
		for (unsigned i = 0; i < vcpus; i++)
			wait[i] = (struct pollfd) { .fd = served[i] < times ? channel[i] : -1, .events = POLLIN };
		assert_true(poll(wait, vcpus, peer_limit()) > 0);
		for (unsigned i = 0; i < vcpus; i++) {
			struct vmm_call call;
			struct vmm_answer a;

			if (!wait[i].revents)
				continue;
			read_call(p, i, &call);
			assert_int_equal(call.flags, 0);
			assert_int_equal(call.x[3], served[i]);
			a = answer_to(&call);
			send_answer(i, &a);
			open -= ++served[i] == times;
		}
	}
}

static void vcpus_call_at_once(void **state)
{
	struct peer *p = *state;

	begin(p, 2);
	give(p, 2);
	serve(p, 2, 500);
	for (unsigned i = 0; i < 2; i++)
		peer_expect_count(p, i, 500);
	peer_send(p, VMM_QUIESCE); /* both wait for an answer again */
	peer_expect(p, VMM_QUIESCED, NULL);
	assert_int_equal(peer_count(p, 0), 500);
	peer_leave(p);
}

/* One waits for its answer, the other for its channel. */
static void a_quiesce_ends_every_wait(void **state)
{
	struct peer *p = *state;
	struct vmm_call call;
	unsigned first;
	int fd;

	begin(p, 2);
	fd = peer_give_channel(p, &first);
	channel[first] = fd;
	read_call(p, first, &call);
	peer_expect(p, VMM_WANT_CHANNEL, NULL);
	peer_send(p, VMM_QUIESCE);
	peer_expect(p, VMM_QUIESCED, NULL);
	channel[!first] = peer_send_channel(p, !first); /* too late, and no breach */
	peer_leave(p);
}

static void pause_it(struct peer *p)
{
	peer_send(p, VMM_PAUSE);
	peer_expect(p, VMM_PAUSED, NULL);
}

static void who_waits_stands_and_takes_its_answer_later(void **state)
{
	struct peer *p = *state;
	struct vmm_call call;
	struct vmm_answer a;

	begin(p, 1);
	give(p, 1);
	read_call(p, 0, &call);
	pause_it(p);
	a = answer_to(&call);
	send_answer(0, &a);
	for (unsigned i = 0; i < 100; i++) {
		pause_it(p);
		assert_int_equal(peer_count(p, 0), 0);
	}
	peer_send(p, VMM_RESUME);
	peer_expect_count(p, 0, 1);
	peer_leave(p);
}

/* A pause finds one that waits for its channel, too. */
static void who_has_no_channel_stands(void **state)
{
	struct peer *p = *state;

	begin(p, 1);
	peer_expect(p, VMM_WANT_CHANNEL, NULL);
	pause_it(p);
	channel[0] = peer_send_channel(p, 0);
	peer_send(p, VMM_RESUME);
	serve(p, 1, 3);
	peer_expect_count(p, 0, 3);
	peer_leave(p);
}

/* The registers are the same, and it is marked. */
static void a_new_daemon_is_told_again(void **state)
{
	struct peer *p = *state;
	struct vmm_call before, again;
	struct vmm_back back;
	struct vmm_answer a;

	begin(p, 2);
	give(p, 2);
	read_call(p, 0, &before);
	read_call(p, 1, &again);
	a = answer_to(&again);
	send_answer(1, &a); /* and calls once more, perhaps after its channel has gone */
	peer_hang_up(p);
	close_channels();
	peer_listen(p);
	peer_welcome(p, &back);
	assert_int_equal(back.vcpu[0], VCPU_RUNNING);
	give(p, 2);
	read_call(p, 0, &again);
	assert_int_equal(again.flags, VMM_CALL_AGAIN);
	assert_memory_equal(again.x, before.x, sizeof(before.x));
	a = answer_to(&again);
	send_answer(0, &a);
	read_call(p, 0, &again);
	assert_int_equal(again.flags, 0);
	assert_int_equal(again.x[3], 1);
	peer_leave(p);
}

static void comes_back(struct peer *p)
{
	struct vmm_back back;
	struct vmm_call call;

	peer_expect_hangup(p);
	close_channels();
	peer_welcome(p, &back);
	give(p, p->definition.vcpu_count);
	read_call(p, 0, &call);
	assert_int_equal(call.flags, VMM_CALL_AGAIN);
}

/* Its guest goes on, and the call is told again over the next link. */
static void a_daemon_that_breaks_the_rules_is_left(void **state)
{
	struct peer *p = *state;
	struct vmm_answer a;
	struct vmm_call call;

	begin(p, 1);
	give(p, 1);
	read_call(p, 0, &call);
	a = answer_to(&call);
	a.vcpu = 1;
	send_answer(0, &a);
	comes_back(p);
	assert_int_equal(send(channel[0], &a, 5, MSG_NOSIGNAL), 5);
	comes_back(p);
	close_channels(); /* and the link stays */
	comes_back(p);
	channel[1] = peer_send_channel(p, 0); /* unasked */
	comes_back(p);
	peer_leave(p);
}

static int setup(void **state)
{
	for (unsigned i = 0; i < VCPUS_MAX; i++)
		channel[i] = -1;
	return peer_setup(state);
}

static int teardown(void **state)
{
	close_channels();
	return peer_teardown(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* On arm64 the kernel has to forward them (Linux 6.4); on x86-64 there is the mailbox. */
static bool calls_leave_the_guest(int kvm)
{
#ifdef __aarch64__
	struct kvm_device_attr attr = { .group = 0, .attr = 0 }; /* KVM_ARM_VM_SMCCC_CTRL, KVM_ARM_VM_SMCCC_FILTER */
	int vm = ioctl(kvm, KVM_CREATE_VM, 0), r = vm < 0 ? -1 : ioctl(vm, KVM_HAS_DEVICE_ATTR, &attr);

	if (vm >= 0)
		close(vm);
	return r == 0;
#else
	return kvm >= 0;
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(vcpus_call_at_once),
		TEST(a_quiesce_ends_every_wait),
		TEST(who_waits_stands_and_takes_its_answer_later),
		TEST(who_has_no_channel_stands),
		TEST(a_new_daemon_is_told_again),
		TEST(a_daemon_that_breaks_the_rules_is_left),
	};
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0 || !calls_leave_the_guest(kvm)) {
		fprintf(stderr, "SKIPPED: %s; no guest called\n",
			kvm < 0 ? strerror(errno) : "this kernel answers FF-A calls itself");
		return 77;
	}
	close(kvm);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
