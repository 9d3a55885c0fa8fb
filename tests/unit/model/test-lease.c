/* SPDX-License-Identifier: Apache-2.0 */
/* Destroy leases, told input by input: who may hold, who is asked when, how a lease ends, and what a new daemon makes of it. */
#include "story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT 3000u /* ms */
#define PER_LIFE 16
#define PER_UID 1024
#define UNCLAIMED (5000 * MS)

static struct input lease_input(enum request_verb verb, const char *name, uint8_t token, uint64_t holder)
{
	struct input in = { .kind = IN_REQUEST, .request = { .verb = verb, .token = 1, .uid = 7 } };

	snprintf(in.request.name, sizeof(in.request.name), "%s", name);
	in.request.lease = (struct lease_request){ .holder = holder, .timeout_ms = TIMEOUT, .pid = 100 + token, .comm = "agent",
		.reason = "maps it" };
	in.request.lease.token[0] = token;
	return in;
}

static enum refusal takes(struct story *s, uint8_t token)
{
	step(s, lease_input(REQUEST_LEASE, "web", token, token));
	return s->o.answer[0].refusal;
}

static enum refusal claims(struct story *s, uint8_t token, uint64_t holder)
{
	step(s, lease_input(REQUEST_RECLAIM_LEASE, "", token, holder));
	return s->o.answer[0].refusal;
}

static enum refusal releases(struct story *s, uint8_t token, uint64_t holder)
{
	step(s, lease_input(REQUEST_RELEASE_LEASE, "", token, holder));
	return s->o.answer[0].refusal;
}

static enum vm_substate at(struct story *s)
{
	return (enum vm_substate)current(s, "web")->now.substate;
}

/* Of the last input: so many of that kind, and the last of them. */
static size_t words(const struct story *s, enum output_kind kind, const struct lease_word **ret)
{
	size_t n = 0;

	for (size_t i = 0; i < s->o.outputs; i++) {
		if (s->o.output[i].kind != kind)
			continue;
		*ret = &s->o.output[i].lease;
		n++;
	}
	return n;
}

static void is_over(const struct story *s, enum lease_state how)
{
	const struct lease_word *word = NULL;

	assert_int_equal(words(s, OUT_LEASE_OVER, &word), 1);
	assert_int_equal(word->lease.state, how);
}

static uint64_t running(struct story *s)
{
	meet_secure_side(s, 1, 1);
	return run(s, "web");
}

/* Up to where its holders are asked. */
static uint64_t held(struct story *s, uint8_t holders)
{
	uint64_t life = running(s);

	for (uint8_t i = 1; i <= holders; i++)
		assert_int_equal(takes(s, i), REFUSED_NOT);
	ask(s, REQUEST_ABORT, "web", 0);
	assert_int_equal(at(s), VM_SUB_QUIESCING);
	life_says(s, IN_VMM_QUIESCED, life);
	assert_int_equal(at(s), VM_SUB_LEASES);
	return life;
}

static void all_are_asked_once_no_vcpu_can_run_and_no_sp_hears_before_the_last_let_go(void **state)
{
	struct story *s = *state;
	const struct lease_word *word = NULL;
	uint64_t life = held(s, 3);

	assert_int_equal(words(s, OUT_LEASE_ASK, &word), 3);
	assert_int_equal(word->lease.deadline, s->now + TIMEOUT * MS);
	assert_int_equal(word->cause, CAUSE_USER_ABORT);
	assert_null(find_output(s, OUT_SECURE_CALL, 0));
	assert_int_equal(releases(s, 2, 2), REFUSED_NOT);
	is_over(s, LEASE_RELEASED);
	assert_int_equal(releases(s, 2, 2), REFUSED_NO_SUCH_LEASE);
	assert_int_equal(releases(s, 1, 1), REFUSED_NOT);
	assert_int_equal(at(s), VM_SUB_LEASES);
	assert_null(find_output(s, OUT_SECURE_CALL, 0));
	assert_int_equal(releases(s, 3, 3), REFUSED_NOT);
	assert_int_equal(at(s), VM_SUB_RETIRING);
	assert_true(sends(s, TRUSTY, CALL_DESTROYED));
	assert_true(sends(s, OPTEE, CALL_DESTROYED));
	settle(s, life);
	assert_null(current(s, "web"));
}

static void who_does_not_let_go_is_revoked_at_his_own_time(void **state)
{
	struct story *s = *state;
	struct input in = lease_input(REQUEST_LEASE, "web", 2, 2);
	uint64_t life = running(s);

	in.request.lease.timeout_ms = 0; /* the default, 5 s */
	step(s, in);
	assert_int_equal(takes(s, 1), REFUSED_NOT);
	ask(s, REQUEST_ABORT, "web", 0);
	life_says(s, IN_VMM_QUIESCED, life);
	tick_after(s, TIMEOUT * MS - 1);
	assert_int_equal(s->o.changes, 0);
	tick_after(s, 1);
	is_over(s, LEASE_REVOKED);
	assert_int_equal(s->o.output[0].lease.lease.token[0], 1);
	assert_int_equal(at(s), VM_SUB_LEASES);
	tick_after(s, 2000 * MS - 1);
	assert_int_equal(at(s), VM_SUB_LEASES);
	tick_after(s, 1);
	is_over(s, LEASE_REVOKED);
	assert_int_equal(at(s), VM_SUB_RETIRING);
}

static void it_says_who_holds_the_longest_and_until_when(void **state)
{
	struct story *s = *state;
	struct input in = lease_input(REQUEST_LEASE, "web", 9, 9);
	uint64_t life = running(s);

	in.request.lease.timeout_ms = 2 * TIMEOUT;
	step(s, in);
	assert_int_equal(takes(s, 1), REFUSED_NOT);
	assert_int_equal(waits(s).on, WAIT_NOTHING);
	ask(s, REQUEST_ABORT, "web", 0);
	assert_int_equal(waits(s).on, WAIT_VMM);
	life_says(s, IN_VMM_QUIESCED, life);
	assert_int_equal(waits(s).on, WAIT_LEASE);
	assert_string_equal(waits(s).name, "agent[109]");
	assert_int_equal(waits(s).until, s->now + 2 * TIMEOUT * MS);
	assert_int_equal(releases(s, 9, 9), REFUSED_NOT);
	assert_string_equal(waits(s).name, "agent[101]");
	assert_int_equal(releases(s, 1, 1), REFUSED_NOT);
	assert_int_equal(waits(s).on, WAIT_SP);
}

/* Said once more: a lease is for a life that is created or running, and no other. */
static void it_is_for_what_is_created_or_running(void **state)
{
	struct story *s = *state;
	uint64_t life;

	ask(s, REQUEST_DEFINE, "web", 0);
	assert_int_equal(takes(s, 1), REFUSED_ILLEGAL_TRANSITION);
	assert_int_equal(model_vm_named(&s->m, "web")->refused, 1);
	assert_int_equal(s->o.changes, 0);
	meet_secure_side(s, 1, 1);
	life = start(s, "web");
	assert_int_equal(current(s, "web")->now.state, VM_CREATED);
	assert_int_equal(takes(s, 2), REFUSED_NOT);
	answer(s, TRUSTY, VERDICT_ACK, CALL_CREATED);
	answer(s, OPTEE, VERDICT_ACK, CALL_CREATED);
	life_says(s, IN_VMM_ENTERED, life);
	assert_int_equal(takes(s, 3), REFUSED_NOT);
	ask(s, REQUEST_PAUSE, "web", 0);
	assert_int_equal(takes(s, 4), REFUSED_NOT);
	ask(s, REQUEST_ABORT, "web", 0);
	assert_int_equal(takes(s, 5), REFUSED_ILLEGAL_TRANSITION);
	assert_non_null(strstr(s->o.answer[0].text, "created or running"));
	life_says(s, IN_VMM_QUIESCED, life);
	assert_int_equal(takes(s, 5), REFUSED_ILLEGAL_TRANSITION);
}

static void a_life_that_ends_before_anybody_could_enter_is_held_at_once(void **state)
{
	struct story *s = *state;
	const struct lease_word *word = NULL;

	meet_secure_side(s, 1, 1);
	start(s, "web");
	assert_int_equal(takes(s, 1), REFUSED_NOT);
	ask(s, REQUEST_ABORT, "web", 0);
	assert_int_equal(at(s), VM_SUB_LEASES);
	assert_int_equal(words(s, OUT_LEASE_ASK, &word), 1);
	assert_int_equal(releases(s, 1, 1), REFUSED_NOT);
	assert_int_equal(at(s), VM_SUB_RETIRING);
}

static void a_vmm_that_dies_while_it_is_held_changes_nothing_of_that(void **state)
{
	struct story *s = *state;
	uint64_t life = held(s, 1);

	step(s, (struct input){ .kind = IN_VMM_GONE, .life = life });
	assert_int_equal(at(s), VM_SUB_LEASES);
	assert_null(find_output(s, OUT_SECURE_CALL, 0));
	assert_int_equal(releases(s, 1, 1), REFUSED_NOT);
	assert_int_equal(at(s), VM_SUB_RETIRING);
}

static void a_restart_ends_them_and_the_next_life_has_none(void **state)
{
	struct story *s = *state;
	uint64_t life = running(s);

	assert_int_equal(takes(s, 1), REFUSED_NOT);
	ask(s, REQUEST_RESTART, "web", 0);
	life_says(s, IN_VMM_QUIESCED, life);
	assert_int_equal(at(s), VM_SUB_LEASES);
	assert_int_equal(releases(s, 1, 1), REFUSED_NOT);
	settle(s, life);
	assert_true(current(s, "web")->number > life);
	assert_true(list_is_empty(&current(s, "web")->leases));
	assert_int_equal(s->m.lease_count, 0);
}

static void a_hang_up_lets_go_unasked_too(void **state)
{
	struct story *s = *state;
	struct input in = lease_input(REQUEST_RELEASE_LEASE, "", 1, 1);
	uint64_t life = running(s);

	assert_int_equal(takes(s, 1), REFUSED_NOT);
	in.request.lease.hung_up = true;
	in.request.token = 0;
	step(s, in);
	is_over(s, LEASE_HUNG_UP);
	assert_int_equal(s->o.answers, 0);
	ask(s, REQUEST_ABORT, "web", 0);
	life_says(s, IN_VMM_QUIESCED, life);
	assert_int_equal(at(s), VM_SUB_RETIRING);
}

static void who_shows_the_token_has_it_and_the_old_end_does_not(void **state)
{
	struct story *s = *state;

	running(s);
	assert_int_equal(takes(s, 1), REFUSED_NOT);
	assert_int_equal(claims(s, 1, 55), REFUSED_NOT);
	assert_int_equal(s->o.answer[0].life, current(s, "web")->number);
	assert_int_equal(releases(s, 1, 1), REFUSED_NO_SUCH_LEASE);
	assert_int_equal(s->m.lease_count, 1);
	assert_int_equal(releases(s, 1, 0), REFUSED_NOT); /* by token alone, over the bus */
	assert_int_equal(claims(s, 1, 56), REFUSED_NO_SUCH_LEASE);
}

static void another_user_can_neither_claim_nor_release_it(void **state)
{
	struct story *s = *state;
	struct input in = lease_input(REQUEST_RECLAIM_LEASE, "", 1, 5);

	running(s);
	assert_int_equal(takes(s, 1), REFUSED_NOT);
	for (unsigned i = 0; i < 2; i++) {
		in.request.uid = 8;
		step(s, in);
		assert_int_equal(s->o.answer[0].refusal, REFUSED_ACCESS);
		assert_int_equal(s->o.changes, 0);
		in.request.verb = REQUEST_RELEASE_LEASE;
	}
	in.request.lease.holder = 0;
	in.request.uid = 0;
	step(s, in);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_NOT);
}

static void too_long_or_too_many_is_refused_and_said(void **state)
{
	struct story *s = *state;
	struct input in = lease_input(REQUEST_LEASE, "web", 100, 100);

	running(s);
	in.request.lease.timeout_ms = 60001;
	step(s, in);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_INVALID_ARGUMENT);
	assert_non_null(strstr(s->o.answer[0].text, "60000"));
	for (uint8_t i = 1; i <= PER_LIFE; i++)
		assert_int_equal(takes(s, i), REFUSED_NOT);
	assert_int_equal(takes(s, PER_LIFE + 1), REFUSED_LIMIT);
	assert_int_equal(s->o.changes, 0);
	assert_int_equal(releases(s, 1, 1), REFUSED_NOT);
	assert_int_equal(takes(s, PER_LIFE + 1), REFUSED_NOT);
	in.request.life = current(s, "web")->number + 1;
	in.request.lease.timeout_ms = 1;
	step(s, in);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_WRONG_LIFE);
}

static void a_user_has_so_many_in_all(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	for (unsigned i = 0; i < PER_UID / PER_LIFE + 1; i++) {
		char name[16];

		snprintf(name, sizeof(name), "vm%u", i);
		ask(s, REQUEST_DEFINE, name, 0);
		ask(s, REQUEST_START, name, 0);
		for (unsigned k = 0; k < PER_LIFE; k++) {
			struct input in = lease_input(REQUEST_LEASE, name, (uint8_t)k, 1);

			in.request.lease.token[1] = (uint8_t)i;
			in.request.uid = i == PER_UID / PER_LIFE && k % 2 ? 8 : 7; /* another has room still */
			step(s, in);
			assert_int_equal(s->o.answer[0].refusal,
				i == PER_UID / PER_LIFE && k % 2 == 0 ? REFUSED_LIMIT : REFUSED_NOT);
		}
	}
}

static void a_new_daemon_keeps_it_until_it_is_claimed(void **state)
{
	struct story *s = *state;
	const struct lease_word *word = NULL;
	uint64_t life = running(s);
	struct story *again;

	assert_int_equal(takes(s, 1), REFUSED_NOT);
	again = reborn(s);
	assert_int_equal(claims(again, 1, 70), REFUSED_NOT);
	tick_after(again, 100 * UNCLAIMED);
	assert_int_equal(again->m.lease_count, 1);
	ask(again, REQUEST_ABORT, "web", 0);
	life_says(again, IN_VMM_QUIESCED, life);
	assert_int_equal(words(again, OUT_LEASE_ASK, &word), 1);
	story_end((void **)&again);
}

static void a_new_daemon_waits_for_a_claim_and_not_for_ever(void **state)
{
	struct story *s = *state;
	struct story *again;
	uint64_t life = running(s);

	assert_int_equal(takes(s, 1), REFUSED_NOT);
	again = reborn(s);
	tick_after(again, UNCLAIMED - 1);
	assert_int_equal(again->m.lease_count, 1);
	tick_after(again, 1);
	is_over(again, LEASE_UNCLAIMED);
	assert_int_equal(claims(again, 1, 70), REFUSED_NO_SUCH_LEASE);
	ask(again, REQUEST_ABORT, "web", 0);
	life_says(again, IN_VMM_QUIESCED, life);
	assert_int_equal(at(again), VM_SUB_RETIRING);
	story_end((void **)&again);
}

static void what_was_asked_keeps_its_deadline_and_is_asked_again_when_claimed(void **state)
{
	struct story *s = *state;
	const struct lease_word *word = NULL;
	uint64_t deadline;
	struct story *again;

	held(s, 1);
	deadline = s->now + TIMEOUT * MS;
	again = reborn(s); /* a second later */
	assert_int_equal(at(again), VM_SUB_LEASES);
	assert_int_equal(waits(again).on, WAIT_LEASE);
	assert_int_equal(waits(again).until, deadline);
	assert_null(find_output(again, OUT_VMM_COMMAND, 0));
	assert_int_equal(claims(again, 1, 70), REFUSED_NOT);
	assert_int_equal(words(again, OUT_LEASE_ASK, &word), 1);
	assert_int_equal(word->lease.deadline, deadline);
	tick_after(again, deadline - again->now - 1);
	assert_int_equal(at(again), VM_SUB_LEASES);
	tick_after(again, 1);
	is_over(again, LEASE_REVOKED);
	assert_int_equal(at(again), VM_SUB_RETIRING);
	story_end((void **)&again);
	again = reborn(s); /* nobody was there when its time was over */
	tick_after(again, 100 * TIMEOUT * MS);
	is_over(again, LEASE_REVOKED);
	story_end((void **)&again);
}

static void nobody_holds_anything_after_the_host_was_started_again(void **state)
{
	struct story *s = *state, *again;

	held(s, 2);
	again = next_daemon(s, s->now + 1000 * MS, true);
	assert_int_equal(again->m.lease_count, 2);
	story_end((void **)&again);
	again = next_daemon(s, s->now + 1000 * MS, false);
	assert_int_equal(again->m.lease_count, 0);
	assert_int_equal(at(again), VM_SUB_RETIRING);
	story_end((void **)&again);
}

/* Read from a log that lies: nothing of it is taken. */
static void what_does_not_fit_is_no_change(void **state)
{
	struct story *s = *state;
	struct change c = { .kind = CHANGE_LEASE, .lease = { .number = 5, .token = { 3 } } };

	c.life = running(s);
	assert_int_equal(takes(s, 3), REFUSED_NOT);
	assert_int_equal(model_reserve(&s->m), 0);
	assert_int_equal(model_apply(&s->m, &c), -EBADMSG); /* that token is another's */
	c.lease.token[0] = 4;
	c.lease.state = LEASE_REVOKED;
	assert_int_equal(model_apply(&s->m, &c), -EBADMSG); /* it was never taken */
	c.life++;
	c.lease.state = LEASE_HELD;
	assert_int_equal(model_apply(&s->m, &c), -EBADMSG); /* no such life */
	assert_int_equal(s->m.lease_count, 1);
}

#define TOLD(f) cmocka_unit_test_setup_teardown(f, story_begin, story_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TOLD(all_are_asked_once_no_vcpu_can_run_and_no_sp_hears_before_the_last_let_go),
		TOLD(who_does_not_let_go_is_revoked_at_his_own_time),
		TOLD(it_says_who_holds_the_longest_and_until_when),
		TOLD(it_is_for_what_is_created_or_running),
		TOLD(a_life_that_ends_before_anybody_could_enter_is_held_at_once),
		TOLD(a_vmm_that_dies_while_it_is_held_changes_nothing_of_that),
		TOLD(a_restart_ends_them_and_the_next_life_has_none),
		TOLD(a_hang_up_lets_go_unasked_too),
		TOLD(who_shows_the_token_has_it_and_the_old_end_does_not),
		TOLD(another_user_can_neither_claim_nor_release_it),
		TOLD(too_long_or_too_many_is_refused_and_said),
		TOLD(a_user_has_so_many_in_all),
		TOLD(a_new_daemon_keeps_it_until_it_is_claimed),
		TOLD(a_new_daemon_waits_for_a_claim_and_not_for_ever),
		TOLD(what_was_asked_keeps_its_deadline_and_is_asked_again_when_claimed),
		TOLD(nobody_holds_anything_after_the_host_was_started_again),
		TOLD(what_does_not_fit_is_no_change),
	};

	return cmocka_run_group_tests_name("model lease", tests, NULL, NULL);
}
