/* SPDX-License-Identifier: Apache-2.0 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "progress.h"

#define S 1000000000ull
#define NOW (1000 * S)

static struct lifecycle_vm vm;
static struct lifecycle_vm_details d;

static int setup(void **state)
{
	vm = (struct lifecycle_vm){ .name = "web", .state = LIFECYCLE_STATE_ABORTING, .substate = LIFECYCLE_SUB_RETIRING,
		.since = NOW - 3 * S };
	d = (struct lifecycle_vm_details){ .vm = &vm, .waits = { .on = LIFECYCLE_WAIT_SP, .sp = 0x8001, .tries = 12, .name = "",
		.until = NOW + 27 * S } };
	return 0;
}

static void expect(int columns, const char *before, const char *wanted)
{
	char got[256];

	progress_format(got, sizeof(got), columns, &d, before, NOW);
	assert_string_equal(got, wanted);
}

static void says_phase_partner_tries_and_time_left(void **state)
{
	expect(200, "", "web: aborting/retiring for 3.0 s, waits on sp 0x8001, tried 12 times, at most 27 s more");
	d.waits.tries = 1;
	d.waits.until = NOW - 2 * S;
	expect(200, "(1 of 2) ", "(1 of 2) web: aborting/retiring for 3.0 s, waits on sp 0x8001, tried 1 time, overdue by 2.0 s");
	d.waits = (struct lifecycle_waits_on){ .on = LIFECYCLE_WAIT_VM, .name = "db" };
	expect(200, "", "web: aborting/retiring for 3.0 s, waits on vm 'db'");
}

static void says_when_the_next_life_begins(void **state)
{
	vm.state = LIFECYCLE_STATE_NULL;
	vm.substate = LIFECYCLE_SUB_NONE;
	vm.since = 0;
	d.waits = (struct lifecycle_waits_on){ .on = LIFECYCLE_WAIT_NOTHING, .name = "" };
	d.next_start = NOW + 5 * S;
	expect(200, "", "web: null, its next life begins in 5.0 s");
}

static void is_cut_between_characters(void **state)
{
	expect(12, "", "web: abortin");
	d.waits = (struct lifecycle_waits_on){ .on = LIFECYCLE_WAIT_LEASE, .name = "\xC3\xBC\xC3\xBC" };
	expect(50, "", "web: aborting/retiring for 3.0 s, waits on lease '");
	expect(51, "", "web: aborting/retiring for 3.0 s, waits on lease '\xC3\xBC");
	expect(52, "", "web: aborting/retiring for 3.0 s, waits on lease '\xC3\xBC\xC3\xBC");
	expect(53, "", "web: aborting/retiring for 3.0 s, waits on lease '\xC3\xBC\xC3\xBC'");
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(says_phase_partner_tries_and_time_left),
		TEST(says_when_the_next_life_begins),
		TEST(is_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
