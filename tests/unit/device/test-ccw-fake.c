/* SPDX-License-Identifier: Apache-2.0 */
/* The ccw machine with a scripted device, in virtual time: named stories, then random schedules from a seed. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "device/ccw_fake.h"

#define MS 1000000ull

static const struct ccw_limits limits = { .step_ns = 30 * MS, .total_ns = 300 * MS, .clear_tries = 20 };

struct world {
	struct ccw m;
	struct ccw_fake f;
	uint64_t now;
	struct ccw_outcome last;
	unsigned forwarded, completed, crws, freed, told_gone, told_req, finished;
	int finish;
};

static void count(struct world *w)
{
	uint32_t fx = w->last.effects;

	w->forwarded += !!(fx & CCW_FX_FORWARD);
	w->completed += !!(fx & CCW_FX_COMPLETE);
	w->crws += !!(fx & CCW_FX_CRW);
	w->freed += !!(fx & CCW_FX_FREE_PROGRAM);
	w->told_gone += !!(fx & CCW_FX_TELL_GONE);
	w->told_req += !!(fx & CCW_FX_TELL_REQ);
	if (fx & CCW_FX_FINISH) {
		w->finished++;
		w->finish = w->last.finish;
	}
}

static int give(struct world *w, enum ccw_event event)
{
	struct ccw_input in = { .event = event, .now = w->now, .generation = w->m.generation, .present = true };

	if (event == CCW_EV_INIT && w->m.state == CCW_NOT_OPERATIONAL)
		ccw_fake_return(&w->f);
	ccw_fake_advance(&w->f, w->now);
	ccw_step(&w->m, &in, &w->last);
	count(w);
	return w->last.result;
}

/* What was raised reaches the machine. */
static bool deliver_one(struct world *w)
{
	struct ccw_input in;

	if (!ccw_fake_take(&w->f, &in))
		return false;
	ccw_step(&w->m, &in, &w->last);
	count(w);
	return true;
}

/* Time goes on to `until`; interrupts and timers come when they are due. */
static void pass(struct world *w, uint64_t until)
{
	for (;;) {
		uint64_t timer = ccw_timer(&w->m), next = ccw_fake_next(&w->f);

		if (timer && timer < next)
			next = timer;
		if (next > until)
			break;
		w->now = next > w->now ? next : w->now;
		ccw_fake_advance(&w->f, w->now);
		while (deliver_one(w))
			;
		if (ccw_timer(&w->m) && ccw_timer(&w->m) <= w->now)
			give(w, CCW_EV_TIMEOUT);
	}
	w->now = until;
	ccw_fake_advance(&w->f, w->now);
}

static void begin(struct world *w, const struct ccw_fake_act *script, size_t count_)
{
	memset(w, 0, sizeof(*w));
	assert_int_equal(ccw_begin(&w->m, &ccw_fake_ops, &w->f, &limits), 0);
	ccw_fake_begin(&w->f, &w->m, script, count_);
	give(w, CCW_EV_INIT);
	give(w, CCW_EV_ONLINE);
}

#define BEGIN(w, script) begin(w, script, sizeof(script) / sizeof(*(script)))

static void a_program_ends_by_its_final_interrupt(void **state)
{
	static const struct ccw_fake_act script[] = {
		{ .op = CCW_FAKE_START, .after = 10 * MS, .partials = 2, .unsolicited = 1 },
	};
	struct world w;

	BEGIN(&w, script);
	assert_int_equal(give(&w, CCW_EV_SSCH), 0);
	pass(&w, 9 * MS);
	assert_int_equal(w.m.state, CCW_BUSY);
	assert_int_equal(w.forwarded, 3);
	assert_int_equal(give(&w, CCW_EV_SSCH), -EBUSY);
	pass(&w, 11 * MS);
	assert_int_equal(w.m.state, CCW_IDLE);
	assert_int_equal(w.forwarded, 4);
	assert_int_equal(w.freed, 1);
	assert_int_equal(ccw_irq_event(w.m.irb), CCW_EV_IRQ_FINAL);
}

/* Condition codes 1 and 2, then 3 with and without another path, then a program that cannot be run, then one that can. */
static void condition_codes_reach_who_asked(void **state)
{
	static const struct ccw_fake_act script[] = {
		{ .op = CCW_FAKE_START, .answer = -EBUSY },
		{ .op = CCW_FAKE_START, .answer = -EACCES },
		{ .op = CCW_FAKE_START, .answer = -ENODEV },
		{ .op = CCW_FAKE_START, .answer = -EOPNOTSUPP },
		{ .op = CCW_FAKE_HALT, .answer = -EBUSY },
	};
	struct world w;

	BEGIN(&w, script);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(give(&w, CCW_EV_SSCH), script[i].answer);
		assert_int_equal(w.m.state, CCW_IDLE);
	}
	assert_int_equal(give(&w, CCW_EV_SSCH), 0);
	assert_int_equal(give(&w, CCW_EV_HSCH), -EBUSY);
	assert_int_equal(w.m.state, CCW_BUSY);
	assert_int_equal(give(&w, CCW_EV_CSCH), 0);
	pass(&w, 5 * MS);
	assert_int_equal(w.m.state, CCW_IDLE);
}

static void a_silent_program_is_halted_by_a_close(void **state)
{
	static const struct ccw_fake_act script[] = {
		{ .op = CCW_FAKE_START, .silent = true },
		{ .op = CCW_FAKE_CANCEL, .answer = -EBUSY },
		{ .op = CCW_FAKE_HALT, .after = 5 * MS },
	};
	struct world w;

	BEGIN(&w, script);
	give(&w, CCW_EV_SSCH);
	pass(&w, 1000 * MS);
	assert_int_equal(w.m.state, CCW_BUSY);
	give(&w, CCW_EV_OFFLINE);
	assert_int_equal(w.m.state, CCW_QUIESCING);
	pass(&w, 1004 * MS);
	assert_int_equal(w.m.state, CCW_QUIESCING);
	pass(&w, 1006 * MS);
	assert_int_equal(w.m.state, CCW_STANDBY);
	assert_int_equal(w.finish, 0);
	assert_int_equal(w.forwarded, 0);
	assert_int_equal(w.freed, 1);
}

static void a_device_that_never_answers_is_given_up_in_time(void **state)
{
	static const struct ccw_fake_act script[] = {
		{ .op = CCW_FAKE_START, .silent = true },   { .op = CCW_FAKE_CANCEL, .answer = -EBUSY },
		{ .op = CCW_FAKE_HALT, .silent = true },    { .op = CCW_FAKE_HALT, .silent = true },
		{ .op = CCW_FAKE_HALT, .silent = true },    { .op = CCW_FAKE_CLEAR, .silent = true },
		{ .op = CCW_FAKE_CLEAR, .silent = true },   { .op = CCW_FAKE_CLEAR, .silent = true },
		{ .op = CCW_FAKE_CLEAR, .silent = true },   { .op = CCW_FAKE_CLEAR, .silent = true },
		{ .op = CCW_FAKE_CLEAR, .silent = true },   { .op = CCW_FAKE_CLEAR, .silent = true },
		{ .op = CCW_FAKE_CLEAR, .silent = true },
	};
	struct world w;

	BEGIN(&w, script);
	give(&w, CCW_EV_SSCH);
	give(&w, CCW_EV_OFFLINE);
	pass(&w, 299 * MS);
	assert_int_equal(w.m.state, CCW_QUIESCING);
	pass(&w, 300 * MS);
	assert_int_equal(w.m.state, CCW_NOT_OPERATIONAL);
	assert_int_equal(w.m.reason, CCW_QUIESCE_FAILED);
	assert_int_equal(w.finish, -ETIMEDOUT);
	assert_int_equal(w.freed, 0);
	assert_int_equal(w.f.asked[CCW_FAKE_CANCEL], 1);
	assert_int_equal(w.f.asked[CCW_FAKE_HALT], 3);
	assert_int_equal(w.f.asked[CCW_FAKE_CLEAR], 7); /* ten steps of 30 ms in 300 ms, three of them halts */
}

static void a_device_that_goes_away_takes_its_program_along(void **state)
{
	static const struct ccw_fake_act script[] = { { .op = CCW_FAKE_START, .after = 10 * MS, .gone = true } };
	struct world w;

	BEGIN(&w, script);
	give(&w, CCW_EV_SSCH);
	pass(&w, 20 * MS);
	assert_int_equal(w.m.state, CCW_NOT_OPERATIONAL);
	assert_int_equal(w.m.reason, CCW_GONE);
	assert_int_equal(w.completed, 1);
	assert_int_equal(w.freed, 1);
	assert_int_equal(w.told_gone, 1);
	assert_int_equal(give(&w, CCW_EV_SSCH), -EIO);
	assert_int_equal(give(&w, CCW_EV_INIT), 0);
	assert_int_equal(give(&w, CCW_EV_ONLINE), 0);
	assert_int_equal(give(&w, CCW_EV_SSCH), 0);
}

/* Found gone by an order of the ladder, before the channel layer tells. */
static void a_device_that_goes_away_during_a_close_ends_it(void **state)
{
	static const struct ccw_fake_act script[] = {
		{ .op = CCW_FAKE_START, .silent = true },
		{ .op = CCW_FAKE_CANCEL, .answer = -EBUSY },
		{ .op = CCW_FAKE_HALT, .after = 100 * MS },
		{ .op = CCW_FAKE_HALT, .answer = -ENODEV },
	};
	struct world w;

	BEGIN(&w, script);
	give(&w, CCW_EV_SSCH);
	give(&w, CCW_EV_REMOVE);
	pass(&w, 40 * MS);
	assert_int_equal(w.m.state, CCW_NOT_OPERATIONAL);
	assert_int_equal(w.m.reason, CCW_GONE);
	assert_int_equal(w.finish, -ENODEV);
	assert_int_equal(w.freed, 1);
}

static void an_interrupt_on_its_way_over_a_reset_is_stale(void **state)
{
	static const struct ccw_fake_act script[] = { { .op = CCW_FAKE_START, .after = 10 * MS } };
	struct world w;

	BEGIN(&w, script);
	give(&w, CCW_EV_SSCH);
	ccw_fake_advance(&w.f, w.now = 10 * MS); /* raised, and not delivered yet */
	give(&w, CCW_EV_RESET);
	assert_int_equal(w.m.state, CCW_IDLE);
	assert_int_equal(give(&w, CCW_EV_SSCH), 0);
	assert_true(deliver_one(&w));
	assert_int_equal(w.m.counts.stale, 1);
	assert_int_equal(w.m.state, CCW_BUSY);
	assert_int_equal(w.forwarded, 0);
	pass(&w, 20 * MS);
	assert_int_equal(w.m.state, CCW_IDLE);
}

static void a_device_speaks_unasked(void **state)
{
	static const struct ccw_fake_act script[] = {
		{ .op = CCW_FAKE_ITSELF, .after = 5 * MS },
		{ .op = CCW_FAKE_ITSELF, .after = 9 * MS, .gone = true },
	};
	struct world w;

	BEGIN(&w, script);
	pass(&w, 6 * MS);
	assert_int_equal(w.forwarded, 1);
	pass(&w, 10 * MS);
	assert_int_equal(w.m.reason, CCW_GONE);
}

/* ---- random schedules ---- */

static uint64_t random_state;

static uint32_t any(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % below;
}

static int any_answer(enum ccw_fake_op op)
{
	static const int errors[] = { -EBUSY, -EBUSY, -EPIPE, -ENODEV, -EACCES, -EINVAL };

	if (any(3))
		return 0;
	if (op == CCW_FAKE_STORE_SCHIB)
		return any(2) ? CCW_OP_PATH_LOST : -EIO;
	return errors[any(sizeof(errors) / sizeof(*errors))];
}

#define LINES 40

static void write_script(struct ccw_fake_act *script)
{
	for (unsigned i = 0; i < LINES; i++) {
		enum ccw_fake_op op = any(CCW_FAKE_OP_COUNT);

		script[i] = (struct ccw_fake_act){ .op = op, .after = (1 + any(60)) * MS, .partials = (uint8_t)any(3),
			.unsolicited = (uint8_t)any(2), .silent = any(4) == 0, .gone = any(12) == 0 };
		if (op != CCW_FAKE_ITSELF)
			script[i].answer = any_answer(op);
		else
			script[i].after *= 10;
	}
}

struct story {
	struct world w;
	uint64_t quiesced_since; /* 0: it is not */
	unsigned before_forwarded;
};

static void check(struct story *t, enum ccw_state before, unsigned forwarded, uint32_t generation)
{
	struct world *w = &t->w;
	const struct ccw *m = &w->m;

	assert_int_equal(m->counts.started, m->counts.finished + m->counts.aborted + m->program);
	assert_int_equal(w->freed, m->counts.finished + m->counts.aborted);
	if (w->forwarded > forwarded)
		assert_true(before == CCW_IDLE || before == CCW_BUSY);
	if (m->state == CCW_BUSY)
		assert_true(m->program);
	if (m->state == CCW_STANDBY || m->state == CCW_IDLE)
		assert_false(m->program);
	if (m->state == CCW_IDLE || m->state == CCW_BUSY || m->state == CCW_QUIESCING)
		assert_true(w->f.enabled || w->f.gone);
	if (m->state == CCW_STANDBY)
		assert_false(w->f.enabled);
	assert_true(m->generation >= generation);
	if (m->state != CCW_QUIESCING)
		t->quiesced_since = 0;
	else if (!t->quiesced_since)
		t->quiesced_since = w->now + 1;
	if (t->quiesced_since)
		assert_true(w->now + 1 <= t->quiesced_since + limits.total_ns);
}

/* In order, or a while later: an eventfd tells that there was one, not when. */
static void one_move(struct story *t)
{
	static const enum ccw_event asked[] = { CCW_EV_INIT, CCW_EV_ONLINE, CCW_EV_OFFLINE, CCW_EV_SSCH, CCW_EV_SSCH,
		CCW_EV_SSCH, CCW_EV_SSCH, CCW_EV_HSCH, CCW_EV_CSCH, CCW_EV_XSCH, CCW_EV_RSCH, CCW_EV_STORE_SCHIB,
		CCW_EV_RELEASE, CCW_EV_REMOVE, CCW_EV_RESET, CCW_EV_REQ, CCW_EV_TIMEOUT, CCW_EV_INIT, CCW_EV_ONLINE };
	struct world *w = &t->w;
	enum ccw_state before = w->m.state;
	unsigned forwarded = w->forwarded;
	uint32_t generation = w->m.generation;

	switch (any(4)) {
	case 0:
		deliver_one(w);
		break;
	case 1: /* time, but never past the timer */
		w->now += any(20) * MS;
		if (ccw_timer(&w->m) && w->now >= ccw_timer(&w->m)) {
			w->now = ccw_timer(&w->m);
			give(w, CCW_EV_TIMEOUT);
		}
		ccw_fake_advance(&w->f, w->now);
		break;
	default:
		give(w, asked[any(sizeof(asked) / sizeof(*asked))]);
	}
	check(t, before, forwarded, generation);
}

#define SCHEDULES 20000
#define MOVES     120

static unsigned reached[CCW_STATE_COUNT], reasons[CCW_REASON_COUNT];
static uint64_t stale;

static void schedule(uint64_t seed)
{
	struct ccw_fake_act script[LINES];
	struct story t = { 0 };

	random_state = seed * 0x9E3779B97F4A7C15ull | 1;
	write_script(script);
	begin(&t.w, script, LINES);
	for (unsigned i = 0; i < MOVES; i++) {
		one_move(&t);
		reached[t.w.m.state]++;
		reasons[t.w.m.reason] += t.w.m.state == CCW_NOT_OPERATIONAL;
	}
	stale += t.w.m.counts.stale;
	give(&t.w, CCW_EV_OFFLINE); /* and from wherever that led, a close ends, with nothing but time */
	pass(&t.w, t.w.now + limits.total_ns + MS);
	assert_true(t.w.m.state == CCW_STANDBY || t.w.m.state == CCW_NOT_OPERATIONAL);
}

static void whatever_the_schedule_the_machine_keeps_its_word(void **state)
{
	const char *only = getenv("CCW_SEED");

	if (only) {
		schedule(strtoull(only, NULL, 10));
		return;
	}
	for (uint64_t seed = 1; seed <= SCHEDULES; seed++)
		schedule(seed);
	for (unsigned s = 0; s < CCW_STATE_COUNT; s++)
		assert_true(reached[s] > SCHEDULES);
	for (unsigned r = 0; r < CCW_REASON_COUNT; r++)
		assert_true(reasons[r] > 100);
	assert_true(stale > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_ends_by_its_final_interrupt),
		cmocka_unit_test(condition_codes_reach_who_asked),
		cmocka_unit_test(a_silent_program_is_halted_by_a_close),
		cmocka_unit_test(a_device_that_never_answers_is_given_up_in_time),
		cmocka_unit_test(a_device_that_goes_away_takes_its_program_along),
		cmocka_unit_test(a_device_that_goes_away_during_a_close_ends_it),
		cmocka_unit_test(an_interrupt_on_its_way_over_a_reset_is_stale),
		cmocka_unit_test(a_device_speaks_unasked),
		cmocka_unit_test(whatever_the_schedule_the_machine_keeps_its_word),
	};

	return cmocka_run_group_tests_name("ccw with a scripted device", tests, NULL, NULL);
}
