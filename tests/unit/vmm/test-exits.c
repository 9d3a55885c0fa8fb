/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/exits.h"

/* What KVM_RUN may answer (api.rst s.4.10, s.5), said a second time by number. */

struct expectation {
	uint32_t number;
	enum exit_act act;
	enum vm_cause cause;
	bool pending;
};

static const struct expectation by_exit[] = {
	{ 0, EXIT_ACT_END, CAUSE_VCPU_ERROR },
	{ 1, EXIT_ACT_END, CAUSE_VCPU_ERROR },
	{ 2, EXIT_ACT_IO, CAUSE_NONE, true },
	{ 3, EXIT_ACT_HYPERCALL, CAUSE_NONE, true },
	{ 4, EXIT_ACT_END, CAUSE_VCPU_ERROR },
	{ 5, EXIT_ACT_HALT, CAUSE_NONE },
	{ 6, EXIT_ACT_MMIO, CAUSE_NONE, true },
	{ 7, EXIT_ACT_AGAIN, CAUSE_NONE },
	{ 8, EXIT_ACT_END, CAUSE_GUEST_PANIC },
	{ 9, EXIT_ACT_END, CAUSE_VCPU_ERROR },
	{ 10, EXIT_ACT_AGAIN, CAUSE_NONE },
	{ 11, EXIT_ACT_END, CAUSE_VCPU_ERROR },
	{ 12, EXIT_ACT_END, CAUSE_VCPU_ERROR },
	{ 16, EXIT_ACT_END, CAUSE_VCPU_ERROR },
	{ 17, EXIT_ACT_END, CAUSE_VCPU_ERROR },
	{ 21, EXIT_ACT_END, CAUSE_VCPU_ERROR },
	{ 26, EXIT_ACT_END, CAUSE_VCPU_ERROR },
	{ 27, EXIT_ACT_END, CAUSE_VCPU_ERROR },
	{ 28, EXIT_ACT_UNDECODED, CAUSE_NONE },
	{ 29, EXIT_ACT_END, CAUSE_VCPU_ERROR },
	{ 31, EXIT_ACT_END, CAUSE_VCPU_ERROR },
	{ 32, EXIT_ACT_END, CAUSE_VCPU_ERROR },
	{ 34, EXIT_ACT_END, CAUSE_VCPU_ERROR },
	{ 39, EXIT_ACT_END, CAUSE_MEMORY_FAULT },
	{ 40, EXIT_ACT_END, CAUSE_VCPU_ERROR },
	{ 41, EXIT_ACT_END, CAUSE_MEMORY_FAULT },
	{ 42, EXIT_ACT_END, CAUSE_VCPU_ERROR },
	{ 1000, EXIT_ACT_END, CAUSE_VCPU_ERROR },
	{ UINT32_MAX, EXIT_ACT_END, CAUSE_VCPU_ERROR },
};

static const struct expectation by_event[] = {
	{ 0, EXIT_ACT_END, CAUSE_VCPU_ERROR },
	{ 1, EXIT_ACT_END, CAUSE_GUEST_POWEROFF },
	{ 2, EXIT_ACT_END, CAUSE_GUEST_REBOOT },
	{ 3, EXIT_ACT_END, CAUSE_GUEST_PANIC },
	{ 4, EXIT_ACT_WOKEN, CAUSE_NONE },
	{ 5, EXIT_ACT_END, CAUSE_VCPU_ERROR }, /* suspend: not asked for */
	{ 6, EXIT_ACT_END, CAUSE_GUEST_PANIC },
	{ 7, EXIT_ACT_END, CAUSE_GUEST_PANIC },
	{ 8, EXIT_ACT_END, CAUSE_VCPU_ERROR },
};

static const struct expectation by_errno[] = {
	{ EINTR, EXIT_ACT_AGAIN, CAUSE_NONE },
	{ EAGAIN, EXIT_ACT_AGAIN, CAUSE_NONE },
	{ EFAULT, EXIT_ACT_END, CAUSE_MEMORY_FAULT },
	{ EHWPOISON, EXIT_ACT_END, CAUSE_MEMORY_FAULT },
	{ ENOEXEC, EXIT_ACT_END, CAUSE_START_FAILED },
	{ EPERM, EXIT_ACT_END, CAUSE_START_FAILED },
	{ ENOSYS, EXIT_ACT_END, CAUSE_VCPU_ERROR },
	{ EIO, EXIT_ACT_END, CAUSE_VCPU_ERROR },
	{ EINVAL, EXIT_ACT_END, CAUSE_VCPU_ERROR },
	{ ENOMEM, EXIT_ACT_END, CAUSE_VCPU_ERROR },
	{ EXDEV, EXIT_ACT_END, CAUSE_VCPU_ERROR },
};

static void check(const struct kvm_run *run, int r, const struct expectation *e)
{
	struct exit_verdict v;

	exit_judge(run, r, false, &v);
	assert_int_equal(v.act, e->act);
	assert_int_equal(v.end.cause, e->cause);
	assert_int_equal(v.pending, e->pending);
	if (v.act == EXIT_ACT_END)
		assert_true(strlen(v.end.text) > 0);
}

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void follows_the_exit_table(void **state)
{
	for (size_t i = 0; i < COUNT(by_exit); i++) {
		struct kvm_run run = { .exit_reason = by_exit[i].number };

		check(&run, 0, &by_exit[i]);
	}
}

static void follows_the_system_event_table(void **state)
{
	for (size_t i = 0; i < COUNT(by_event); i++) {
		struct kvm_run run = { .exit_reason = 24 };

		run.system_event.type = by_event[i].number;
		check(&run, 0, &by_event[i]);
	}
}

/* exit_reason is stale when KVM_RUN failed: whatever it says must not matter. */
static void follows_the_errno_table_whatever_the_exit_says(void **state)
{
	static const uint32_t stale[] = { 0, 2, 5, 8, 10, 24 };

	for (size_t i = 0; i < COUNT(by_errno); i++)
		for (size_t j = 0; j < COUNT(stale); j++) {
			struct kvm_run run = { .exit_reason = stale[j] };
			struct exit_verdict v;

			check(&run, -(int)by_errno[i].number, &by_errno[i]);
			exit_judge(&run, -(int)by_errno[i].number, false, &v);
			assert_int_equal(v.end.exit_reason, 0);
		}
}

static void takes_a_triple_fault_for_a_reset_if_one_was_asked(void **state)
{
	struct kvm_run run = { .exit_reason = 8 };
	struct exit_verdict v;

	exit_judge(&run, 0, true, &v);
	assert_int_equal(v.end.cause, CAUSE_GUEST_REBOOT);
	run.exit_reason = 17;
	exit_judge(&run, 0, true, &v);
	assert_int_equal(v.end.cause, CAUSE_VCPU_ERROR);
}

static void tells_a_stall_from_a_broken_context(void **state)
{
	struct kvm_run run = { .exit_reason = 37 };
	struct exit_verdict v;

	exit_judge(&run, 0, false, &v);
	assert_int_equal(v.end.cause, CAUSE_VCPU_STALL);
	run.notify.flags = 1;
	exit_judge(&run, 0, false, &v);
	assert_int_equal(v.end.cause, CAUSE_VCPU_ERROR);
}

static void keeps_the_numbers(void **state)
{
	struct kvm_run run = { .exit_reason = 17 };
	struct exit_verdict v;

	run.internal.suberror = 3;
	run.internal.ndata = 1;
	run.internal.data[0] = 0xabc;
	exit_judge(&run, 0, false, &v);
	assert_int_equal(v.end.exit_reason, 17);
	assert_int_equal(v.end.detail[0], 3);
	assert_int_equal(v.end.detail[1], 0xabc);
	run = (struct kvm_run) { .exit_reason = 4242 };
	exit_judge(&run, 0, false, &v);
	assert_non_null(strstr(v.end.text, "4242"));
	run = (struct kvm_run) { .exit_reason = 39 };
	memcpy(run.padding, (uint64_t[]) { 8, 0x1000, 0x2000 }, 24);
	exit_judge(&run, -EFAULT, false, &v);
	assert_int_equal(v.end.cause, CAUSE_MEMORY_FAULT);
	assert_int_equal(v.end.errno_value, EFAULT);
	assert_int_equal(v.end.exit_reason, 39);
	assert_int_equal(v.end.detail[0], 0x1000);
	assert_int_equal(v.end.detail[1], 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_the_exit_table),
		cmocka_unit_test(follows_the_system_event_table),
		cmocka_unit_test(follows_the_errno_table_whatever_the_exit_says),
		cmocka_unit_test(takes_a_triple_fault_for_a_reset_if_one_was_asked),
		cmocka_unit_test(tells_a_stall_from_a_broken_context),
		cmocka_unit_test(keeps_the_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
