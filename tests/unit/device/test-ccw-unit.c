/* SPDX-License-Identifier: Apache-2.0 */
/* A scripted subchannel and its guest: what the text of a script says, and that it comes so, in virtual time. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "device/ccw_unit.h"

#define MS 1000000ull
#define BEGAN (5000 * MS)

static const struct ccw_limits limits = { .step_ns = 30 * MS, .total_ns = 300 * MS, .clear_tries = 20 };

static void begin(struct ccw_unit *u, const char *text)
{
	struct ccw_script script;
	const char *what = "";
	size_t at = 0;

	if (ccw_script_parse(text, &script, &what, &at) < 0)
		fail_msg("after %zu letters: %s", at, what);
	ccw_unit_begin(u, &script, &limits, BEGAN);
}

/* As one who sleeps until something is due. */
static void run_until(struct ccw_unit *u, uint64_t end)
{
	for (uint64_t at; (at = ccw_unit_next(u)) <= BEGAN + end;)
		ccw_unit_run(u, at);
	ccw_unit_run(u, BEGAN + end);
}

static void is_idle_without_a_script_and_nothing_happens(void **state)
{
	struct ccw_unit u;

	begin(&u, "");
	assert_int_equal(u.error, 0);
	assert_int_equal(u.ccw.state, CCW_IDLE);
	assert_true(ccw_unit_next(&u) == UINT64_MAX);
	ccw_unit_end(&u, BEGAN);
	assert_int_equal(u.ccw.state, CCW_STANDBY);
	assert_true(ccw_unit_is_over(&u));
}

static void a_program_is_with_the_channel_until_its_final_interrupt(void **state)
{
	struct ccw_unit u;

	begin(&u, "program 10ms; start after 50ms partials 2 unsolicited 1; program 80ms");
	run_until(&u, 9);
	assert_int_equal(u.ccw.state, CCW_IDLE);
	run_until(&u, 59 * MS);
	assert_int_equal(u.ccw.state, CCW_BUSY);
	run_until(&u, 60 * MS);
	assert_int_equal(u.ccw.state, CCW_IDLE);
	assert_int_equal(u.ccw.counts.started, 1);
	run_until(&u, 81 * MS); /* the second behaves */
	assert_int_equal(u.ccw.counts.started, 2);
	assert_int_equal(u.ccw.counts.finished, 2);
}

static void a_guest_that_stands_starts_nothing(void **state)
{
	struct ccw_unit u;

	begin(&u, "program 10ms");
	u.held = true;
	assert_true(ccw_unit_next(&u) == UINT64_MAX);
	run_until(&u, 20 * MS);
	assert_int_equal(u.ccw.counts.started, 0);
	u.held = false;
	run_until(&u, 21 * MS);
	assert_int_equal(u.ccw.counts.started, 1);
}

static void an_end_leads_a_busy_channel_down_the_ladder(void **state)
{
	struct ccw_unit u;

	begin(&u, "program 1ms; start silent; cancel fail 16; halt fail 16 always");
	run_until(&u, 2 * MS);
	assert_int_equal(u.ccw.state, CCW_BUSY);
	ccw_unit_end(&u, BEGAN + 2 * MS);
	assert_int_equal(u.ccw.state, CCW_QUIESCING);
	run_until(&u, 302 * MS);
	assert_int_equal(u.ccw.state, CCW_STANDBY);
	assert_true(u.fake.asked[CCW_FAKE_HALT] == 3 && u.fake.asked[CCW_FAKE_CLEAR] == 1);
}

static void a_channel_that_never_ends_is_over_in_time(void **state)
{
	struct ccw_unit u;

	begin(&u, "program 1ms; start silent; cancel fail 16 always; halt silent always; clear silent always");
	run_until(&u, 2 * MS);
	ccw_unit_end(&u, BEGAN + 2 * MS);
	run_until(&u, 301 * MS);
	assert_false(ccw_unit_is_over(&u));
	run_until(&u, 302 * MS);
	assert_true(ccw_unit_is_over(&u));
	assert_int_equal(u.ccw.state, CCW_NOT_OPERATIONAL);
	assert_int_equal(u.ccw.reason, CCW_QUIESCE_FAILED);
}

static void a_subchannel_may_vanish(void **state)
{
	struct ccw_unit u;

	begin(&u, "itself after 20ms gone; program 10ms; start silent");
	run_until(&u, 15 * MS);
	assert_int_equal(u.ccw.state, CCW_BUSY);
	run_until(&u, 20 * MS);
	assert_int_equal(u.ccw.state, CCW_NOT_OPERATIONAL);
	assert_int_equal(u.ccw.reason, CCW_GONE);
	assert_true(ccw_unit_is_over(&u));
	assert_true(ccw_unit_next(&u) == UINT64_MAX);
}

static void what_cannot_be_enabled_says_why(void **state)
{
	struct ccw_unit u;

	begin(&u, "enable fail 0");
	assert_int_equal(u.error, EIO);
	assert_true(ccw_unit_is_over(&u));
	begin(&u, "set-up fail 12");
	assert_int_equal(u.error, ENOMEM);
	assert_true(ccw_unit_is_over(&u));
}

static void a_wrong_script_is_told_with_its_place(void **state)
{
	static const struct {
		const char *text, *what;
		size_t at;
	} wrong[] = {
		{ "program", "a time is missing here, as 20ms or 2s, at most an hour", 7 },
		{ "program 10", "a time is missing here, as 20ms or 2s, at most an hour", 8 },
		{ "start", "there is no such effect; known: fail, after, partials, unsolicited, silent, gone, always", 5 },
		{ "start silent; haltt silent", "there is no such statement; known: program, set-up, enable, disable, start, cancel, "
			"halt, clear, store-schib, itself", 14 },
		{ "start partials 9", "the number is too large", 15 },
		{ "program 1s 2s", "end the statement with ';' before this", 11 },
		{ "program 1s;program 1s;program 1s;program 1s;program 1s", "there are too many programs", 44 },
		{ "halt gone;halt gone;halt gone;halt gone;halt gone;halt gone;halt gone;halt gone;halt gone",
			"there are too many statements", 80 },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct ccw_script script;
		const char *what = "";
		size_t at = 0;

		assert_int_equal(ccw_script_parse(wrong[i].text, &script, &what, &at), -EINVAL);
		assert_string_equal(what, wrong[i].what);
		assert_int_equal(at, wrong[i].at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_idle_without_a_script_and_nothing_happens),
		cmocka_unit_test(a_program_is_with_the_channel_until_its_final_interrupt),
		cmocka_unit_test(a_guest_that_stands_starts_nothing),
		cmocka_unit_test(an_end_leads_a_busy_channel_down_the_ladder),
		cmocka_unit_test(a_channel_that_never_ends_is_over_in_time),
		cmocka_unit_test(a_subchannel_may_vanish),
		cmocka_unit_test(what_cannot_be_enabled_says_why),
		cmocka_unit_test(a_wrong_script_is_told_with_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
