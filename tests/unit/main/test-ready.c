/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "main/daemon.h"
#include "manager.h"

#define PATIENCE 20000000000ull

/* ---- the fleet, each of whose VMMs has connected ---- */

int fleet_listen(struct fleet *f, loop_call_fn *ready, void *arg)
{
	ready(arg);
	return 0;
}

unsigned fleet_adopting(const struct fleet *f)
{
	return 0;
}

/* ---- */

static bool hears_in_time(struct daemon *d, const char *state)
{
	uint64_t until = loop_monotonic() + PATIENCE;

	while (!manager_hears(state)) {
		if (loop_monotonic() > until)
			return false;
		(void)loop_turn(d->loop, false);
	}
	return true;
}

static void says_that_it_is_ready(void **state)
{
	const struct options options = { .bus = "none" };
	struct daemon d = { .options = &options };

	assert_int_equal(loop_new(&d.loop), 0);
	assert_int_equal(ready_start(&d), 0);
	assert_int_equal(manager_count("READY=1"), 1);
	loop_free(d.loop);
}

static void says_it_again_to_a_manager_that_was_behind(void **state)
{
	const struct options options = { .bus = "none" };
	struct daemon d = { .options = &options };

	assert_int_equal(loop_new(&d.loop), 0);
	manager_fall_behind();
	assert_int_equal(ready_start(&d), 0);
	assert_false(manager_hears("READY=1"));
	assert_true(hears_in_time(&d, "READY=1"));
	loop_free(d.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(says_that_it_is_ready, manager_open, manager_close),
		cmocka_unit_test_setup_teardown(says_it_again_to_a_manager_that_was_behind, manager_open, manager_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
