/* SPDX-License-Identifier: Apache-2.0 */

/* lifecycle_await(): what the daemon answers, and what is no answer. */

#include <errno.h>

#include "world.h"

static void tells_where_the_vm_is_then(void **state)
{
	static const char *const states[] = { "paused", "running", NULL }, *const others[] = { "halted", NULL };
	struct lifecycle_awaited a = LIFECYCLE_AWAITED_INIT;
	struct world *w = *state;

	assert_int_equal(lifecycle_await(w->l, "web", 0, states, LIFECYCLE_FOREVER, &a), 0);
	assert_int_equal(a.result, LIFECYCLE_AWAIT_REACHED);
	assert_int_equal(a.state, LIFECYCLE_STATE_RUNNING);
	assert_int_equal(a.substate, LIFECYCLE_SUB_RUNNING);
	assert_int_equal(a.cause, LIFECYCLE_CAUSE_NONE);
	assert_int_equal(a.life, 42);
	assert_int_equal(a.seq, 100);
	assert_int_equal(lifecycle_await(w->l, "web", 0, others, 1, &a), 0);
	assert_int_equal(a.result, LIFECYCLE_AWAIT_TIMED_OUT);
	assert_int_equal(lifecycle_await(w->l, "web", 0, NULL, 0, &a), 0);
	assert_int_equal(a.result, LIFECYCLE_AWAIT_TIMED_OUT);
	assert_int_equal(lifecycle_await(w->l, "db", 0, NULL, 0, &a), 0);
	assert_int_equal(a.result, LIFECYCLE_AWAIT_REACHED);
	assert_int_equal(a.life, 0);
}

/* Of a program that was built when the struct was shorter. */
static void fills_in_what_there_is_room_for(void **state)
{
	struct lifecycle_awaited a = { .size = offsetof(struct lifecycle_awaited, life), .life = 7 };
	struct world *w = *state;

	assert_int_equal(lifecycle_await(w->l, "web", 0, NULL, 1, &a), 0);
	assert_int_equal(a.result, LIFECYCLE_AWAIT_TIMED_OUT);
	assert_int_equal(a.life, 7);
	a.size = 1;
	assert_int_equal(lifecycle_await(w->l, "web", 0, NULL, 1, &a), -EINVAL);
}

static void refusals_are_those_of_every_call(void **state)
{
	struct lifecycle_awaited a = LIFECYCLE_AWAITED_INIT;
	struct world *w = *state;

	assert_int_equal(lifecycle_await(w->l, "nobody", 0, NULL, 1, &a), -ENOENT);
	assert_int_equal(lifecycle_last_error(w->l)->refusal, LIFECYCLE_REFUSED_NO_SUCH_VM);
	assert_int_equal(lifecycle_await(w->l, "\xff", 0, NULL, 1, &a), -EINVAL);
}

/* A limit is a limit, also where the daemon hangs: what every call is given comes on top. */
static void a_daemon_that_hangs_holds_up_nobody_for_ever(void **state)
{
	struct lifecycle_awaited a = LIFECYCLE_AWAITED_INIT;
	struct world *w = *state;

	lifecycle_set_timeout(w->l, 50);
	assert_int_equal(lifecycle_await(w->l, "silent", 0, NULL, 20, &a), -ETIMEDOUT);
	assert_int_equal(lifecycle_last_error(w->l)->refusal, LIFECYCLE_NO_ANSWER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tells_where_the_vm_is_then, setup, teardown),
		cmocka_unit_test_setup_teardown(fills_in_what_there_is_room_for, setup, teardown),
		cmocka_unit_test_setup_teardown(a_daemon_that_hangs_holds_up_nobody_for_ever, setup, teardown),
		cmocka_unit_test_setup_teardown(refusals_are_those_of_every_call, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
