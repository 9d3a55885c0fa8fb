/* SPDX-License-Identifier: Apache-2.0 */
/* A stop, told input by input: who is asked, who may wait how long for what, and what is known afterwards. */
#include "story.h"

#include <stdlib.h>
#include <string.h>

#define PATIENCE (60000 * MS)

static bool commands(const struct story *s, enum vmm_command command)
{
	const struct output *o = find_output(s, OUT_VMM_COMMAND, 0);

	return o && o->command == command;
}

/* A guest that runs and was asked to stop. */
static uint64_t stopping(struct story *s)
{
	uint64_t life;

	meet_secure_side(s, 1, 1);
	life = run(s, "web");
	ask(s, REQUEST_STOP, "web", 0);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_NOT);
	return life;
}

static void presses_the_key_and_waits_for_the_guest(void **state)
{
	struct story *s = *state;
	uint64_t life = stopping(s);

	assert_true(commands(s, COMMAND_STOP));
	assert_int_equal(current(s, "web")->now.state, VM_RUNNING);
	assert_int_equal(operation(s)->operation, OP_STOP);
	assert_int_equal(waits(s).on, WAIT_GUEST);
	assert_int_equal(waits(s).since, s->now);
	assert_int_equal(waits(s).until, s->now + PATIENCE);
	end_as(s, life, CAUSE_USER_STOP);
	assert_int_equal(current(s, "web")->now.cause, CAUSE_USER_STOP);
	settle(s, life);
	assert_null(current(s, "web"));
	assert_int_equal(operation(s)->operation, OP_NONE);
	assert_int_equal(operation(s)->outcome, OUTCOME_NONE);
	tick_after(s, PATIENCE);
	assert_int_equal(s->o.changes, 0);
}

static void ends_a_guest_that_does_not_obey_in_time(void **state)
{
	struct story *s = *state;

	stopping(s);
	tick_after(s, PATIENCE - 1);
	assert_int_equal(current(s, "web")->now.state, VM_RUNNING);
	tick_after(s, 1);
	assert_int_equal(current(s, "web")->now.state, VM_ABORTING);
	assert_int_equal(current(s, "web")->now.cause, CAUSE_USER_STOP);
	assert_non_null(strstr(current(s, "web")->now.text, "limits.stop-timeout"));
	assert_true(commands(s, COMMAND_QUIESCE));
	assert_int_equal(operation(s)->operation, OP_STOP);
}

static void a_deaf_guest_goes_on_and_it_is_known(void **state)
{
	struct story *s = *state;
	uint64_t life = stopping(s);

	life_says(s, IN_VMM_DEAF, life);
	assert_int_equal(current(s, "web")->now.state, VM_RUNNING);
	assert_int_equal(operation(s)->operation, OP_NONE);
	assert_int_equal(operation(s)->outcome, OUTCOME_UNHEARD);
	assert_int_equal(s->o.events, 1);
	assert_int_equal(s->o.event[0].operation, OP_NONE);
	assert_int_equal(s->o.event[0].outcome, OUTCOME_UNHEARD);
	assert_int_equal(waits(s).on, WAIT_NOTHING);
	tick_after(s, PATIENCE);
	assert_int_equal(current(s, "web")->now.state, VM_RUNNING);
	ask(s, REQUEST_STOP, "web", 0); /* it may have learnt to hear */
	assert_true(commands(s, COMMAND_STOP));
	assert_int_equal(operation(s)->outcome, OUTCOME_NONE);
}

static void a_vmm_that_was_told_to_stop_makes_it_a_stop(void **state)
{
	struct story *s = *state;
	uint64_t life;

	meet_secure_side(s, 1, 1);
	life = run(s, "web");
	life_says(s, IN_VMM_STOPPING, life);
	assert_int_equal(s->o.answers, 0);
	assert_null(find_output(s, OUT_VMM_COMMAND, 0)); /* it has pressed the key already */
	assert_int_equal(operation(s)->operation, OP_STOP);
	tick_after(s, PATIENCE);
	assert_int_equal(current(s, "web")->now.cause, CAUSE_USER_STOP);
}

static void asked_twice_it_is_one_stop(void **state)
{
	struct story *s = *state;
	uint64_t life = stopping(s), deadline = operation(s)->deadline;

	s->now += 1000 * MS;
	ask(s, REQUEST_STOP, "web", 0);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_NOT);
	assert_int_equal(s->o.answer[0].seq, 0);
	life_says(s, IN_VMM_STOPPING, life);
	assert_int_equal(s->o.changes, 0);
	assert_int_equal(operation(s)->deadline, deadline);
}

static void a_guest_that_does_not_run_yet_ends_at_once(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	start(s, "web");
	ask(s, REQUEST_STOP, "web", 0);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_NOT);
	assert_int_equal(current(s, "web")->now.state, VM_ABORTING);
	assert_int_equal(current(s, "web")->now.cause, CAUSE_USER_STOP);
}

static void needs_a_life_or_the_wait_for_one(void **state)
{
	struct story *s = *state;

	ask(s, REQUEST_DEFINE, "web", 0);
	ask(s, REQUEST_STOP, "web", 0);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_ILLEGAL_TRANSITION);
	assert_int_equal(s->o.changes, 0);
	model_vm_named(&s->m, "web")->definition->after_count = 1;
	strcpy(model_vm_named(&s->m, "web")->definition->after[0], "first");
	ask(s, REQUEST_START, "web", 0);
	assert_int_equal(operation(s)->operation, OP_START);
	ask(s, REQUEST_STOP, "web", 0);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_NOT);
	assert_int_equal(operation(s)->operation, OP_NONE);
}

static void is_stronger_than_restart_and_weaker_than_abort(void **state)
{
	struct story *s = *state;
	uint64_t life = stopping(s);

	ask(s, REQUEST_RESTART, "web", 0);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_ILLEGAL_TRANSITION);
	ask(s, REQUEST_START, "web", 0);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_ILLEGAL_TRANSITION);
	assert_int_equal(operation(s)->operation, OP_STOP);
	ask(s, REQUEST_ABORT, "web", 0);
	assert_int_equal(operation(s)->operation, OP_ABORT);
	assert_int_equal(current(s, "web")->now.cause, CAUSE_USER_ABORT);
	life_says(s, IN_VMM_DEAF, life); /* it crossed */
	assert_int_equal(operation(s)->operation, OP_ABORT);
}

static void keeps_a_life_that_ends_from_being_followed_by_another(void **state)
{
	struct story *s = *state;
	uint64_t life;

	meet_secure_side(s, 1, 1);
	life = run(s, "web");
	ask(s, REQUEST_RESTART, "web", 0);
	ask(s, REQUEST_STOP, "web", 0);
	assert_int_equal(operation(s)->operation, OP_STOP);
	life_says(s, IN_VMM_QUIESCED, life);
	settle(s, life);
	assert_null(current(s, "web"));
	assert_int_equal(operation(s)->operation, OP_NONE);
}

/* Whatever it dies of: it was to stop, so no policy starts it again; nor where SIGTERM ended it unasked. */
static void no_policy_starts_it_again(void **state)
{
	static const enum vm_cause causes[] = { CAUSE_USER_STOP, CAUSE_GUEST_POWEROFF, CAUSE_GUEST_REBOOT, CAUSE_VMM_SIGNAL };
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	for (size_t i = 0; i < 2 * sizeof(causes) / sizeof(*causes); i++) {
		bool asked = i % 2;
		uint64_t life = run(s, "web");
		struct vm_policies *p = &model_vm_named(&s->m, "web")->definition->policies;

		p->on_poweroff = p->on_reboot = p->on_crash = ON_END_RESTART;
		if (asked)
			ask(s, REQUEST_STOP, "web", 0);
		end_as(s, life, causes[i / 2]);
		assert_int_equal(operation(s)->operation,
			asked ? OP_STOP : causes[i / 2] == CAUSE_USER_STOP ? OP_NONE : OP_RESTART);
		ask(s, REQUEST_ABORT, "web", 0);
		settle(s, life);
		assert_null(current(s, "web"));
	}
}

static void is_back(struct story *s, uint64_t life, uint32_t flags)
{
	step(s, (struct input){ .kind = IN_VMM_BACK, .life = life,
		.back = { .speaks.features = VMM_LINK_FEATURES, .phase = VMM_PHASE_ENTERED, .vcpu_count = 1, .vcpu = { VCPU_RUNNING }, .flags = flags } });
}

static void a_new_daemon_goes_on_with_it(void **state)
{
	struct story *s = *state;
	uint64_t life = stopping(s), deadline = operation(s)->deadline;
	struct story *again = reborn(s);

	assert_int_equal(operation(again)->operation, OP_STOP);
	assert_int_equal(waits(again).on, WAIT_VMM); /* nobody can say yet whether the guest was asked */
	assert_int_equal(waits(again).until, deadline);
	is_back(again, life, 0);
	assert_true(commands(again, COMMAND_STOP));
	assert_int_equal(waits(again).on, WAIT_GUEST);
	is_back(again, life, VMM_BACK_STOPPING);
	assert_null(find_output(again, OUT_VMM_COMMAND, 0));
	tick_after(again, deadline - again->now);
	assert_int_equal(current(again, "web")->now.cause, CAUSE_USER_STOP);
	story_end((void **)&again);
}

static void a_new_daemon_learns_what_happened_meanwhile(void **state)
{
	struct story *s = *state;
	struct story *again;
	uint64_t life;

	meet_secure_side(s, 1, 1);
	life = run(s, "web");
	again = reborn(s);
	is_back(again, life, VMM_BACK_STOPPING);
	assert_int_equal(operation(again)->operation, OP_STOP);
	assert_int_equal(operation(again)->deadline, again->now + PATIENCE);
	story_end((void **)&again);
}

static void that_nobody_heard_is_stored(void **state)
{
	struct story *s = *state;
	struct story *again;

	life_says(s, IN_VMM_DEAF, stopping(s));
	again = reborn(s);
	assert_int_equal(operation(again)->operation, OP_NONE);
	assert_int_equal(operation(again)->outcome, OUTCOME_UNHEARD);
	story_end((void **)&again);
}

#define TOLD(f) cmocka_unit_test_setup_teardown(f, story_begin, story_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TOLD(presses_the_key_and_waits_for_the_guest),
		TOLD(ends_a_guest_that_does_not_obey_in_time),
		TOLD(a_deaf_guest_goes_on_and_it_is_known),
		TOLD(a_vmm_that_was_told_to_stop_makes_it_a_stop),
		TOLD(asked_twice_it_is_one_stop),
		TOLD(a_guest_that_does_not_run_yet_ends_at_once),
		TOLD(needs_a_life_or_the_wait_for_one),
		TOLD(is_stronger_than_restart_and_weaker_than_abort),
		TOLD(keeps_a_life_that_ends_from_being_followed_by_another),
		TOLD(no_policy_starts_it_again),
		TOLD(a_new_daemon_goes_on_with_it),
		TOLD(a_new_daemon_learns_what_happened_meanwhile),
		TOLD(that_nobody_heard_is_stored),
	};

	return cmocka_run_group_tests_name("model stop", tests, NULL, NULL);
}
