/* SPDX-License-Identifier: Apache-2.0 */
/* A life that is kept for a post-mortem, told input by input: who keeps it, who gives it up, and what is told meanwhile. */
#include "story.h"

#include <stdlib.h>
#include <string.h>

static struct vm_definition *web(struct story *s)
{
	return model_vm_named(&s->m, "web")->definition;
}

static void asks(struct story *s, enum request_verb verb, bool preserve, enum refusal refusal)
{
	struct input in = { .kind = IN_REQUEST, .request = { .verb = verb, .name = "web", .token = 1, .preserve = preserve } };

	step(s, in);
	assert_int_equal(s->o.answer[0].refusal, refusal);
}

static enum vm_substate at(struct story *s)
{
	return (enum vm_substate)current(s, "web")->now.substate;
}

static void nobody_hears(const struct story *s)
{
	assert_null(find_output(s, OUT_SECURE_CALL, 0));
	assert_null(find_output(s, OUT_RECLAIM, 0));
	for (size_t i = 0; i < s->o.outputs; i++)
		assert_true(s->o.output[i].kind != OUT_VMM_COMMAND || s->o.output[i].command != COMMAND_EXIT);
}

static uint64_t running(struct story *s)
{
	meet_secure_side(s, 1, 1);
	return run(s, "web");
}

static uint64_t preserved(struct story *s)
{
	uint64_t life = running(s);

	asks(s, REQUEST_ABORT, true, REFUSED_NOT);
	assert_int_equal(at(s), VM_SUB_QUIESCING);
	assert_int_equal(operation(s)->operation, OP_ABORT);
	life_says(s, IN_VMM_QUIESCED, life);
	assert_int_equal(at(s), VM_SUB_PRESERVED);
	nobody_hears(s);
	return life;
}

static void it_is_kept_once_no_vcpu_runs_and_waits_for_the_operator(void **state)
{
	struct story *s = *state;

	preserved(s);
	assert_int_equal(operation(s)->operation, OP_NONE);
	assert_int_equal(waits(s).on, WAIT_OPERATOR);
	assert_int_equal(waits(s).since, s->now);
	assert_int_equal(waits(s).until, 0);
	assert_int_equal(model_vm_named(&s->m, "web")->end.cause, CAUSE_USER_ABORT);
	for (unsigned i = 0; i < 100; i++) {
		tick_after(s, 3600 * 1000 * MS);
		nobody_hears(s);
	}
	assert_int_equal(at(s), VM_SUB_PRESERVED);
}

/* Whether it is refused, and what is under way then. */
static const struct {
	enum request_verb verb;
	bool preserve;
	enum refusal refusal;
	enum operation then;
	bool gives_up;
} verbs[] = {
	{ REQUEST_START, false, REFUSED_ILLEGAL_TRANSITION, OP_NONE, false },
	{ REQUEST_STOP, false, REFUSED_ILLEGAL_TRANSITION, OP_NONE, false },
	{ REQUEST_PAUSE, false, REFUSED_ILLEGAL_TRANSITION, OP_NONE, false },
	{ REQUEST_RESUME, false, REFUSED_ILLEGAL_TRANSITION, OP_NONE, false },
	{ REQUEST_ABORT, true, REFUSED_NOT, OP_NONE, false },
	{ REQUEST_ABORT, false, REFUSED_NOT, OP_ABORT, true },
	{ REQUEST_RESTART, false, REFUSED_NOT, OP_RESTART, true },
	{ REQUEST_DESTROY, false, REFUSED_NOT, OP_DESTROY, true },
};

static void each_verb_keeps_it_or_gives_it_up(void **state)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
		struct story *s;
		void *fresh;
		uint64_t life;

		assert_int_equal(story_begin(&fresh), 0);
		s = fresh;
		life = preserved(s);
		asks(s, verbs[i].verb, verbs[i].preserve, verbs[i].refusal);
		assert_int_equal(operation(s)->operation, verbs[i].then);
		assert_int_equal(at(s), verbs[i].gives_up ? VM_SUB_RETIRING : VM_SUB_PRESERVED);
		if (verbs[i].refusal != REFUSED_NOT && verbs[i].verb <= REQUEST_STOP)
			assert_non_null(strstr(s->o.answer[0].text, "abort"));
		if (verbs[i].gives_up) {
			assert_true(sends(s, TRUSTY, CALL_DESTROYED));
			settle(s, life);
			if (verbs[i].then == OP_RESTART)
				assert_true(current(s, "web")->number > life);
			else if (verbs[i].then == OP_ABORT)
				assert_null(current(s, "web"));
			else
				assert_null(model_vm_named(&s->m, "web"));
		} else {
			nobody_hears(s);
		}
		story_end(&fresh);
	}
}

static void a_policy_keeps_it_and_what_was_asked_for_comes_first(void **state)
{
	struct story *s = *state;
	uint64_t life = running(s);

	web(s)->policies.on_panic = ON_END_PRESERVE;
	end_as(s, life, CAUSE_GUEST_PANIC);
	assert_int_equal(at(s), VM_SUB_PRESERVED);
	assert_int_equal(operation(s)->operation, OP_NONE);
	nobody_hears(s);
	asks(s, REQUEST_ABORT, false, REFUSED_NOT);
	settle(s, life);
	life = run(s, "web");
	web(s)->policies.on_panic = ON_END_PRESERVE;
	asks(s, REQUEST_STOP, false, REFUSED_NOT);
	end_as(s, life, CAUSE_GUEST_PANIC);
	assert_int_equal(at(s), VM_SUB_RETIRING);
}

static void a_guest_that_never_entered_is_kept_at_once(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	start(s, "web");
	asks(s, REQUEST_ABORT, true, REFUSED_NOT);
	assert_int_equal(at(s), VM_SUB_PRESERVED);
	/* What an SP took is driven to its end all the same, and then nothing is sent. */
	answer(s, TRUSTY, VERDICT_ACK, CALL_CREATED);
	answer(s, OPTEE, VERDICT_ACK, CALL_CREATED);
	nobody_hears(s);
	asks(s, REQUEST_ABORT, false, REFUSED_NOT);
	assert_true(sends(s, TRUSTY, CALL_DESTROYED));
}

static void the_death_of_its_vmm_changes_nothing(void **state)
{
	struct story *s = *state;
	uint64_t life = preserved(s);

	life_says(s, IN_VMM_GONE, life);
	assert_int_equal(at(s), VM_SUB_PRESERVED);
	nobody_hears(s);
	asks(s, REQUEST_ABORT, false, REFUSED_NOT);
	answer(s, TRUSTY, VERDICT_ACK, CALL_DESTROYED);
	answer(s, OPTEE, VERDICT_ACK, CALL_DESTROYED);
	life_says(s, IN_RECLAIMED, life);
	assert_null(current(s, "web"));
}

static void it_ends_with_its_deadline_in_a_new_daemon_too(void **state)
{
	struct story *s = *state, *again;
	uint64_t life = running(s);

	web(s)->limits.preserve_timeout_ms = 10000;
	asks(s, REQUEST_ABORT, true, REFUSED_NOT);
	life_says(s, IN_VMM_QUIESCED, life);
	assert_int_equal(waits(s).until, s->now + 10000 * MS);
	again = reborn(s); /* a second later */
	assert_int_equal(at(again), VM_SUB_PRESERVED);
	nobody_hears(again);
	step(again, (struct input){ .kind = IN_VMM_BACK, .life = life, .back.phase = VMM_PHASE_QUIESCED });
	nobody_hears(again);
	tick_after(again, 8999 * MS);
	assert_int_equal(at(again), VM_SUB_PRESERVED);
	tick_after(again, 1 * MS);
	assert_int_equal(at(again), VM_SUB_RETIRING);
	model_clear(&again->m);
	step_out_free(&again->o);
	free(again);
}

static void a_host_that_boots_has_nothing_left_to_keep(void **state)
{
	struct story *s = *state, *again;

	preserved(s);
	again = next_daemon(s, 1000 * MS, false);
	assert_int_equal(at(again), VM_SUB_RETIRING);
	story_end((void **)&again);
}

/* Until the vCPUs are out it is a word, that the next one takes back. */
static void it_can_be_said_and_taken_back_while_it_quiesces(void **state)
{
	struct story *s = *state;
	uint64_t life = running(s), since;

	asks(s, REQUEST_ABORT, false, REFUSED_NOT);
	since = current(s, "web")->now.since;
	s->now += 10 * MS;
	asks(s, REQUEST_ABORT, true, REFUSED_NOT);
	assert_int_equal(current(s, "web")->now.since, since); /* the ladder goes by it */
	asks(s, REQUEST_ABORT, false, REFUSED_NOT);
	asks(s, REQUEST_ABORT, true, REFUSED_NOT);
	asks(s, REQUEST_ABORT, true, REFUSED_NOT);
	asks(s, REQUEST_DESTROY, false, REFUSED_NOT);
	asks(s, REQUEST_ABORT, true, REFUSED_ILLEGAL_TRANSITION);
	life_says(s, IN_VMM_QUIESCED, life);
	assert_int_equal(at(s), VM_SUB_RETIRING);
	asks(s, REQUEST_ABORT, true, REFUSED_ILLEGAL_TRANSITION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_is_kept_once_no_vcpu_runs_and_waits_for_the_operator, story_begin, story_end),
		cmocka_unit_test(each_verb_keeps_it_or_gives_it_up),
		cmocka_unit_test_setup_teardown(a_policy_keeps_it_and_what_was_asked_for_comes_first, story_begin, story_end),
		cmocka_unit_test_setup_teardown(a_guest_that_never_entered_is_kept_at_once, story_begin, story_end),
		cmocka_unit_test_setup_teardown(the_death_of_its_vmm_changes_nothing, story_begin, story_end),
		cmocka_unit_test_setup_teardown(it_ends_with_its_deadline_in_a_new_daemon_too, story_begin, story_end),
		cmocka_unit_test_setup_teardown(a_host_that_boots_has_nothing_left_to_keep, story_begin, story_end),
		cmocka_unit_test_setup_teardown(it_can_be_said_and_taken_back_while_it_quiesces, story_begin, story_end),
	};

	return cmocka_run_group_tests_name("model preserve", tests, NULL, NULL);
}
