/* SPDX-License-Identifier: Apache-2.0 */
/* SPs that die, come back as something else, or never come to an end: what they may cost, and what it is called. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "story.h"

#define S (1000 * MS)

static void tick(struct story *s)
{
	step(s, (struct input){ .kind = IN_TICK });
}

/* Answers all that TRUSTY is asked for `ns`; returns how often it was asked. */
static unsigned answer_for(struct story *s, uint64_t ns, enum verdict verdict, uint64_t hint)
{
	uint64_t end = s->now + ns;
	unsigned asked = 0;

	for (;;) {
		if (model_sp(&s->m, TRUSTY)->out) {
			struct input in = { .kind = IN_SECURE_REPLY,
				.reply = { .sp = TRUSTY, .verdict = verdict, .target = FFA_TARGET(TRUSTY, 0), .wait_ns = hint } };

			assert_true(++asked < 100000);
			step(s, in);
			continue;
		}
		if (model_next_deadline(&s->m) > end)
			break;
		s->now = model_next_deadline(&s->m);
		tick(s);
	}
	s->now = end;
	return asked;
}

/* Nobody knows whether it restarts: no generations are told. A guest runs, which it has to be told of again. */
static void an_sp_that_is_dead_for_good_is_not_hammered(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 0);
	run(s, "web");
	start(s, "other");
	answer(s, OPTEE, VERDICT_ACK, CALL_CREATED);
	assert_in_range(answer_for(s, 10 * S, VERDICT_ABORTED, 0), 10, 250);
	assert_int_equal(model_sp(&s->m, TRUSTY)->info.status, SP_DEGRADED);
	assert_int_equal(current(s, "web")->now.state, VM_RUNNING);
}

static void an_announce_to_a_dead_sp_ends_at_its_deadline(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 0);
	start(s, "web");
	answer(s, OPTEE, VERDICT_ACK, CALL_CREATED);
	(void)answer_for(s, 6 * S, VERDICT_ABORTED, 0);
	assert_int_equal(current(s, "web")->now.cause, CAUSE_SECURE_TIMEOUT);
}

static void a_storm_of_interrupts_is_answered_at_leisure(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	start(s, "web");
	answer(s, OPTEE, VERDICT_ACK, CALL_CREATED);
	assert_in_range(answer_for(s, 4 * S, VERDICT_PREEMPTED, 0), 40, 4100);
	(void)answer_for(s, 2 * S, VERDICT_PREEMPTED, 0);
	assert_int_equal(current(s, "web")->now.cause, CAUSE_SECURE_TIMEOUT);
	assert_in_range(answer_for(s, 60 * S, VERDICT_PREEMPTED, 0), 50, 700);
	assert_int_equal(current(s, "web")->debt[0].state, DEBT_CREATING); /* its call is open: it is run on */
}

static void a_few_interrupts_cost_no_time(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	start(s, "web");
	for (unsigned i = 0; i < 8; i++) {
		answer(s, TRUSTY, VERDICT_PREEMPTED, CALL_NONE);
		assert_non_null(find_output(s, OUT_SECURE_CALL, TRUSTY));
	}
}

static void an_sp_that_yields_for_ever_is_run_at_leisure(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	start(s, "web");
	answer(s, OPTEE, VERDICT_ACK, CALL_CREATED);
	assert_in_range(answer_for(s, 4 * S, VERDICT_YIELDED, 1), 40, 4100);
	(void)answer_for(s, 2 * S, VERDICT_YIELDED, 1);
	assert_int_equal(current(s, "web")->now.cause, CAUSE_SECURE_TIMEOUT);
}

/* The hint is the SP's own: it may ask for patience, not for eternity. */
static void a_hint_to_wait_for_ever_is_not_believed(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	start(s, "web");
	assert_in_range(answer_for(s, 4 * S, VERDICT_YIELDED, UINT64_MAX), 4, 400);
}

#define TOLD(f) cmocka_unit_test_setup_teardown(f, story_begin, story_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TOLD(an_sp_that_is_dead_for_good_is_not_hammered),
		TOLD(an_announce_to_a_dead_sp_ends_at_its_deadline),
		TOLD(a_storm_of_interrupts_is_answered_at_leisure),
		TOLD(a_few_interrupts_cost_no_time),
		TOLD(an_sp_that_yields_for_ever_is_run_at_leisure),
		TOLD(a_hint_to_wait_for_ever_is_not_believed),
	};

	return cmocka_run_group_tests_name("model bad sps", tests, NULL, NULL);
}
