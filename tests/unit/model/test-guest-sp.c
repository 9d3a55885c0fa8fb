/* SPDX-License-Identifier: Apache-2.0 */
/* Guests that call SPs, told call by call: what leaves for the SP and when, and what each guest hears of it. */
#include "guests.h"

#include <stdlib.h>
#include <string.h>

static uint32_t to_sp(struct guest g, uint16_t sp)
{
	return (uint32_t)g.id << 16 | sp;
}

static void ask_sp(struct guest g, uint16_t sp, uint32_t word)
{
	call(g, REQ, to_sp(g, sp), word);
}

static const struct secure_call *sent(struct guest g, uint16_t sp)
{
	const struct output *o = find_output(g.s, OUT_SECURE_CALL, sp);

	return o ? &o->call : NULL;
}

static void assert_sent(struct guest g, uint16_t sp, uint32_t word)
{
	const struct secure_call *c = sent(g, sp);

	assert_non_null(c);
	assert_int_equal(c->kind, CALL_GUEST);
	assert_false(c->run);
	assert_int_equal(c->life, g.life);
	assert_int_equal(c->endpoint, g.id);
	assert_int_equal(c->x[0], REQ);
	assert_int_equal(c->x[1], to_sp(g, sp));
	assert_int_equal(c->x[3], word);
}

static void sp_says(struct story *s, uint16_t sp, struct secure_reply reply)
{
	reply.sp = sp;
	step(s, (struct input){ .kind = IN_SECURE_REPLY, .reply = reply });
}

static void sp_responds(struct guest g, uint16_t sp, uint32_t word)
{
	struct secure_reply r = { .verdict = VERDICT_ACK, .kind = CALL_GUEST };

	r.x[0] = RESP;
	r.x[1] = (uint32_t)sp << 16 | g.id;
	r.x[3] = word;
	sp_says(g.s, sp, r);
}

static void sp_fails(struct guest g, uint16_t sp, enum verdict verdict, enum ffa_status status)
{
	sp_says(g.s, sp, (struct secure_reply){ .verdict = (uint8_t)verdict, .status = status });
}

static void sp_suspends(struct guest g, uint16_t sp, enum verdict verdict, uint32_t target)
{
	sp_says(g.s, sp, (struct secure_reply){ .verdict = (uint8_t)verdict, .target = target });
}

static void assert_runs(struct story *s, uint16_t sp, uint32_t target)
{
	const struct output *o = find_output(s, OUT_SECURE_CALL, sp);

	assert_non_null(o);
	assert_true(o->call.run);
	assert_int_equal(o->call.target, target);
}

static void assert_response(struct guest g, uint32_t word)
{
	assert_non_null(answered(g));
	assert_int_equal(answered(g)->x[0], RESP);
	assert_int_equal(answered(g)->x[3], word);
}

static void link_breaks(struct story *s)
{
	step(s, (struct input){ .kind = IN_SECURE_DOWN });
}

/* ---- there and back ---- */

static void a_request_goes_to_an_sp_and_back(void **state)
{
	struct guest a = guest(*state, "a");

	ask_sp(a, TRUSTY, 7);
	assert_sent(a, TRUSTY, 7);
	assert_null(answered(a));
	sp_responds(a, TRUSTY, 8);
	assert_response(a, 8);
	assert_int_equal(answered(a)->x[1], (uint32_t)TRUSTY << 16 | a.id);
	ask_sp(a, TRUSTY, 9);
	assert_sent(a, TRUSTY, 9);
}

static void what_an_sp_says_instead_goes_to_the_guest(void **state)
{
	struct guest a = guest(*state, "a");

	ask_sp(a, TRUSTY, 0);
	sp_fails(a, TRUSTY, VERDICT_BUSY, FFA_BUSY);
	assert_status(a, FFA_BUSY);
	ask_sp(a, TRUSTY, 0);
	sp_fails(a, TRUSTY, VERDICT_REFUSED, FFA_DENIED);
	assert_status(a, FFA_DENIED);
	ask_sp(a, TRUSTY, 0);
	sp_fails(a, TRUSTY, VERDICT_ABORTED, FFA_ABORTED);
	assert_status(a, FFA_ABORTED);
	assert_non_null(find_output(*state, OUT_DISCOVER, 0));
	ask_sp(a, OPTEE, 0);
	sp_fails(a, OPTEE, VERDICT_BROKEN, 0);
	assert_status(a, FFA_ABORTED);
}

static void a_guest_speaks_for_itself_to_sps(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");

	call(a, REQ, to_sp(b, TRUSTY), 0);
	assert_status(a, FFA_INVALID_PARAMETERS);
	call(a, REQ, TRUSTY, 0); /* as if it were the hypervisor */
	assert_status(a, FFA_INVALID_PARAMETERS);
	say(a, (struct guest_call){ .x = { REQ, to_sp(a, TRUSTY), FFA_FRAMEWORK | FFA_VM_DESTROYED_REQ, 0, 0, b.id } });
	assert_status(a, FFA_INVALID_PARAMETERS);
	ask_sp(a, FFA_ID_SPMC, 0);
	assert_status(a, FFA_INVALID_PARAMETERS);
	call(a, REQ2, to_sp(a, TRUSTY), 0); /* it does not receive these */
	assert_status(a, FFA_DENIED);
	assert_null(sent(a, 0));
}

static void ffa_run_of_an_sp_never_leaves(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");

	call(a, FFA_RUN, FFA_TARGET(TRUSTY, 0), 0);
	assert_status(a, FFA_INVALID_PARAMETERS);
	call(a, FFA_RUN, FFA_TARGET(0x8077, 0), 0);
	assert_status(a, FFA_INVALID_PARAMETERS);
	ask_sp(b, TRUSTY, 0);
	call(a, FFA_RUN, FFA_TARGET(TRUSTY, 0), 0);
	assert_status(a, FFA_BUSY);
	assert_null(sent(a, 0));
}

/* ---- turns ---- */

static void one_call_is_with_an_sp_and_lives_take_turns(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");
	struct life *l = current(*state, "a");

	l->begun.vcpu_count = 3;
	ask_sp(a, TRUSTY, 1);
	assert_sent(a, TRUSTY, 1);
	say(a, (struct guest_call){ .vcpu = 1, .x = { REQ, to_sp(a, TRUSTY), 0, 2 } });
	say(a, (struct guest_call){ .vcpu = 2, .x = { REQ, to_sp(a, TRUSTY), 0, 3 } });
	assert_null(sent(a, TRUSTY));
	ask_sp(b, TRUSTY, 4);
	assert_null(sent(a, TRUSTY));
	sp_responds(a, TRUSTY, 1);
	assert_int_equal(answered(a)->vcpu, 0);
	assert_sent(a, TRUSTY, 2);
	sp_responds(a, TRUSTY, 2);
	assert_int_equal(answered(a)->vcpu, 1);
	assert_sent(b, TRUSTY, 4);
	sp_responds(b, TRUSTY, 4);
	assert_response(b, 4);
	assert_sent(a, TRUSTY, 3);
}

static void a_framework_message_goes_first(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");

	ask_sp(a, OPTEE, 1);
	ask_sp(b, OPTEE, 2);
	start(*state, "web");
	assert_null(sent(a, OPTEE));
	sp_responds(a, OPTEE, 1);
	assert_response(a, 1);
	assert_true(sends(*state, OPTEE, CALL_CREATED));
	answer(*state, OPTEE, VERDICT_ACK, CALL_CREATED);
	assert_sent(b, OPTEE, 2);
}

static void an_sp_that_takes_nothing_is_busy(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");

	start(*state, "web");
	answer(*state, OPTEE, VERDICT_BUSY, CALL_NONE);
	ask_sp(a, OPTEE, 1);
	assert_status(a, FFA_BUSY);
	tick_after(*state, 10 * MS);
	assert_true(sends(*state, OPTEE, CALL_CREATED));
	ask_sp(a, OPTEE, 1);
	assert_null(answered(a));
	sp_suspends(a, OPTEE, VERDICT_PREEMPTED, FFA_TARGET(OPTEE, 0)); /* of VM_CREATED */
	ask_sp(b, OPTEE, 1);
	assert_status(b, FFA_BUSY);
	answer(*state, OPTEE, VERDICT_ACK, CALL_CREATED);
	assert_sent(a, OPTEE, 1);
}

/* ---- suspended ---- */

static void what_is_suspended_is_run_to_its_end(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");

	ask_sp(a, TRUSTY, 1);
	sp_suspends(a, TRUSTY, VERDICT_PREEMPTED, FFA_TARGET(TRUSTY, 2));
	assert_runs(*state, TRUSTY, FFA_TARGET(TRUSTY, 2));
	sp_suspends(a, TRUSTY, VERDICT_YIELDED, FFA_TARGET(0x80F0, 1));
	assert_null(answered(a));
	assert_null(sent(a, TRUSTY));
	ask_sp(b, TRUSTY, 2);
	assert_null(sent(a, TRUSTY));
	tick_after(*state, 30 * MS);
	assert_runs(*state, TRUSTY, FFA_TARGET(0x80F0, 1));
	sp_responds(a, TRUSTY, 1);
	assert_response(a, 1);
	assert_sent(b, TRUSTY, 2);
}

static void what_is_suspended_stays_so_over_a_broken_link(void **state)
{
	struct guest a = guest(*state, "a");

	ask_sp(a, TRUSTY, 1);
	sp_suspends(a, TRUSTY, VERDICT_YIELDED, FFA_TARGET(TRUSTY, 0));
	link_breaks(*state);
	assert_null(answered(a));
	tick_after(*state, 1000 * MS);
	meet_secure_side(*state, 1, 1);
	assert_runs(*state, TRUSTY, FFA_TARGET(TRUSTY, 0));
	sp_responds(a, TRUSTY, 1);
	assert_response(a, 1);
}

static void what_is_suspended_goes_with_its_instance(void **state)
{
	struct guest a = guest(*state, "a");
	struct input in = { .kind = IN_SECURE_DOORBELL, .doorbell = { TRUSTY, 2 } };

	ask_sp(a, TRUSTY, 1);
	sp_suspends(a, TRUSTY, VERDICT_YIELDED, FFA_TARGET(TRUSTY, 0));
	step(*state, in);
	assert_status(a, FFA_ABORTED);
	assert_true(sends(*state, TRUSTY, CALL_CREATED));
	ask_sp(a, TRUSTY, 2); /* which does not know it yet */
	assert_status(a, FFA_BUSY);
	answer(*state, TRUSTY, VERDICT_ACK, CALL_CREATED);
	ask_sp(a, TRUSTY, 2);
	assert_sent(a, TRUSTY, 2);
}

/* ---- doubt ---- */

static void a_lost_answer_is_not_asked_for_again(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");

	ask_sp(a, TRUSTY, 1);
	ask_sp(b, TRUSTY, 2);
	link_breaks(*state);
	assert_null(answered(a));
	assert_status(b, FFA_BUSY); /* it never left */
	meet_secure_side(*state, 1, 1);
	assert_null(sent(a, 0));
	tick_after(*state, 6000 * MS);
	assert_status(a, FFA_ABORTED);
	assert_null(sent(a, 0));
}

/* Also where the link breaks again and again, with another's call each time. */
static void each_waits_for_a_lost_answer_for_its_own_time(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");

	ask_sp(a, TRUSTY, 1);
	link_breaks(*state);
	meet_secure_side(*state, 1, 1);
	tick_after(*state, 4000 * MS);
	ask_sp(b, TRUSTY, 2);
	assert_sent(b, TRUSTY, 2);
	link_breaks(*state);
	assert_null(answered(a));
	meet_secure_side(*state, 1, 1);
	tick_after(*state, 2000 * MS);
	assert_status(a, FFA_ABORTED);
	assert_null(answered(b));
	tick_after(*state, 3999 * MS);
	assert_null(answered(b));
	tick_after(*state, 1 * MS);
	assert_status(b, FFA_ABORTED);
}

static void an_sp_that_takes_another_message_has_no_open_call(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");

	ask_sp(a, TRUSTY, 1);
	link_breaks(*state);
	meet_secure_side(*state, 1, 1);
	ask_sp(b, TRUSTY, 2);
	assert_sent(b, TRUSTY, 2);
	sp_responds(b, TRUSTY, 2);
	assert_response(b, 2);
	assert_status(a, FFA_ABORTED);
}

/* Repeats until the SP was BUSY for longer than a call takes. */
static void is_busy_for_long(struct guest g)
{
	for (unsigned i = 0; i < 9; i++) {
		ask_sp(g, TRUSTY, 2);
		assert_sent(g, TRUSTY, 2);
		sp_fails(g, TRUSTY, VERDICT_BUSY, FFA_BUSY);
		assert_status(g, FFA_BUSY);
		if (i < 8)
			tick_after(g.s, 255 * MS);
	}
}

static void what_an_sp_is_busy_with_for_long_is_fetched(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");

	ask_sp(a, TRUSTY, 1);
	link_breaks(*state);
	meet_secure_side(*state, 1, 1);
	is_busy_for_long(b);
	assert_runs(*state, TRUSTY, FFA_TARGET(TRUSTY, 0));
	sp_suspends(a, TRUSTY, VERDICT_PREEMPTED, FFA_TARGET(TRUSTY, 0));
	assert_runs(*state, TRUSTY, FFA_TARGET(TRUSTY, 0));
	sp_responds(a, TRUSTY, 1);
	assert_response(a, 1);
	assert_null(answered(b));
}

static void a_late_answer_goes_to_nobody_else(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");

	ask_sp(a, TRUSTY, 1);
	link_breaks(*state);
	meet_secure_side(*state, 1, 1);
	is_busy_for_long(b);
	/* It is that of a VM that is not waited for. */
	sp_says(*state, TRUSTY, (struct secure_reply){ .verdict = VERDICT_ACK, .kind = CALL_GUEST,
		.x = { RESP, (uint32_t)TRUSTY << 16 | b.id, 0, 1 } });
	assert_null(answered(b));
	assert_status(a, FFA_ABORTED);
}

/* FFA_RUN says that the first call is not there; it was only not to be run then, and its answer comes when the second is in doubt. */
static void a_late_answer_goes_to_no_other_call_of_the_vm(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");

	ask_sp(a, TRUSTY, 1);
	sp_suspends(a, TRUSTY, VERDICT_PREEMPTED, FFA_TARGET(TRUSTY, 0));
	sp_fails(a, TRUSTY, VERDICT_BUSY, FFA_BUSY);
	assert_status(a, FFA_ABORTED);
	ask_sp(a, TRUSTY, 2);
	assert_sent(a, TRUSTY, 2);
	link_breaks(*state);
	meet_secure_side(*state, 1, 1);
	is_busy_for_long(b);
	sp_responds(a, TRUSTY, 1);
	assert_status(a, FFA_ABORTED);
}

/* ---- a new daemon ---- */

static void a_new_daemon_does_not_send_what_was_told_before(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");
	struct story *s;

	ask_sp(a, TRUSTY, 1);
	s = reborn(*state);
	a.s = b.s = s;
	meet_secure_side(s, 1, 1);
	say(a, (struct guest_call){ .flags = VMM_CALL_AGAIN, .x = { REQ, to_sp(a, TRUSTY), 0, 1 } });
	assert_null(answered(a));
	assert_null(sent(a, 0));
	is_busy_for_long(b);
	assert_runs(s, TRUSTY, FFA_TARGET(TRUSTY, 0));
	sp_responds(a, TRUSTY, 1);
	assert_response(a, 1);
	/* And where the SP waits for messages the call is over. */
	vcpu_is(a, 0, VCPU_RUNNING);
	say(a, (struct guest_call){ .flags = VMM_CALL_AGAIN, .x = { REQ, to_sp(a, TRUSTY), 0, 1 } });
	assert_status(a, FFA_ABORTED);
	assert_null(sent(a, 0));
	story_end((void **)&s);
}

/* Who had called was over before this daemon, and a daemon before it was not told by the SP. */
static void a_call_of_one_that_left_nothing_behind_is_fetched(void **state)
{
	struct story *s;

	meet_secure_side(*state, 1, 1);
	s = reborn(*state);
	meet_secure_side(s, 1, 1);
	assert_int_equal(s->m.life_count, 0);
	(void)start(s, "web");
	for (unsigned i = 0; i < 40; i++) {
		answer(s, TRUSTY, VERDICT_BUSY, CALL_NONE);
		if (find_output(s, OUT_SECURE_CALL, TRUSTY) && find_output(s, OUT_SECURE_CALL, TRUSTY)->call.run)
			break;
		tick_after(s, 255 * MS);
	}
	assert_runs(s, TRUSTY, FFA_TARGET(TRUSTY, 0));
	story_end((void **)&s);
}

static void where_two_calls_of_a_vm_are_in_doubt_nobody_can_tell(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");
	struct story *s;

	current(*state, "a")->begun.vcpu_count = 2;
	s = reborn(*state);
	a.s = b.s = s;
	meet_secure_side(s, 1, 1);
	for (uint16_t i = 0; i < 2; i++)
		say(a, (struct guest_call){ .vcpu = i, .flags = VMM_CALL_AGAIN, .x = { REQ, to_sp(a, TRUSTY) } });
	is_busy_for_long(b);
	sp_responds(a, TRUSTY, 1);
	assert_status(a, FFA_ABORTED);
	story_end((void **)&s);
}

/* ---- ends ---- */

static void a_life_is_not_gone_before_its_call_is(void **state)
{
	struct story *s = *state;
	struct guest a = guest(s, "web");

	s->m.sp[0].info.properties = FFA_PROP_DIRECT_REQ_RECEIVE; /* it hears of nothing */
	ask_sp(a, TRUSTY, 1);
	sp_suspends(a, TRUSTY, VERDICT_YIELDED, FFA_TARGET(TRUSTY, 0));
	end_as(s, a.life, CAUSE_GUEST_POWEROFF);
	answer(s, OPTEE, VERDICT_ACK, CALL_DESTROYED);
	life_says(s, IN_VMM_GONE, a.life);
	assert_int_equal(current(s, "web")->now.substate, VM_SUB_RETIRING);
	assert_int_equal(waits(s).on, WAIT_SP);
	assert_int_equal(waits(s).sp, TRUSTY);
	tick_after(s, 30 * MS);
	assert_runs(s, TRUSTY, FFA_TARGET(TRUSTY, 0));
	sp_responds(a, TRUSTY, 1);
	assert_null(answered(a));
	assert_non_null(find_output(s, OUT_RECLAIM, 0));
}

static void vm_destroyed_waits_for_the_call_that_is_out(void **state)
{
	struct story *s = *state;
	struct guest a = guest(s, "web");

	ask_sp(a, TRUSTY, 1);
	end_as(s, a.life, CAUSE_GUEST_POWEROFF);
	assert_false(sends(s, TRUSTY, CALL_DESTROYED));
	assert_true(sends(s, OPTEE, CALL_DESTROYED));
	sp_responds(a, TRUSTY, 1);
	assert_null(answered(a));
	assert_true(sends(s, TRUSTY, CALL_DESTROYED));
}

static void who_waited_for_a_turn_is_not_sent_after_its_end(void **state)
{
	struct story *s = *state;
	struct guest a = guest(s, "web"), b = guest(s, "b");

	ask_sp(b, TRUSTY, 2);
	ask_sp(a, TRUSTY, 1);
	end_as(s, a.life, CAUSE_GUEST_POWEROFF);
	sp_responds(b, TRUSTY, 2);
	assert_response(b, 2);
	assert_true(sends(s, TRUSTY, CALL_DESTROYED));
}

/* An SP that never comes to an end with it, and one that was never told of the VM, so it is owed nothing. */
static void a_call_without_end_can_be_forgotten(void **state)
{
	struct story *s = *state;
	struct guest a = guest(s, "web");

	s->m.sp[0].info.properties = FFA_PROP_DIRECT_REQ_RECEIVE;
	ask_sp(a, TRUSTY, 1);
	sp_suspends(a, TRUSTY, VERDICT_YIELDED, FFA_TARGET(TRUSTY, 0));
	end_as(s, a.life, CAUSE_GUEST_POWEROFF);
	answer(s, OPTEE, VERDICT_ACK, CALL_DESTROYED);
	life_says(s, IN_VMM_GONE, a.life);
	ask(s, REQUEST_FORGET, "web", a.life);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_ILLEGAL_TRANSITION); /* in its active phase */
	tick_after(s, 5001 * MS);
	assert_true(current(s, "web")->stuck);
	assert_int_equal(waits(s).sp, TRUSTY);
	ask(s, REQUEST_FORGET, "web", a.life);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_NOT);
	assert_non_null(find_output(s, OUT_RECLAIM, 0));
	assert_true(model_is_burned(&s->m, a.id));
	life_says(s, IN_RECLAIMED, a.life);
	assert_null(model_life(&s->m, a.life));
	assert_true(model_sp(&s->m, TRUSTY)->guest.out); /* it is run all the same */
	sp_responds(a, TRUSTY, 1);
	assert_null(answered(a));
	a = guest(s, "b");
	ask_sp(a, TRUSTY, 2);
	assert_sent(a, TRUSTY, 2);
}

/* Where it is owed the end, too, one word is enough for both. */
static void a_call_is_forgotten_with_the_debt(void **state)
{
	struct story *s = *state;
	struct guest a = guest(s, "web");

	ask_sp(a, TRUSTY, 1);
	sp_suspends(a, TRUSTY, VERDICT_YIELDED, FFA_TARGET(TRUSTY, 0));
	end_as(s, a.life, CAUSE_GUEST_POWEROFF);
	answer(s, OPTEE, VERDICT_ACK, CALL_DESTROYED);
	life_says(s, IN_VMM_GONE, a.life);
	tick_after(s, 5001 * MS);
	ask(s, REQUEST_FORGET, "web", a.life);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_NOT);
	assert_non_null(find_output(s, OUT_RECLAIM, 0));
	assert_true(model_is_burned(&s->m, a.id));
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, story_begin, story_end)
	const struct CMUnitTest tests[] = {
		STORY(a_request_goes_to_an_sp_and_back),
		STORY(what_an_sp_says_instead_goes_to_the_guest),
		STORY(a_guest_speaks_for_itself_to_sps),
		STORY(ffa_run_of_an_sp_never_leaves),
		STORY(one_call_is_with_an_sp_and_lives_take_turns),
		STORY(a_framework_message_goes_first),
		STORY(an_sp_that_takes_nothing_is_busy),
		STORY(what_is_suspended_is_run_to_its_end),
		STORY(what_is_suspended_stays_so_over_a_broken_link),
		STORY(what_is_suspended_goes_with_its_instance),
		STORY(a_lost_answer_is_not_asked_for_again),
		STORY(each_waits_for_a_lost_answer_for_its_own_time),
		STORY(an_sp_that_takes_another_message_has_no_open_call),
		STORY(what_an_sp_is_busy_with_for_long_is_fetched),
		STORY(a_late_answer_goes_to_nobody_else),
		STORY(a_late_answer_goes_to_no_other_call_of_the_vm),
		STORY(a_new_daemon_does_not_send_what_was_told_before),
		STORY(a_call_of_one_that_left_nothing_behind_is_fetched),
		STORY(where_two_calls_of_a_vm_are_in_doubt_nobody_can_tell),
		STORY(a_life_is_not_gone_before_its_call_is),
		STORY(vm_destroyed_waits_for_the_call_that_is_out),
		STORY(who_waited_for_a_turn_is_not_sent_after_its_end),
		STORY(a_call_without_end_can_be_forgotten),
		STORY(a_call_is_forgotten_with_the_debt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
