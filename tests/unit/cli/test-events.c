/* SPDX-License-Identifier: Apache-2.0 */

/* events, and monitor where it is the same: cursors, the last lines, whose changes are shown. And two short verbs. */

#include "ctl.h"

#include <signal.h>
#include <string.h>

#define EPOCH "5d9a1e34-0f0c-4b52-9d0e-2f6a4f1b7c11"
#define OTHER "5d9a1e34-0f0c-4b52-9d0e-2f6a4f1b7c12"

static int lines_of(const struct fixture *f, const char *const *argv, const char *first)
{
	struct run r = ctl(f, argv);
	int lines = 0;

	if (r.code != 0 || !strstr(r.output, first) || strcspn(r.output, "\n") < (size_t)(strstr(r.output, first) - r.output))
		fail_msg("exit code %d, or no '%s' in the first line:\n%s%s", r.code, first, r.output, r.errors);
	for (const char *at = r.output; (at = strchr(at, '\n')); at++)
		lines++;
	run_free(&r);
	return lines;
}

static void a_cursor_goes_on_right_after_its_event(void **state)
{
	expect(*state, CTL("start", "db", "-q"), 0, "", NULL);
	assert_int_equal(lines_of(*state, CTL("events", "--no-follow"), "\"cursor\":\"" EPOCH ":101\""), 6);
	assert_int_equal(lines_of(*state, CTL("events", "--no-follow", "--since=" EPOCH ":103"), "\"sequence\":104"), 3);
	assert_int_equal(lines_of(*state, CTL("events", "--no-follow", "--since=103"), "\"sequence\":104"), 3);
	assert_int_equal(lines_of(*state, CTL("monitor", "--no-follow", "--since=" EPOCH ":103", "--no-legend"), "  104  db"), 3);
	assert_int_equal(lines_of(*state, CTL("events", "--no-follow", "-o", "json-seq"), "\x1e{\"event\":"), 6);
	assert_int_equal(lines_of(*state, CTL("events", "--no-follow", "-o", "table"), "TIME"), 7);
}

/* What began and what is over, by name; and what had no name in a log of earlier days. */
static void an_operation_that_is_over_has_a_name(void **state)
{
	expect(*state, CTL("start", "db", "-q"), 0, "", NULL);
	expect(*state, CTL("monitor", "--no-follow", "-n1"), 0, "operation start over\n", NULL);
	expect(*state, CTL("events", "--no-follow", "-n1"), 0, "\"from\":\"start\",\"operation\":\"-\",", NULL);
	expect(*state, CTL("stop", "web", "-q"), 19, "", "power key");
	expect(*state, CTL("monitor", "--no-follow", "-n1"), 0, "operation stop over: unheard\n", NULL);
}

/* Programs read it where they read. */
static void what_is_lost_is_a_gap(void **state)
{
	expect(*state, CTL("start", "db", "-q"), 0, "", NULL);
	expect(*state, CTL("events", "--no-follow", "--since=" OTHER ":103"), 0, "{\"event\":\"gap\"}\n{\"event\":\"operation\",\"sequence\":101,",
		"events: this cursor is of another log, " OTHER);
	expect(*state, CTL("events", "--no-follow", "--since=3"), 0, "{\"event\":\"gap\"}\n", "events: the log has not every change since 3");
}

static void begins_with_the_last_lines(void **state)
{
	expect(*state, CTL("start", "db", "-q"), 0, "", NULL);
	assert_int_equal(lines_of(*state, CTL("events", "--no-follow", "-n", "2"), "\"sequence\":105"), 2);
	assert_int_equal(lines_of(*state, CTL("events", "--no-follow", "--lines=100"), "\"sequence\":101"), 6);
	assert_int_equal(lines_of(*state, CTL("events", "--no-follow", "-n2", "--since=104"), "\"sequence\":105"), 2);
	expect(*state, CTL("events", "--no-follow", "-n", "0"), 0, "", NULL);
	expect(*state, CTL("events", "--no-follow", "-n", "-1"), 2, "", "--lines takes a number");
}

static void goes_on_behind_the_last_lines(void **state)
{
	const char *const argv[] = { LIFECYCLECTL, "events", "-n1", NULL };
	struct run r;

	expect(*state, CTL("start", "db", "-q"), 0, "", NULL);
	run_begin(&r, *state, argv);
	await_line(&r, "\"sequence\":106");
	expect(*state, CTL("abort", "db", "--no-block"), 0, "", NULL);
	await_line(&r, "\"to\":\"null\"");
	assert_int_equal(kill(r.pid, SIGINT), 0);
	run_end(&r);
	assert_int_equal(r.code, 130);
	run_free(&r);
}

/* However long the daemon takes for it: it has said with which event the log ends. */
static void waits_for_all_that_the_log_has(void **state)
{
	const char *const argv[][6] = {
		{ LIFECYCLECTL, "events", "--no-follow", "late", NULL },
		{ LIFECYCLECTL, "events", "--no-follow", "-n3", "late", NULL },
		{ LIFECYCLECTL, "plot", "late", NULL },
	};

	for (size_t i = 0; i < sizeof(argv) / sizeof(*argv); i++) {
		struct run r;

		run_begin(&r, *state, argv[i]);
		fixture_await(*state, "Half late");
		assert_runs_on(&r, 300);
		expect(*state, CTL("cancel", "late", "-q"), 0, "", NULL);
		run_end(&r);
		if (i < 2 && (r.code != 0 || !strstr(r.output, "\"sequence\":104,")))
			fail_msg("exit code %d, or not the last one: %s%s", r.code, r.output, r.errors);
		run_free(&r);
	}
}

static void a_tail_that_is_waited_for_can_be_interrupted(void **state)
{
	const char *const argv[] = { LIFECYCLECTL, "monitor", "--no-follow", "late", NULL };
	struct run r;

	run_begin(&r, *state, argv);
	fixture_await(*state, "Half late");
	assert_int_equal(kill(r.pid, SIGINT), 0);
	run_end(&r);
	assert_int_equal(r.code, 130);
	run_free(&r);
}

/* What ends too early is not taken for all that there is. */
static void says_when_it_could_not_read_all(void **state)
{
	expect(*state, CTL("events", "--no-follow", "cut"), 1, "{\"event\":\"gap\"}\n", "events: lifecycled hung up before all was read");
	expect(*state, CTL("monitor", "--no-follow", "-n", "3", "cut"), 1, "", "monitor: lifecycled hung up before all was read");
}

static void shows_those_that_are_named(void **state)
{
	expect(*state, CTL("start", "db", "-q"), 0, "", NULL);
	expect(*state, CTL("abort", "web", "-q"), 0, "", NULL);
	expect(*state, CTL("events", "--no-follow", "-n1", "d*", "x*"), 0, "\"name\":\"db\"", NULL);
	expect(*state, CTL("events", "--no-follow", "-n1", "db", "web"), 0, "\"name\":\"web\"", NULL);
	expect(*state, CTL("events", "--no-follow", "-n1", "web"), 0, "\"name\":\"web\"", NULL);
	expect(*state, CTL("monitor", "--no-follow", "-n1", "--no-legend", "d?"), 0, "  db  ", NULL);
}

static void refuses_what_is_no_cursor(void **state)
{
	expect(*state, CTL("events", "--since=x"), 2, "", "--since takes a number");
	expect(*state, CTL("events", "--since=x:3"), 2, "", "--since takes a sequence number or the cursor of an event");
	expect(*state, CTL("events", "--since=" EPOCH ":"), 2, "", "--since takes a number");
	expect(*state, CTL("list", "--since=3"), 2, "", "list does not take --since");
}

static void cancels(void **state)
{
	expect(*state, CTL("cancel", "d*", "web"), 0, "db: cancelled\nweb: cancelled\n", NULL);
	expect(*state, CTL("cancel", "web", "-o", "json"), 0, "[{\"name\":\"web\",\"verb\":\"cancel\",\"sequence\":", NULL);
	expect(*state, CTL("cancel", "refuse-IllegalTransition", "db"), 7, "db: cancelled\n", "cancel refuse-IllegalTransition: refused because");
	expect(*state, CTL("cancel", "web", "--if-life=41"), 8, "", "web has life 42, not 41");
	expect(*state, CTL("cancel", "db", "web", "--if-life=41"), 2, "", "--if-life means one VM");
}

static void changes_the_log_level(void **state)
{
	expect(*state, CTL("log-level"), 0, "info\n", NULL);
	expect(*state, CTL("log-level", "debug"), 0, "", NULL);
	expect(*state, CTL("log-level", "-j"), 0, "{\"level\":\"debug\"}\n", NULL);
	expect(*state, CTL("log-level", "emerg"), 13, "", "log-level: ");
	expect(*state, CTL("log-level", "loud"), 2, "", "log-level is emerg, alert, crit, err, warning, notice, info or debug, not 'loud'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_cursor_goes_on_right_after_its_event),
		TEST(an_operation_that_is_over_has_a_name),
		TEST(what_is_lost_is_a_gap),
		TEST(begins_with_the_last_lines),
		TEST(goes_on_behind_the_last_lines),
		TEST(waits_for_all_that_the_log_has),
		TEST(a_tail_that_is_waited_for_can_be_interrupted),
		TEST(says_when_it_could_not_read_all),
		TEST(shows_those_that_are_named),
		TEST(refuses_what_is_no_cursor),
		TEST(cancels),
		TEST(changes_the_log_level),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
