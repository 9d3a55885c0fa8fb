/* SPDX-License-Identifier: Apache-2.0 */
/* SPs that die, come back as something else, or never come to an end: what they may cost, and what it is called. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

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

/* Each asks less often, the more there are that ask: a hundred wait 100 ms as one does, four hundred 400 ms. */
static void a_crowd_asks_no_more_than_a_thousand_times_a_second(void **state)
{
	struct story *s = *state;
	char name[16];

	meet_secure_side(s, 1, 1);
	for (unsigned i = 0; i < 400; i++) {
		snprintf(name, sizeof(name), "vm%u", i);
		run(s, name);
	}
	for (unsigned i = 0; i < 400; i++) {
		snprintf(name, sizeof(name), "vm%u", i);
		ask(s, REQUEST_ABORT, name, 0);
		life_says(s, IN_VMM_QUIESCED, current(s, name)->number);
		answer(s, OPTEE, VERDICT_ACK, CALL_DESTROYED);
	}
	(void)answer_for(s, S, VERDICT_RETRY, 0);
	assert_int_equal(model_sp(&s->m, TRUSTY)->crowd, 400);
	assert_in_range(answer_for(s, 3 * S, VERDICT_RETRY, 0), 2000, 4000);
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

/* ---- FFA_RUN is for a call that is open: an SP that waits for messages may panic of it, and OP-TEE does ---- */

static bool runs(const struct story *s)
{
	const struct output *o = find_output(s, OUT_SECURE_CALL, OPTEE);

	return o && o->call.run;
}

static void lose_the_answer(struct story *s)
{
	step(s, (struct input){ .kind = IN_SECURE_DOWN });
	meet_secure_side(s, 1, 1);
	assert_non_null(find_output(s, OUT_SECURE_CALL, OPTEE));
}

/* Answers BUSY to each repeat until the daemon runs the call; how long that took. */
static uint64_t busy_until_it_is_run(struct story *s)
{
	uint64_t begin = s->now;

	while (!runs(s) && s->now < begin + 60 * S) {
		if (model_sp(&s->m, OPTEE)->out) {
			answer(s, OPTEE, VERDICT_BUSY, CALL_NONE);
		} else {
			s->now = model_next_deadline(&s->m);
			tick(s);
		}
	}
	return s->now - begin;
}

/* It may be executing that very call, and be idle when FFA_RUN comes. */
static void a_busy_sp_whose_answer_was_lost_is_asked_again_for_as_long_as_a_call_takes(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	start(s, "web");
	lose_the_answer(s);
	assert_in_range(busy_until_it_is_run(s), 2 * S, 3 * S);
}

/* Twice BUSY for another reason, long apart, is no call that is open. */
static void two_busy_answers_far_apart_are_no_open_call(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	start(s, "web");
	lose_the_answer(s);
	answer(s, OPTEE, VERDICT_BUSY, CALL_NONE);
	s->now += 3 * S;
	tick(s);
	answer(s, OPTEE, VERDICT_BUSY, CALL_NONE);
	assert_false(runs(s));
}

static void an_sp_that_is_busy_even_when_run_is_left_alone_as_long_again(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	start(s, "web");
	lose_the_answer(s);
	(void)busy_until_it_is_run(s);
	answer(s, OPTEE, VERDICT_BUSY, CALL_NONE);
	assert_in_range(busy_until_it_is_run(s), 2 * S, 3 * S);
}

/* Its open call is gone with an instance that nobody heard of the end of. */
static void an_open_call_that_is_busy_when_run_is_open_no_more(void **state)
{
	struct input in = { .kind = IN_SECURE_REPLY,
		.reply = { .sp = OPTEE, .verdict = VERDICT_PREEMPTED, .target = FFA_TARGET(OPTEE, 0) } };
	struct story *s = *state;

	meet_secure_side(s, 1, 0);
	start(s, "web");
	step(s, in);
	assert_true(runs(s));
	answer(s, OPTEE, VERDICT_BUSY, CALL_NONE);
	assert_in_range(busy_until_it_is_run(s), 2 * S, 3 * S);
}

/* Nobody else would ever run it, and the SP is BUSY to whatever else it is asked. */
static void an_open_call_that_was_not_even_run_is_run_again(void **state)
{
	struct input in = { .kind = IN_SECURE_REPLY,
		.reply = { .sp = OPTEE, .verdict = VERDICT_PREEMPTED, .target = FFA_TARGET(OPTEE, 3) } };
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	start(s, "web");
	step(s, in);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(runs(s));
		answer(s, OPTEE, VERDICT_INTERRUPTED, CALL_NONE);
		assert_null(find_output(s, OUT_SECURE_CALL, OPTEE));
		tick_after(s, 2 * MS);
	}
	assert_true(runs(s));
	assert_int_equal(find_output(s, OUT_SECURE_CALL, OPTEE)->call.target, FFA_TARGET(OPTEE, 3));
	answer(s, OPTEE, VERDICT_ACK, CALL_CREATED);
	assert_int_equal(current(s, "web")->debt[1].state, DEBT_KNOWN);
}

/* DENIED and NOT_SUPPORTED are of FFA_RUN: the end was neither refused nor settled by them. */
static void an_open_call_whose_run_is_refused_is_owed_still(void **state)
{
	static const enum verdict refused[] = { VERDICT_REFUSED, VERDICT_UNSUPPORTED };
	struct input in = { .kind = IN_SECURE_REPLY,
		.reply = { .sp = OPTEE, .verdict = VERDICT_PREEMPTED, .target = FFA_TARGET(OPTEE, 0) } };
	struct story *s = *state;
	char name[8];

	meet_secure_side(s, 1, 1);
	for (unsigned i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "vm%u", i);
		start(s, name);
		tick_after(s, S); /* it may rest still */
		step(s, in);
		assert_true(runs(s));
		answer(s, OPTEE, refused[i], CALL_NONE);
		assert_int_equal(current(s, name)->debt[1].state, DEBT_CREATING);
		assert_in_range(busy_until_it_is_run(s), 2 * S, 3 * S);
		answer(s, OPTEE, VERDICT_ACK, CALL_CREATED);
		answer(s, TRUSTY, VERDICT_ACK, CALL_CREATED);
		assert_int_equal(current(s, name)->now.substate, VM_SUB_READY);
		life_says(s, IN_VMM_ENTERED, current(s, name)->number);
		life_says(s, IN_VMM_GONE, current(s, name)->number);
		tick_after(s, S);
		step(s, in);
		assert_true(runs(s));
		answer(s, OPTEE, refused[i], CALL_NONE);
		assert_int_equal(current(s, name)->debt[1].state, DEBT_DESTROYING);
		assert_in_range(busy_until_it_is_run(s), 2 * S, 3 * S);
		answer(s, OPTEE, VERDICT_ACK, CALL_DESTROYED);
		answer(s, TRUSTY, VERDICT_ACK, CALL_DESTROYED);
	}
}

/* The link broke before FFA_RUN left: the call is open there still, and neither lost nor doubled. */
static void an_open_call_whose_run_never_left_is_run_when_the_sp_is_met_again(void **state)
{
	struct input cut_short = { .kind = IN_SECURE_REPLY,
		.reply = { .sp = OPTEE, .verdict = VERDICT_PREEMPTED, .target = FFA_TARGET(OPTEE, 0) } };
	struct story *s = *state;
	struct input unsent = { .kind = IN_SECURE_REPLY, .reply = { .sp = OPTEE, .verdict = VERDICT_IDLE, .unsent = true } };

	meet_secure_side(s, 1, 1);
	run(s, "web");
	life_says(s, IN_SECURE_DOWN, 0);
	meet_secure_side(s, 2, 1);
	assert_true(sends(s, OPTEE, CALL_CREATED));
	step(s, cut_short);
	assert_true(runs(s));
	step(s, unsent);
	assert_null(find_output(s, OUT_SECURE_CALL, OPTEE));
	life_says(s, IN_SECURE_DOWN, 0);
	meet_secure_side(s, 2, 1);
	assert_true(runs(s));
	assert_int_equal(current(s, "web")->debt[1].extra, 0);
	answer(s, OPTEE, VERDICT_ACK, CALL_CREATED);
	assert_int_equal(current(s, "web")->debt[1].state, DEBT_KNOWN);
}

/* ---- live activation ---- */

static struct input met_with_version(struct story *s, uint32_t generation, uint32_t version, uint8_t uuid)
{
	struct input in = { .kind = IN_SECURE_UP, .world = calloc(1, sizeof(*in.world)) };

	assert_non_null(in.world);
	in.world->instance[0] = 1;
	in.world->count = 2;
	for (unsigned i = 0; i < 2; i++) {
		in.world->sp[i] = model_sp(&s->m, i ? OPTEE : TRUSTY)->info;
		in.world->sp[i].generation = generation;
	}
	in.world->sp[0].version = version;
	in.world->sp[0].uuid[15] = uuid;
	return in;
}

/* Its new image has another version and UUID, and all that the old one knew: a generation that is told says so. */
static void an_sp_that_was_live_activated_is_not_told_again(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	step(s, met_with_version(s, 1, 0x10002, 1));
	run(s, "web");
	step(s, met_with_version(s, 1, 0x10003, 2));
	assert_int_equal(current(s, "web")->debt[0].state, DEBT_KNOWN);
	assert_null(find_output(s, OUT_SECURE_CALL, TRUSTY));
	step(s, met_with_version(s, 2, 0x10003, 2));
	assert_true(sends(s, TRUSTY, CALL_CREATED));
}

/* ---- another version or UUID, and no generations ---- */

/* It may know the VM still, or was told of it as what it is now: that it says so is no refusal. */
static void an_sp_with_another_uuid_is_asked_as_if_its_answer_had_been_lost(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 0);
	run(s, "web");
	step(s, met_with_version(s, 0, 0, 1));
	assert_true(sends(s, TRUSTY, CALL_CREATED));
	answer(s, TRUSTY, VERDICT_INVALID, CALL_CREATED);
	assert_int_equal(current(s, "web")->debt[0].state, DEBT_KNOWN);
	assert_int_equal(current(s, "web")->now.state, VM_RUNNING);
	life_says(s, IN_VMM_GONE, current(s, "web")->number);
	assert_true(sends(s, TRUSTY, CALL_DESTROYED));
}

/* An OP-TEE may count it twice from then on. */
static void an_optee_of_another_version_is_told_of_the_end_twice(void **state)
{
	struct input in;
	struct story *s = *state;

	meet_secure_side(s, 1, 0);
	in = met_with_version(s, 0, 0, 0);
	in.world->sp[1].version = 0x10002;
	step(s, in);
	run(s, "web");
	in = met_with_version(s, 0, 0, 0);
	in.world->sp[1].version = 0x10003;
	step(s, in);
	assert_true(sends(s, OPTEE, CALL_CREATED));
	answer(s, OPTEE, VERDICT_ACK, CALL_CREATED);
	life_says(s, IN_VMM_GONE, current(s, "web")->number);
	answer(s, OPTEE, VERDICT_ACK, CALL_DESTROYED);
	assert_true(sends(s, OPTEE, CALL_DESTROYED));
	answer(s, OPTEE, VERDICT_ACK, CALL_DESTROYED);
	assert_int_equal(current(s, "web")->debt[1].state, DEBT_SETTLED);
}

static void what_is_over_is_not_settled_by_another_uuid(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 0);
	run(s, "web");
	life_says(s, IN_VMM_GONE, current(s, "web")->number);
	answer(s, TRUSTY, VERDICT_RETRY, CALL_DESTROYED);
	step(s, met_with_version(s, 0, 0, 1));
	assert_int_equal(current(s, "web")->debt[0].state, DEBT_DESTROYING);
}

/*
 * The log tells of VM_CREATED to an SP that restarted since. Which instance was sent it last, the old one or the new one,
 * nobody stored: the new one is asked before the id goes back.
 */
static void what_a_log_says_was_sent_may_have_reached_the_next_instance(void **state)
{
	struct story *s = *state, *again;
	struct life *a;

	meet_secure_side(s, 1, 1);
	start(s, "a");
	answer(s, OPTEE, VERDICT_RETRY, CALL_CREATED);
	start(s, "b");
	assert_true(sends(s, OPTEE, CALL_CREATED)); /* this is the call that the log has as open */
	again = reborn(s);
	a = current(again, "a");
	ask(again, REQUEST_ABORT, "a", 0);
	life_says(again, IN_VMM_GONE, a->number);
	meet_secure_side(again, 1, 2);
	assert_int_not_equal(a->debt[1].state, DEBT_SETTLED);
	for (unsigned i = 0; i < 100 && a->debt[1].state != DEBT_SETTLED; i++) {
		const struct output *o;

		while ((o = find_output(again, OUT_SECURE_CALL, OPTEE)))
			answer(again, OPTEE, VERDICT_ACK, (enum call_kind)o->call.kind);
		tick_after(again, 100 * MS);
	}
	assert_int_equal(a->debt[1].state, DEBT_SETTLED);
	assert_int_equal(a->debt[1].how, HOW_ANSWERED);
	model_clear(&again->m);
	step_out_free(&again->o);
	free(again);
}

/* One that restarts before our eyes knows nothing of what the log says was sent: it was met, and told so, before. */
static void what_a_log_says_was_sent_is_gone_with_an_instance_that_was_met(void **state)
{
	struct story *s = *state, *again;
	struct input in = { .kind = IN_SECURE_DOORBELL, .doorbell = { .sp = OPTEE, .generation = 2 } };
	const struct output *o;
	struct life *a, *b;

	meet_secure_side(s, 1, 1);
	start(s, "a");
	answer(s, OPTEE, VERDICT_RETRY, CALL_CREATED);
	start(s, "b");
	again = reborn(s);
	a = current(again, "a");
	b = current(again, "b");
	ask(again, REQUEST_ABORT, "a", 0);
	ask(again, REQUEST_ABORT, "b", 0);
	life_says(again, IN_VMM_GONE, a->number);
	life_says(again, IN_VMM_GONE, b->number);
	meet_secure_side(again, 1, 1);
	o = find_output(again, OUT_SECURE_CALL, OPTEE);
	assert_non_null(o);
	if (o->call.life == a->number) /* whose call is out is asked for still */
		a = b;
	step(again, in);
	assert_int_equal(a->debt[1].state, DEBT_SETTLED);
	assert_int_equal(a->debt[1].how, HOW_SP_GONE);
	model_clear(&again->m);
	step_out_free(&again->o);
	free(again);
}

#define TOLD(f) cmocka_unit_test_setup_teardown(f, story_begin, story_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TOLD(an_sp_that_is_dead_for_good_is_not_hammered),
		TOLD(an_announce_to_a_dead_sp_ends_at_its_deadline),
		TOLD(a_crowd_asks_no_more_than_a_thousand_times_a_second),
		TOLD(a_storm_of_interrupts_is_answered_at_leisure),
		TOLD(a_few_interrupts_cost_no_time),
		TOLD(an_sp_that_yields_for_ever_is_run_at_leisure),
		TOLD(a_hint_to_wait_for_ever_is_not_believed),
		TOLD(a_busy_sp_whose_answer_was_lost_is_asked_again_for_as_long_as_a_call_takes),
		TOLD(two_busy_answers_far_apart_are_no_open_call),
		TOLD(an_sp_that_is_busy_even_when_run_is_left_alone_as_long_again),
		TOLD(an_open_call_that_is_busy_when_run_is_open_no_more),
		TOLD(an_open_call_that_was_not_even_run_is_run_again),
		TOLD(an_open_call_whose_run_is_refused_is_owed_still),
		TOLD(an_open_call_whose_run_never_left_is_run_when_the_sp_is_met_again),
		TOLD(an_sp_that_was_live_activated_is_not_told_again),
		TOLD(an_sp_with_another_uuid_is_asked_as_if_its_answer_had_been_lost),
		TOLD(an_optee_of_another_version_is_told_of_the_end_twice),
		TOLD(what_is_over_is_not_settled_by_another_uuid),
		TOLD(what_a_log_says_was_sent_may_have_reached_the_next_instance),
		TOLD(what_a_log_says_was_sent_is_gone_with_an_instance_that_was_met),
	};

	return cmocka_run_group_tests_name("model bad sps", tests, NULL, NULL);
}
