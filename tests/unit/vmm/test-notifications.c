/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/ffa/notifications.h"

/* What the daemon tells of a guest's notifications, and the interrupts that come of it. */

#define VCPUS 3

static struct ffa_notifications n;
static bool level[VCPUS];
static unsigned changes;

static void set(void *controller, uint32_t irq, bool to)
{
	level[irq] = to;
	changes++;
}

static int begin(void **state)
{
	memset(&n, 0, sizeof(n));
	memset(level, 0, sizeof(level));
	changes = 0;
	for (unsigned i = 0; i < VCPUS; i++)
		n.line[i] = (struct irq_line) { .set = set, .irq = i };
	return 0;
}

static const char *pending(uint16_t vcpu, uint64_t bitmap)
{
	struct vmm_notify f = { .what = VMM_NOTIFY_PENDING, .vcpu = vcpu, .bitmap = bitmap };

	return ffa_notifications_take(&n, &f, VCPUS);
}

static void the_line_is_high_while_something_is_pending(void **state)
{
	assert_null(pending(1, 6));
	assert_true(level[1] && !level[0] && !level[2]);
	assert_int_equal(atomic_load(&n.pending), 2);
	assert_null(pending(1, 4)); /* one was taken */
	assert_true(level[1]);
	assert_null(pending(VMM_NOTIFY_GLOBAL, 1)); /* whoever asks first: the first is told */
	assert_true(level[0]);
	assert_int_equal(atomic_load(&n.pending), 3);
	assert_null(pending(1, 0));
	assert_null(pending(VMM_NOTIFY_GLOBAL, 0));
	assert_false(level[0] || level[1] || level[2]);
	assert_int_equal(atomic_load(&n.pending), 0);
	assert_int_equal(changes, 4);
}

static void a_global_one_and_one_of_vcpu_0_share_its_line(void **state)
{
	assert_null(pending(VMM_NOTIFY_GLOBAL, 1));
	assert_null(pending(0, 2));
	assert_null(pending(VMM_NOTIFY_GLOBAL, 0));
	assert_true(level[0]);
	assert_null(pending(0, 0));
	assert_false(level[0]);
}

static const char *secure(uint16_t vcpu, bool is)
{
	struct vmm_notify f = { .what = VMM_NOTIFY_SECURE, .vcpu = vcpu, .bitmap = is };

	return ffa_notifications_take(&n, &f, VCPUS);
}

static void what_sps_set_raises_the_same_line(void **state)
{
	assert_null(secure(1, true));
	assert_true(level[1] && !level[0]);
	assert_null(pending(1, 1));
	assert_null(pending(1, 0));
	assert_true(level[1]);
	assert_null(secure(VMM_NOTIFY_GLOBAL, true));
	assert_true(level[0]);
	assert_int_equal(n.is.secure, 2);
	assert_int_equal(n.is.secure_global, 1);
	assert_null(secure(1, false));
	assert_null(secure(VMM_NOTIFY_GLOBAL, false));
	assert_false(level[0] || level[1]);
	assert_int_equal(atomic_load(&n.pending), 0);
}

static void keeps_what_it_is_told_for_the_next_daemon(void **state)
{
	struct vmm_notify f = { .what = VMM_NOTIFY_BOUND, .per_vcpu = 1, .bitmap = 1ull << 63 | 1, .sender = 42 };

	assert_null(ffa_notifications_take(&n, &f, VCPUS));
	assert_int_equal(n.is.sender[63], 42);
	assert_int_equal(n.is.sender[0], 42);
	assert_int_equal(n.is.sender[1], 0);
	assert_int_equal(n.is.per_vcpu, 1ull << 63 | 1);
	f = (struct vmm_notify) { .what = VMM_NOTIFY_BOUND, .bitmap = 1 };
	assert_null(ffa_notifications_take(&n, &f, VCPUS));
	assert_int_equal(n.is.sender[0], 0);
	assert_int_equal(n.is.per_vcpu, 1ull << 63);
	assert_null(pending(2, 9));
	assert_int_equal(n.is.vcpu[2], 9);
}

static void refuses_what_makes_no_sense(void **state)
{
	static const struct vmm_notify wrong[] = {
		{ .what = 0 },
		{ .what = 4 },
		{ .what = VMM_NOTIFY_BOUND, .per_vcpu = 2 },
		{ .what = VMM_NOTIFY_BOUND, .reserved = 1 },
		{ .what = VMM_NOTIFY_PENDING, .vcpu = VCPUS },
		{ .what = VMM_NOTIFY_PENDING, .vcpu = 0xFFFE },
		{ .what = VMM_NOTIFY_SECURE, .vcpu = VCPUS, .bitmap = 1 },
		{ .what = VMM_NOTIFY_SECURE, .bitmap = 2 },
	};
	struct ffa_notifications before = n;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_non_null(ffa_notifications_take(&n, &wrong[i], VCPUS));
	assert_memory_equal(&before.is, &n.is, sizeof(n.is));
	assert_int_equal(changes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_line_is_high_while_something_is_pending, begin),
		cmocka_unit_test_setup(a_global_one_and_one_of_vcpu_0_share_its_line, begin),
		cmocka_unit_test_setup(what_sps_set_raises_the_same_line, begin),
		cmocka_unit_test_setup(keeps_what_it_is_told_for_the_next_daemon, begin),
		cmocka_unit_test_setup(refuses_what_makes_no_sense, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
