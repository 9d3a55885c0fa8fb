/* SPDX-License-Identifier: Apache-2.0 */
/* An SP that wanted to hear of the ends of VMs, and does not any more, in the middle of one. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "story.h"

#define S (1000 * MS)

/* TRUSTY is met as one that wants `properties`; nothing else changed. */
static void meets(struct story *s, uint32_t properties)
{
	struct input in = { .kind = IN_SECURE_UP, .world = calloc(1, sizeof(*in.world)) };

	assert_non_null(in.world);
	in.world->instance[0] = 1;
	in.world->count = 2;
	in.world->sp[0] = model_sp(&s->m, TRUSTY)->info;
	in.world->sp[0].properties = properties;
	in.world->sp[1] = model_sp(&s->m, OPTEE)->info;
	step(s, in);
}

/* Its VM_DESTROYED is out at TRUSTY; OPTEE has still to answer too, so the life stays. */
static struct life *ends(struct story *s)
{
	struct life *l;

	meet_secure_side(s, 1, 1);
	run(s, "web");
	l = current(s, "web");
	life_says(s, IN_VMM_GONE, l->number);
	assert_true(sends(s, TRUSTY, CALL_DESTROYED));
	return l;
}

static void assert_debt(const struct life *l, enum debt_state state, enum debt_how how)
{
	assert_int_equal(l->debt[0].state, state);
	assert_int_equal(l->debt[0].how, how);
}

static void preempt(struct story *s)
{
	struct input in = { .kind = IN_SECURE_REPLY,
		.reply = { .sp = TRUSTY, .verdict = VERDICT_PREEMPTED, .target = FFA_TARGET(TRUSTY, 0) } };

	step(s, in);
}

static void an_end_that_is_not_wanted_any_more_is_not_owed(void **state)
{
	static const uint32_t properties[] = { 0x41, 0x01, 0x00 };
	struct story *s = *state;
	struct life *l = ends(s);

	for (unsigned i = 0; i < 3; i++) {
		if (i > 0) {
			assert_int_equal(story_end(state), 0);
			assert_int_equal(story_begin(state), 0);
			s = *state;
			l = ends(s);
		}
		answer(s, TRUSTY, VERDICT_RETRY, CALL_DESTROYED);
		meets(s, 0xC1);
		assert_debt(l, DEBT_DESTROYING, HOW_NONE);
		meets(s, properties[i]);
		assert_debt(l, DEBT_SETTLED, HOW_NOT_SUBSCRIBED);
		tick_after(s, 10 * S);
		assert_false(sends(s, TRUSTY, CALL_DESTROYED));
		answer(s, OPTEE, VERDICT_ACK, CALL_DESTROYED);
		assert_int_equal(l->now.substate, VM_SUB_RECLAIMING);
	}
}

/* The other SP had answered: this was all that the life waited for. */
static void the_life_goes_on_with_it(void **state)
{
	struct story *s = *state;
	struct life *l = ends(s);

	answer(s, OPTEE, VERDICT_ACK, CALL_DESTROYED);
	answer(s, TRUSTY, VERDICT_BUSY, CALL_NONE);
	assert_int_equal(l->now.substate, VM_SUB_RETIRING);
	meets(s, 0x41);
	assert_int_equal(l->now.substate, VM_SUB_RECLAIMING);
}

static void one_that_is_stuck_is_stuck_no_more(void **state)
{
	struct story *s = *state;
	struct life *l = ends(s);

	answer(s, TRUSTY, VERDICT_RETRY, CALL_DESTROYED);
	tick_after(s, 6 * S);
	if (model_sp(&s->m, TRUSTY)->out)
		answer(s, TRUSTY, VERDICT_RETRY, CALL_DESTROYED);
	assert_true(l->debt[0].stuck);
	meets(s, 0x41);
	assert_debt(l, DEBT_SETTLED, HOW_NOT_SUBSCRIBED);
	assert_int_equal(model_sp(&s->m, TRUSTY)->stuck_count, 0);
}

static void the_answer_that_is_still_to_come_is_waited_for(void **state)
{
	static const struct {
		enum verdict verdict;
		enum call_kind kind;
		enum debt_how how;
	} rows[] = {
		{ VERDICT_UNKNOWN_SP, CALL_NONE, HOW_NOT_SUBSCRIBED },
		{ VERDICT_REFUSED, CALL_NONE, HOW_NOT_SUBSCRIBED },
		{ VERDICT_RETRY, CALL_DESTROYED, HOW_NOT_SUBSCRIBED },
		{ VERDICT_ACK, CALL_DESTROYED, HOW_ANSWERED },
		{ VERDICT_INVALID, CALL_DESTROYED, HOW_SP_UNKNOWN },
	};
	struct story *s = *state;
	struct life *l = ends(s);

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (i > 0) {
			assert_int_equal(story_end(state), 0);
			assert_int_equal(story_begin(state), 0);
			s = *state;
			l = ends(s);
		}
		meets(s, 0x41);
		assert_debt(l, DEBT_DESTROYING, HOW_NONE);
		answer(s, TRUSTY, rows[i].verdict, rows[i].kind);
		assert_debt(l, DEBT_SETTLED, rows[i].how);
	}
}

static void what_is_open_there_is_run_to_its_end(void **state)
{
	struct story *s = *state;
	struct life *l = ends(s);
	const struct output *run;

	preempt(s);
	meets(s, 0x41);
	assert_debt(l, DEBT_DESTROYING, HOW_NONE);
	preempt(s);
	tick_after(s, 100 * MS);
	run = find_output(s, OUT_SECURE_CALL, TRUSTY);
	assert_true(model_sp(&s->m, TRUSTY)->running && (!run || run->call.run));
	answer(s, TRUSTY, VERDICT_ACK, CALL_DESTROYED);
	assert_debt(l, DEBT_SETTLED, HOW_ANSWERED);
}

/* Once more is it asked for: its own answer may have been 0, and it may be open there. */
static void an_answer_that_was_lost_is_asked_for_once(void **state)
{
	struct story *s = *state;
	struct life *l = ends(s);

	step(s, (struct input){ .kind = IN_SECURE_DOWN });
	meets(s, 0x41);
	assert_debt(l, DEBT_DESTROYING, HOW_NONE);
	assert_true(sends(s, TRUSTY, CALL_DESTROYED));
	answer(s, TRUSTY, VERDICT_UNKNOWN_SP, CALL_NONE);
	assert_debt(l, DEBT_SETTLED, HOW_NOT_SUBSCRIBED);
}

/* VM_DESTROYED was to make sure that an OP-TEE does not count a birth twice. It does not take that any more. */
static void a_birth_is_not_held_up_by_the_end_before_it(void **state)
{
	struct story *s = *state;
	struct input in = { .kind = IN_SECURE_UP, .world = calloc(1, sizeof(*in.world)) };

	assert_non_null(in.world);
	meet_secure_side(s, 1, 1);
	start(s, "web");
	step(s, (struct input){ .kind = IN_SECURE_DOWN });
	meets(s, 0xC1);
	assert_true(sends(s, OPTEE, CALL_DESTROYED));
	answer(s, OPTEE, VERDICT_UNKNOWN_SP, CALL_NONE);
	assert_non_null(find_output(s, OUT_DISCOVER, 0));
	in.world->instance[0] = 1;
	in.world->count = 2;
	in.world->sp[0] = model_sp(&s->m, TRUSTY)->info;
	in.world->sp[1] = model_sp(&s->m, OPTEE)->info;
	in.world->sp[1].properties = 0x41;
	step(s, in);
	if (!sends(s, OPTEE, CALL_CREATED))
		tick_after(s, 100 * MS);
	assert_true(sends(s, OPTEE, CALL_CREATED));
}

/* Nobody asked it: whoever is not there cannot have changed his mind. */
static void one_that_is_gone_is_settled_as_gone(void **state)
{
	struct story *s = *state;
	struct life *l = ends(s);
	struct input in = { .kind = IN_SECURE_UP, .world = calloc(1, sizeof(*in.world)) };

	answer(s, TRUSTY, VERDICT_RETRY, CALL_DESTROYED);
	assert_non_null(in.world);
	in.world->instance[0] = 1;
	in.world->count = 1;
	in.world->sp[0] = model_sp(&s->m, OPTEE)->info;
	step(s, in);
	assert_debt(l, DEBT_SETTLED, HOW_SP_GONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, story_begin, story_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_end_that_is_not_wanted_any_more_is_not_owed),
		TEST(the_life_goes_on_with_it),
		TEST(one_that_is_stuck_is_stuck_no_more),
		TEST(the_answer_that_is_still_to_come_is_waited_for),
		TEST(what_is_open_there_is_run_to_its_end),
		TEST(an_answer_that_was_lost_is_asked_for_once),
		TEST(a_birth_is_not_held_up_by_the_end_before_it),
		TEST(one_that_is_gone_is_settled_as_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
