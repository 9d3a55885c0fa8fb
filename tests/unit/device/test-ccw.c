/* SPDX-License-Identifier: Apache-2.0 */
/* The ccw machine: each cell against the second statement, and what must hold beyond single cells. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "ccw_device.h"
#include "tests/unit/device/ccw_oracle.h"

static void answer_as(struct device *d, enum oracle_answer answer)
{
	static const int errnos[ORACLE_ANSWER_COUNT] = { 0, -EBUSY, -ENODEV, -EPIPE, 0 };

	answer_all(d, errnos[answer]);
	if (answer == ANSWER_LOST)
		d->store_schib = CCW_OP_PATH_LOST;
}

static void nothing_happened(const struct ccw *before, const struct ccw *m, const struct device *d)
{
	struct ccw same = *before;

	same.counts = m->counts; /* all but these */
	assert_memory_equal(&same, m, sizeof(same));
	assert_int_equal(orders(d), 0);
	assert_int_equal(last.effects, 0);
	assert_int_equal(last.hops, 0);
}

static void check_cell(enum ccw_state state, enum ccw_event event, const struct oracle_cell *o, enum oracle_answer answer)
{
	struct device d;
	struct ccw m, before;
	int r;

	put(&m, &d, state);
	before = m;
	answer_as(&d, answer);
	r = give_at(&m, event, STEP);
	if (o->kind == ORACLE_DENIED) {
		assert_int_equal(r, -o->error);
		assert_int_equal(m.counts.denied, before.counts.denied + 1);
		nothing_happened(&before, &m, &d);
	} else if (o->kind == ORACLE_IGNORED) {
		assert_int_equal(r, 0);
		assert_int_equal(m.counts.ignored, before.counts.ignored + 1);
		nothing_happened(&before, &m, &d);
	} else if (o->kind == ORACLE_DROPPED) {
		assert_int_equal(r, 0);
		assert_int_equal(m.counts.dropped, before.counts.dropped + 1);
		assert_int_equal(d.disables, state != CCW_QUIESCING);
		d.disables = 0;
		nothing_happened(&before, &m, &d);
	} else {
		assert_int_equal(m.state, o->by[answer].to);
		assert_int_equal(last.effects, o->by[answer].effects);
	}
}

static void every_cell_is_that_of_the_second_statement(void **state)
{
	for (unsigned s = 0; s < CCW_STATE_COUNT; s++) {
		for (unsigned e = 0; e < CCW_EVENT_COUNT; e++) {
			struct oracle_cell o = *oracle_cell(s, e);

			assert_int_not_equal(o.kind, ORACLE_NONE);
			for (unsigned a = 0; a < ORACLE_ANSWER_COUNT; a++)
				if (o.kind != ORACLE_MOVES || o.by[a].said)
					check_cell(s, e, &o, a);
		}
	}
}

static void numbers_that_are_no_event_are_refused(void **state)
{
	struct device d;
	struct ccw m, before;

	put(&m, &d, CCW_IDLE);
	before = m;
	assert_int_equal(give(&m, CCW_EVENT_COUNT), -EPERM);
	nothing_happened(&before, &m, &d);
}

static void limits_without_end_are_refused(void **state)
{
	static const struct ccw_limits bad[] = {
		{ .step_ns = 0, .total_ns = 5, .clear_tries = 1 },
		{ .step_ns = 1, .total_ns = 5, .clear_tries = 0 },
		{ .step_ns = 6, .total_ns = 5, .clear_tries = 1 },
		{ .step_ns = 1, .total_ns = 5, .clear_tries = 256 },
	};
	struct ccw m;

	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(ccw_begin(&m, &ops, NULL, &bad[i]), -EINVAL);
	assert_int_equal(ccw_begin(&m, &ops, NULL, NULL), 0);
	assert_int_equal(m.limits.total_ns, 30000000000);
}

/* ---- requests ---- */

static void a_start_tells_why_it_failed(void **state)
{
	static const int errors[] = { -EBUSY, -EACCES, -ENODEV, -EINVAL, -EOPNOTSUPP, -EFAULT };

	for (unsigned i = 0; i < 6; i++) {
		struct device d;
		struct ccw m;

		put(&m, &d, CCW_IDLE);
		d.start = errors[i];
		assert_int_equal(give(&m, CCW_EV_SSCH), errors[i]);
		assert_int_equal(m.state, CCW_IDLE);
		assert_false(m.program);
		assert_int_equal(m.counts.started, 0);
	}
}

static void a_request_while_the_program_is_translated_comes_again(void **state)
{
	struct device d;
	struct ccw m;

	put(&m, &d, CCW_IDLE);
	d.nested = &m;
	assert_int_equal(give(&m, CCW_EV_SSCH), 0);
	assert_int_equal(d.nested_result, -EAGAIN);
	assert_int_equal(d.starts, 1);
	assert_int_equal(m.state, CCW_BUSY);
	assert_int_equal(m.counts.started, 1);
}

static void a_halt_that_is_refused_does_not_end_the_program(void **state)
{
	struct device d;
	struct ccw m;

	put(&m, &d, CCW_BUSY);
	d.halt = -EBUSY;
	assert_int_equal(give(&m, CCW_EV_HSCH), -EBUSY);
	assert_int_equal(m.state, CCW_BUSY);
	assert_true(m.program);
}

static void an_interrupt_is_kept_as_it_came(void **state)
{
	struct device d;
	struct ccw m;

	put(&m, &d, CCW_BUSY);
	give(&m, CCW_EV_IRQ_PARTIAL);
	assert_int_equal(m.irb[0], 0xab);
	assert_int_equal(m.irb[1], 0xcd);
	assert_true(m.program);
	give(&m, CCW_EV_IRQ_FINAL);
	assert_false(m.program);
	assert_int_equal(m.counts.finished, 1);
}

static void interrupts_are_told_apart_by_their_status(void **state)
{
	static const struct {
		uint8_t word[4];
		enum ccw_event event;
	} rows[] = { /* condition code, activity, status control */
		{ { 0x00, 0x00, 0x40, 0x07 }, CCW_EV_IRQ_FINAL },
		{ { 0x00, 0x00, 0x40, 0x45 }, CCW_EV_IRQ_PARTIAL },     /* device active */
		{ { 0x00, 0x00, 0x40, 0x85 }, CCW_EV_IRQ_PARTIAL },     /* subchannel active */
		{ { 0x00, 0x00, 0x40, 0x25 }, CCW_EV_IRQ_FINAL },       /* suspended is not active */
		{ { 0x00, 0x00, 0x00, 0x11 }, CCW_EV_IRQ_UNSOLICITED }, /* alert alone */
		{ { 0x00, 0x00, 0x00, 0x17 }, CCW_EV_IRQ_FINAL },       /* alert with the end of a program */
		{ { 0x01, 0x00, 0x00, 0x11 }, CCW_EV_IRQ_FINAL },       /* a deferred condition code: of a request */
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint8_t irb[CCW_IRB_BYTES] = { 0 };

		memcpy(irb, rows[i].word, 4);
		assert_int_equal(ccw_irq_event(irb), rows[i].event);
	}
}

static void a_lost_path_costs_one_attempt_that_brings_an_interrupt(void **state)
{
	struct device d;
	struct ccw m;

	put(&m, &d, CCW_BUSY);
	d.store_schib = CCW_OP_PATH_LOST;
	give(&m, CCW_EV_STORE_SCHIB);
	assert_int_equal(d.halts + d.clears + d.cancels, 1);
	assert_int_equal(d.halts, 1);
	d.halt = -EBUSY;
	give(&m, CCW_EV_STORE_SCHIB);
	assert_int_equal(d.clears, 1);
	assert_int_equal(d.cancels, 0);
	assert_int_equal(m.state, CCW_BUSY);
}

/* ---- reasons ---- */

static void not_operational_has_its_reason(void **state)
{
	struct device d;
	struct ccw m;

	put(&m, &d, CCW_NOT_OPERATIONAL);
	assert_int_equal(m.reason, CCW_INITIAL);
	put(&m, &d, CCW_STANDBY);
	d.enable = -ENODEV;
	give(&m, CCW_EV_ONLINE);
	assert_int_equal(m.reason, CCW_ENABLE_FAILED);
	put(&m, &d, CCW_BUSY);
	give(&m, CCW_EV_NOT_OPERATIONAL);
	assert_int_equal(m.reason, CCW_GONE);
	give(&m, CCW_EV_REMOVE);
	assert_int_equal(m.reason, CCW_REMOVED);
	put(&m, &d, CCW_STANDBY);
	give(&m, CCW_EV_RELEASE);
	assert_int_equal(m.reason, CCW_INITIAL);
	put(&m, &d, CCW_IDLE);
	d.disable = -EPIPE;
	give(&m, CCW_EV_OFFLINE);
	assert_int_equal(m.reason, CCW_QUIESCE_FAILED);
}

static void who_is_gone_comes_back_only_with_the_bus(void **state)
{
	struct ccw_input absent = { .event = CCW_EV_INIT };
	struct device d;
	struct ccw m;

	put(&m, &d, CCW_IDLE);
	give(&m, CCW_EV_NOT_OPERATIONAL);
	assert_int_equal(ccw_step(&m, &absent, &last), -ENODEV);
	assert_int_equal(m.state, CCW_NOT_OPERATIONAL);
	assert_int_equal(m.reason, CCW_GONE);
	assert_int_equal(orders(&d), 0);
	assert_int_equal(give(&m, CCW_EV_INIT), 0);
	assert_int_equal(m.state, CCW_STANDBY);
}

static void an_interrupt_of_an_earlier_life_is_nobodys(void **state)
{
	struct ccw_input in = { .event = CCW_EV_IRQ_FINAL };
	struct device d;
	struct ccw m, before;

	put(&m, &d, CCW_BUSY);
	in.generation = m.generation;
	give(&m, CCW_EV_NOT_OPERATIONAL);
	give(&m, CCW_EV_INIT);
	give(&m, CCW_EV_ONLINE);
	give(&m, CCW_EV_SSCH);
	d = (struct device){ 0 };
	before = m;
	assert_int_equal(ccw_step(&m, &in, &last), 0);
	nothing_happened(&before, &m, &d);
	assert_int_equal(m.counts.stale, before.counts.stale + 1);
	in.generation = m.generation;
	ccw_step(&m, &in, &last);
	assert_int_equal(m.state, CCW_IDLE);
}

/* ---- the ladder ---- */

static void the_ladder_is_climbed_rung_by_rung(void **state)
{
	struct device d;
	struct ccw m;
	uint64_t now = 0;

	put(&m, &d, CCW_BUSY);
	d.disable = d.cancel = -EBUSY;
	assert_int_equal(give(&m, CCW_EV_OFFLINE), 0);
	assert_int_equal(d.cancels, 1);
	assert_int_equal(d.halts, 1); /* at once: a cancel that came too late answers nothing */
	for (unsigned i = 2; i <= 3; i++) {
		now = ccw_timer(&m);
		assert_int_equal(now, (i - 1) * STEP);
		give_at(&m, CCW_EV_TIMEOUT, now);
		assert_int_equal(d.halts, i);
	}
	give_at(&m, CCW_EV_TIMEOUT, ccw_timer(&m));
	assert_int_equal(d.halts, 3);
	assert_int_equal(d.clears, 1);
	assert_int_equal(m.ladder.rung, CCW_RUNG_CLEAR);
	assert_int_equal(m.ladder.tries, 1);
	assert_int_equal(ccw_timer(&m), TOTAL);
	give_at(&m, CCW_EV_TIMEOUT, TOTAL);
	assert_int_equal(m.state, CCW_NOT_OPERATIONAL);
	assert_int_equal(m.reason, CCW_QUIESCE_FAILED);
	assert_int_equal(last.finish, -ETIMEDOUT);
	assert_int_equal(last.effects, CCW_FX_FINISH);
	assert_int_equal(ccw_timer(&m), 0);
}

static void final_interrupts_do_not_lengthen_the_ladder(void **state)
{
	struct device d;
	struct ccw m;

	put(&m, &d, CCW_BUSY);
	answer_all(&d, -EBUSY);
	give(&m, CCW_EV_OFFLINE);
	for (unsigned i = 0; i < 2 + 2; i++) { /* two halts and two clears are left */
		assert_int_equal(m.state, CCW_QUIESCING);
		give(&m, CCW_EV_IRQ_FINAL);
	}
	assert_int_equal(m.state, CCW_QUIESCING);
	give(&m, CCW_EV_IRQ_FINAL);
	assert_int_equal(m.state, CCW_NOT_OPERATIONAL);
	assert_int_equal(d.halts, 3);
	assert_int_equal(d.clears, 2);
}

static void a_timer_that_comes_early_takes_no_rung(void **state)
{
	struct device d;
	struct ccw m;

	put(&m, &d, CCW_QUIESCING);
	give_at(&m, CCW_EV_TIMEOUT, STEP - 1);
	assert_int_equal(orders(&d), 0);
	assert_int_equal(m.state, CCW_QUIESCING);
	assert_int_equal(ccw_timer(&m), STEP);
}

static void a_subchannel_that_is_not_enabled_has_nothing_to_end(void **state)
{
	struct device d;
	struct ccw m;

	put(&m, &d, CCW_BUSY);
	d.cancel = CCW_OP_DISABLED;
	give(&m, CCW_EV_OFFLINE);
	assert_int_equal(m.state, CCW_STANDBY);
	assert_int_equal(d.disables, 0);
	assert_int_equal(m.counts.aborted, 1);
}

static void a_program_that_would_not_end_is_kept_until_it_can_do_no_harm(void **state)
{
	struct device d;
	struct ccw m;

	put(&m, &d, CCW_QUIESCING);
	answer_all(&d, -EBUSY);
	give_at(&m, CCW_EV_TIMEOUT, TOTAL);
	assert_int_equal(m.reason, CCW_QUIESCE_FAILED);
	assert_true(m.program);
	d.set_up = 0;
	assert_int_equal(give(&m, CCW_EV_INIT), -EBUSY);
	assert_int_equal(d.set_ups, 0);
	assert_true(m.program);
	d.disable = 0;
	assert_int_equal(give(&m, CCW_EV_INIT), 0);
	assert_int_equal(m.state, CCW_STANDBY);
	assert_int_equal(last.effects, CCW_FX_FREE_PROGRAM);

	put(&m, &d, CCW_QUIESCING);
	answer_all(&d, -EBUSY);
	give_at(&m, CCW_EV_TIMEOUT, TOTAL);
	give(&m, CCW_EV_REMOVE);
	assert_int_equal(last.effects, CCW_FX_FREE_PROGRAM | CCW_FX_FREE_OBJECT);
	assert_false(m.program);
}

/* ---- pendings ---- */

static void ends_with(const enum ccw_event *asked, unsigned count, enum ccw_state to, enum ccw_reason reason)
{
	struct device d;
	struct ccw m;

	put(&m, &d, CCW_BUSY);
	d.cancel = d.disable = -EBUSY;
	for (unsigned i = 0; i < count; i++)
		give(&m, asked[i]);
	assert_int_equal(m.state, CCW_QUIESCING);
	d.disable = 0;
	give(&m, CCW_EV_IRQ_FINAL);
	assert_int_equal(last.hop[0], CCW_STANDBY);
	assert_int_equal(m.state, to);
	assert_int_equal(last.finish, 0);
	assert_int_equal(m.pending, 0);
	if (to == CCW_NOT_OPERATIONAL)
		assert_int_equal(m.reason, reason);
}

static void the_strongest_pending_wins_whoever_came_first(void **state)
{
	static const enum ccw_event a[] = { CCW_EV_RESET }, b[] = { CCW_EV_RESET, CCW_EV_RELEASE },
		c[] = { CCW_EV_REMOVE, CCW_EV_RELEASE }, d[] = { CCW_EV_RESET, CCW_EV_RELEASE, CCW_EV_REMOVE },
		e[] = { CCW_EV_OFFLINE };

	ends_with(a, 1, CCW_IDLE, 0);
	ends_with(b, 2, CCW_NOT_OPERATIONAL, CCW_INITIAL);
	ends_with(c, 2, CCW_NOT_OPERATIONAL, CCW_REMOVED);
	ends_with(d, 3, CCW_NOT_OPERATIONAL, CCW_REMOVED);
	ends_with(e, 1, CCW_STANDBY, 0);
}

static void a_close_after_a_reset_leaves_it_closed(void **state)
{
	static const enum ccw_event asked[] = { CCW_EV_RESET, CCW_EV_OFFLINE };

	ends_with(asked, 2, CCW_STANDBY, 0);
}

static void what_is_gone_has_nothing_pending(void **state)
{
	struct device d;
	struct ccw m;

	put(&m, &d, CCW_QUIESCING);
	give(&m, CCW_EV_REMOVE);
	give(&m, CCW_EV_NOT_OPERATIONAL);
	assert_int_equal(m.pending, 0);
	assert_int_equal(last.finish, -ENODEV);
	give(&m, CCW_EV_INIT);
	assert_int_equal(m.state, CCW_STANDBY);
}

static void a_reset_that_cannot_enable_says_so(void **state)
{
	struct device d;
	struct ccw m;

	put(&m, &d, CCW_IDLE);
	d.enable = -EPIPE;
	assert_int_equal(give(&m, CCW_EV_RESET), -EPIPE);
	assert_int_equal(m.state, CCW_STANDBY);
	put(&m, &d, CCW_BUSY);
	d.enable = -EPIPE;
	give(&m, CCW_EV_RESET);
	assert_int_equal(m.state, CCW_STANDBY);
	assert_int_equal(last.finish, -EPIPE);
}

static void an_object_is_freed_once_and_can_be_bound_anew(void **state)
{
	struct device d;
	struct ccw m;

	put(&m, &d, CCW_STANDBY);
	give(&m, CCW_EV_REMOVE);
	assert_true(last.effects & CCW_FX_FREE_OBJECT);
	give(&m, CCW_EV_REMOVE);
	assert_false(last.effects & CCW_FX_FREE_OBJECT);
	give(&m, CCW_EV_INIT);
	give(&m, CCW_EV_REMOVE);
	assert_true(last.effects & CCW_FX_FREE_OBJECT);
}

static void a_forward_that_failed_is_counted_and_changes_nothing(void **state)
{
	struct device d;
	struct ccw m;

	put(&m, &d, CCW_BUSY);
	give(&m, CCW_EV_IRQ_FINAL);
	ccw_count_unnotified(&m);
	assert_int_equal(m.state, CCW_IDLE);
	assert_int_equal(m.counts.unnotified, 1);
}

static void only_a_machine_at_rest_is_drained(void **state)
{
	struct device d;
	struct ccw m;

	for (unsigned s = 0; s < CCW_STATE_COUNT; s++) {
		put(&m, &d, s);
		assert_int_equal(ccw_is_drained(&m), s == CCW_NOT_OPERATIONAL || s == CCW_STANDBY || s == CCW_IDLE);
	}
}

/* ---- words ---- */

static void every_number_has_one_name(void **state)
{
	for (unsigned i = 0; i < CCW_EVENT_COUNT; i++) {
		assert_non_null(ccw_event_name(i));
		assert_in_range(ccw_event_origin(i), 0, CCW_ORIGIN_COUNT - 1);
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(ccw_event_name(i), ccw_event_name(j));
	}
	for (unsigned i = 0; i < CCW_STATE_COUNT; i++)
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(ccw_state_name(i), ccw_state_name(j));
	for (unsigned i = 0; i < CCW_REASON_COUNT; i++)
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(ccw_reason_name(i), ccw_reason_name(j));
	assert_int_equal(CCW_EVENT_COUNT, 18);
	assert_int_equal(CCW_STATE_COUNT, 5);
	assert_string_equal(ccw_event_name(CCW_EVENT_COUNT), "?");
	assert_string_equal(ccw_state_name(CCW_STATE_COUNT), "?");
	assert_string_equal(ccw_rung_name(CCW_RUNG_HALT), "halt");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell_is_that_of_the_second_statement),
		cmocka_unit_test(numbers_that_are_no_event_are_refused),
		cmocka_unit_test(limits_without_end_are_refused),
		cmocka_unit_test(a_start_tells_why_it_failed),
		cmocka_unit_test(a_request_while_the_program_is_translated_comes_again),
		cmocka_unit_test(a_halt_that_is_refused_does_not_end_the_program),
		cmocka_unit_test(an_interrupt_is_kept_as_it_came),
		cmocka_unit_test(interrupts_are_told_apart_by_their_status),
		cmocka_unit_test(a_lost_path_costs_one_attempt_that_brings_an_interrupt),
		cmocka_unit_test(not_operational_has_its_reason),
		cmocka_unit_test(who_is_gone_comes_back_only_with_the_bus),
		cmocka_unit_test(an_interrupt_of_an_earlier_life_is_nobodys),
		cmocka_unit_test(the_ladder_is_climbed_rung_by_rung),
		cmocka_unit_test(final_interrupts_do_not_lengthen_the_ladder),
		cmocka_unit_test(a_timer_that_comes_early_takes_no_rung),
		cmocka_unit_test(a_subchannel_that_is_not_enabled_has_nothing_to_end),
		cmocka_unit_test(a_program_that_would_not_end_is_kept_until_it_can_do_no_harm),
		cmocka_unit_test(the_strongest_pending_wins_whoever_came_first),
		cmocka_unit_test(a_close_after_a_reset_leaves_it_closed),
		cmocka_unit_test(what_is_gone_has_nothing_pending),
		cmocka_unit_test(a_reset_that_cannot_enable_says_so),
		cmocka_unit_test(an_object_is_freed_once_and_can_be_bound_anew),
		cmocka_unit_test(a_forward_that_failed_is_counted_and_changes_nothing),
		cmocka_unit_test(only_a_machine_at_rest_is_drained),
		cmocka_unit_test(every_number_has_one_name),
	};

	return cmocka_run_group_tests_name("ccw", tests, NULL, NULL);
}
