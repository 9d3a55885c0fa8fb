/* SPDX-License-Identifier: Apache-2.0 */

/* The power key as a machine sees it, over a fake of the architecture's: what was asked for is no end of the guest's own. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vmm/arch/arch.h"
#include "vmm/machine.h"

static struct machine m;
static bool listens, obeys_at_once;
static unsigned presses;

static const struct vmm_end poweroff = { .cause = CAUSE_GUEST_POWEROFF, .text = "the guest powered off" };

int arch_press_power_key(struct machine *machine)
{
	presses++;
	if (!listens)
		return -EOPNOTSUPP;
	if (obeys_at_once)
		assert_true(machine_end(machine, &poweroff));
	return 0;
}

static int begin(void **state)
{
	memset(&m, 0, sizeof(m));
	listens = true;
	obeys_at_once = false;
	presses = 0;
	return 0;
}

static void a_guest_that_obeys_was_stopped_by_the_user(void **state)
{
	assert_true(machine_press_power_key(&m));
	assert_true(machine_end(&m, &poweroff));
	assert_int_equal(m.end.cause, CAUSE_USER_STOP);
	assert_non_null(strstr(m.end.text, "power key was pressed"));
}

/* The guest's vCPU is another thread, and may be quicker. */
static void also_if_it_obeys_before_the_press_returns(void **state)
{
	obeys_at_once = true;
	assert_true(machine_press_power_key(&m));
	assert_int_equal(m.end.cause, CAUSE_USER_STOP);
}

static void every_other_end_stays_what_it_is(void **state)
{
	static const struct vmm_end panic = { .cause = CAUSE_GUEST_PANIC, .text = "the guest reported a panic" };

	assert_true(machine_press_power_key(&m));
	assert_true(machine_end(&m, &panic));
	assert_memory_equal(&m.end, &panic, sizeof(panic));
}

static void a_deaf_guest_powers_off_by_itself(void **state)
{
	listens = false;
	assert_false(machine_press_power_key(&m));
	assert_true(machine_end(&m, &poweroff));
	assert_memory_equal(&m.end, &poweroff, sizeof(poweroff));
}

static void the_key_is_pressed_once(void **state)
{
	listens = false;
	assert_false(machine_press_power_key(&m));
	listens = true; /* its driver has come */
	assert_true(machine_press_power_key(&m));
	assert_true(machine_press_power_key(&m));
	assert_int_equal(presses, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_guest_that_obeys_was_stopped_by_the_user, begin),
		cmocka_unit_test_setup(also_if_it_obeys_before_the_press_returns, begin),
		cmocka_unit_test_setup(every_other_end_stays_what_it_is, begin),
		cmocka_unit_test_setup(a_deaf_guest_powers_off_by_itself, begin),
		cmocka_unit_test_setup(the_key_is_pressed_once, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
