/* SPDX-License-Identifier: Apache-2.0 */

/* wait: what is reached at once shows that the program follows, then something is done. */

#include "ctl.h"

#include <signal.h>
#include <string.h>

#define WAIT(...) { LIFECYCLECTL, "wait", __VA_ARGS__, NULL }

static void finish(struct run *r, int code, const char *out)
{
	run_end(r);
	if (r->code != code || !strstr(r->output, out))
		fail_msg("exit code %d, not %d, or not '%s':\n%s%s", r->code, code, out, r->output, r->errors);
	run_free(r);
}

static void what_is_so_needs_no_waiting(void **state)
{
	expect(*state, CTL("wait", "db"), 0, "db: has no life\n", NULL);
	expect(*state, CTL("wait", "d*", "slow", "-q"), 0, "", NULL);
	expect(*state, CTL("wait", "web", "--state=running"), 0, "web: running, life 42\n", NULL);
	expect(*state, CTL("wait", "web", "db", "--for=halted,running,null"), 0, "db: has no life\n", NULL);
	expect(*state, CTL("wait", "web", "--for=running", "-o", "json"), 0, "[{\"name\":\"web\",\"verb\":\"wait\",\"result\":\"reached\",", NULL);
}

static void waits_for_the_end_of_the_life(void **state)
{
	const char *const argv[] = WAIT("db", "web");
	struct run r;

	run_begin(&r, *state, argv);
	await_line(&r, "db: has no life");
	expect(*state, CTL("start", "db", "-q"), 0, "", NULL); /* of another life, which nobody waits for */
	expect(*state, CTL("abort", "web", "-q"), 0, "", NULL);
	finish(&r, 0, "web: has no life\n");
}

/* The next life begins at once, and the one that was meant is over all the same. */
static void another_life_is_the_end_of_this(void **state)
{
	const char *const argv[] = WAIT("db", "web");
	struct run r;

	run_begin(&r, *state, argv);
	await_line(&r, "db: has no life");
	expect(*state, CTL("restart", "web", "-q"), 0, "", NULL);
	finish(&r, 0, "web: ");
}

static void what_is_passed_through_is_seen(void **state)
{
	const char *const argv[] = WAIT("web", "broken", "--state=aborting,running");
	struct run r;

	run_begin(&r, *state, argv);
	await_line(&r, "web: running");
	expect(*state, CTL("start", "broken", "--no-block"), 0, "", NULL);
	finish(&r, 0, "broken: aborting");
}

/* What the library and the daemon say, too: "null" is a VM without a life, and that is none whose next life follows at once. */
static void a_vm_that_is_restarted_is_not_null(void **state)
{
	const char *const argv[] = WAIT("web", "slow", "--state=running,null");
	struct run r;

	expect(*state, CTL("restart", "slow", "--no-block"), 0, "", NULL);
	run_begin(&r, *state, argv);
	await_line(&r, "web: running");
	expect(*state, CTL("restart", "slow", "--no-block"), 0, "", NULL);
	assert_runs_on(&r, 100);
	expect(*state, CTL("cancel", "slow", "-q"), 0, "", NULL); /* now it has to wait */
	finish(&r, 0, "slow: has no life\n");
}

static void goes_on_after_a_hang_up(void **state)
{
	const char *const argv[] = WAIT("web", "db", "--state=running");
	struct run r;

	run_begin(&r, *state, argv);
	await_line(&r, "web: running");
	expect(*state, CTL("start", "hangup", "--no-block"), 0, "", NULL);
	expect(*state, CTL("start", "db", "-q"), 0, "", NULL);
	finish(&r, 0, "db: running");
}

static void a_vm_that_goes_comes_to_no_state(void **state)
{
	const char *const argv[] = WAIT("web", "db", "--state=running");
	struct run r;

	run_begin(&r, *state, argv);
	await_line(&r, "web: running");
	expect(*state, CTL("destroy", "db", "-q"), 0, "", NULL);
	run_end(&r);
	assert_int_equal(r.code, 4);
	assert_non_null(strstr(r.errors, "wait db: it is gone"));
	run_free(&r);
	expect(*state, CTL("wait", "db"), 4, "", "wait: no VM is called 'db'");
}

static void says_what_did_not_come_true(void **state)
{
	const char *const argv[] = WAIT("web", "db", "--for", "running");
	struct run r;

	expect(*state, CTL("wait", "web", "--timeout=0.05"), 1, "", "wait web: not in time; life 42 goes on, it is running");
	expect(*state, CTL("wait", "db", "--state=paused,halted", "--timeout=0"), 1, "", "wait db: not in time; it is null, and not paused,halted");
	expect(*state, CTL("wait", "db", "--state=paused,pausd"), 2, "", "--state takes states or sub-states");
	expect(*state, CTL("wait", "db", "--state="), 2, "", "--state takes states or sub-states");
	expect(*state, CTL("wait"), 2, "", "wait needs NAME...");
	expect(*state, CTL("wait", "web", "nobody"), 4, "", "wait: no VM is called 'nobody'");
	run_begin(&r, *state, argv);
	await_line(&r, "web: running");
	assert_int_equal(kill(r.pid, SIGINT), 0);
	run_end(&r);
	assert_int_equal(r.code, 130);
	assert_non_null(strstr(r.errors, "wait db: interrupted"));
	run_free(&r);
}

static void lists_by_state(void **state)
{
	struct run r = ctl(*state, CTL("list", "-q", "--state=running,retiring"));

	assert_string_equal(r.output, "stuck\nweb\n");
	run_free(&r);
	expect(*state, CTL("list", "-q", "--state", "null", "d*"), 0, "db\n", NULL);
	expect(*state, CTL("list", "--for=null"), 2, "", "list does not take --for");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_so_needs_no_waiting),
		TEST(waits_for_the_end_of_the_life),
		TEST(another_life_is_the_end_of_this),
		TEST(what_is_passed_through_is_seen),
		TEST(a_vm_that_is_restarted_is_not_null),
		TEST(goes_on_after_a_hang_up),
		TEST(a_vm_that_goes_comes_to_no_state),
		TEST(says_what_did_not_come_true),
		TEST(lists_by_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
