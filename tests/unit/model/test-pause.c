/* SPDX-License-Identifier: Apache-2.0 */
/* A pause, told input by input: what a VMM is told, what it waits for, what ends it, and what a new daemon makes of it. */
#include "story.h"

#include <stdlib.h>
#include <string.h>

#define PATIENCE (5000 * MS)

static enum vm_substate at(struct story *s)
{
	assert_int_equal(current(s, "web")->now.state, VM_RUNNING);
	return (enum vm_substate)current(s, "web")->now.substate;
}

/* The commands of the last input, in order, are these and no others. */
static void commands_are(const struct story *s, const enum vmm_command *command, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < s->o.outputs; i++) {
		if (s->o.output[i].kind != OUT_VMM_COMMAND)
			continue;
		assert_true(n < count);
		assert_int_equal(s->o.output[i].command, command[n++]);
	}
	assert_int_equal(n, count);
}

#define COMMANDS(s, ...)                                                                                               \
	do {                                                                                                           \
		static const enum vmm_command these_[] = { __VA_ARGS__ };                                              \
		commands_are(s, these_, sizeof(these_) / sizeof(*these_));                                             \
	} while (0)

static void asks(struct story *s, enum request_verb verb, enum refusal refusal)
{
	ask(s, verb, "web", 0);
	assert_int_equal(s->o.answer[0].refusal, refusal);
}

static uint64_t running(struct story *s)
{
	meet_secure_side(s, 1, 1);
	return run(s, "web");
}

static uint64_t pausing(struct story *s)
{
	uint64_t life = running(s);

	asks(s, REQUEST_PAUSE, REFUSED_NOT);
	COMMANDS(s, COMMAND_PAUSE);
	assert_int_equal(at(s), VM_SUB_PAUSING);
	return life;
}

/* To the last PAUSE or RESUME. */
static void answers(struct story *s, enum input_kind kind, uint64_t life)
{
	step(s, (struct input){ .kind = kind, .life = life, .command = s->m.seq });
}

static void stands(struct story *s, uint64_t life)
{
	answers(s, IN_VMM_PAUSED, life);
}

static uint64_t paused(struct story *s)
{
	uint64_t life = pausing(s);

	stands(s, life);
	assert_int_equal(at(s), VM_SUB_PAUSED);
	return life;
}

static void is_paused_once_all_stand_and_goes_on_at_a_word(void **state)
{
	struct story *s = *state;
	uint64_t life = pausing(s);

	assert_int_equal(operation(s)->operation, OP_PAUSE);
	assert_int_equal(waits(s).on, WAIT_VMM);
	assert_int_equal(waits(s).until, s->now + PATIENCE);
	stands(s, life);
	assert_int_equal(at(s), VM_SUB_PAUSED);
	assert_int_equal(operation(s)->operation, OP_NONE);
	assert_int_equal(operation(s)->outcome, OUTCOME_NONE);
	assert_int_equal(waits(s).on, WAIT_NOTHING);
	tick_after(s, 100 * PATIENCE);
	assert_int_equal(s->o.changes, 0);
	asks(s, REQUEST_RESUME, REFUSED_NOT);
	assert_int_equal(at(s), VM_SUB_RUNNING);
	COMMANDS(s, COMMAND_RESUME);
}

static void asked_twice_nothing_more_happens(void **state)
{
	struct story *s = *state;
	uint64_t life = pausing(s);

	asks(s, REQUEST_PAUSE, REFUSED_NOT);
	assert_int_equal(s->o.answer[0].seq, 0);
	stands(s, life);
	stands(s, life);
	asks(s, REQUEST_PAUSE, REFUSED_NOT);
	assert_int_equal(s->o.changes, 0);
	asks(s, REQUEST_RESUME, REFUSED_NOT);
	asks(s, REQUEST_RESUME, REFUSED_NOT);
	assert_int_equal(s->o.changes, 0);
	assert_null(find_output(s, OUT_VMM_COMMAND, 0));
}

static void vcpus_that_do_not_come_out_go_on_and_it_is_known(void **state)
{
	struct story *s = *state;
	uint64_t life = pausing(s);

	tick_after(s, PATIENCE - 1);
	assert_int_equal(at(s), VM_SUB_PAUSING);
	tick_after(s, 1);
	assert_int_equal(at(s), VM_SUB_RUNNING);
	COMMANDS(s, COMMAND_RESUME);
	assert_int_equal(operation(s)->operation, OP_NONE);
	assert_int_equal(operation(s)->outcome, OUTCOME_TIMED_OUT);
	stands(s, life); /* late, and the fleet would not pass it on */
	assert_int_equal(at(s), VM_SUB_RUNNING);
}

static void a_device_that_refuses_ends_it_at_once(void **state)
{
	struct story *s = *state;
	uint64_t life = pausing(s);

	answers(s, IN_VMM_NOT_PAUSED, life);
	assert_int_equal(at(s), VM_SUB_RUNNING);
	COMMANDS(s, COMMAND_RESUME);
	assert_int_equal(operation(s)->operation, OP_NONE);
	assert_int_equal(operation(s)->outcome, OUTCOME_DEVICE_REFUSED);
	answers(s, IN_VMM_NOT_PAUSED, life);
	assert_int_equal(s->o.changes, 0);
	tick_after(s, PATIENCE);
	assert_int_equal(s->o.changes, 0);
}

static void a_device_that_does_not_start_again_leaves_it_paused(void **state)
{
	struct story *s = *state, *again;
	uint64_t life = paused(s);

	asks(s, REQUEST_RESUME, REFUSED_NOT);
	answers(s, IN_VMM_NOT_RESUMED, life);
	assert_int_equal(at(s), VM_SUB_PAUSED);
	assert_int_equal(operation(s)->outcome, OUTCOME_DEVICE_STOPPED);
	assert_null(find_output(s, OUT_VMM_COMMAND, 0));
	answers(s, IN_VMM_NOT_RESUMED, life); /* of a RESUME before, and the fleet would not pass it on */
	assert_int_equal(s->o.changes, 0);
	again = reborn(s);
	assert_int_equal(at(again), VM_SUB_PAUSED);
	assert_int_equal(operation(again)->outcome, OUTCOME_DEVICE_STOPPED);
	asks(again, REQUEST_RESUME, REFUSED_NOT);
	assert_int_equal(at(again), VM_SUB_RUNNING);
	assert_int_equal(operation(again)->outcome, OUTCOME_NONE);
	story_end((void **)&again);
}

/* It cannot hear its key, and its time runs. */
static void a_stop_of_a_guest_that_stays_comes_to_its_deadline(void **state)
{
	struct story *s = *state;
	uint64_t life = paused(s), until;

	asks(s, REQUEST_STOP, REFUSED_NOT);
	until = operation(s)->deadline;
	answers(s, IN_VMM_NOT_RESUMED, life);
	assert_int_equal(at(s), VM_SUB_PAUSED);
	assert_int_equal(operation(s)->operation, OP_STOP);
	tick_after(s, until - s->now);
	assert_int_equal(current(s, "web")->now.state, VM_ABORTING);
	assert_int_equal(current(s, "web")->now.cause, CAUSE_USER_STOP);
}

static void a_resume_ends_a_pause_on_its_way(void **state)
{
	struct story *s = *state;

	pausing(s);
	asks(s, REQUEST_RESUME, REFUSED_NOT);
	assert_int_equal(at(s), VM_SUB_RUNNING);
	assert_int_equal(operation(s)->operation, OP_NONE);
	assert_int_equal(operation(s)->outcome, OUTCOME_NONE);
	COMMANDS(s, COMMAND_RESUME);
	tick_after(s, PATIENCE);
	assert_int_equal(s->o.changes, 0);
}

static void an_answer_to_the_pause_before_is_none(void **state)
{
	struct story *s = *state;
	uint64_t life = pausing(s), first = s->m.seq;

	asks(s, REQUEST_RESUME, REFUSED_NOT);
	asks(s, REQUEST_PAUSE, REFUSED_NOT);
	COMMANDS(s, COMMAND_PAUSE);
	step(s, (struct input){ .kind = IN_VMM_PAUSED, .life = life, .command = first }); /* it waited while the disk was full */
	assert_int_equal(at(s), VM_SUB_PAUSING);
	stands(s, life);
	assert_int_equal(at(s), VM_SUB_PAUSED);
}

static void of_a_turn_the_last_word_leaves_alone(void **state)
{
	struct story *s = *state;
	struct input in = { .kind = IN_REQUEST, .request = { .verb = REQUEST_RESUME, .name = "web", .token = 1 } };
	uint64_t life = pausing(s);

	step_too(s, in);
	COMMANDS(s, COMMAND_RESUME);
	in.request.verb = REQUEST_PAUSE;
	step_too(s, in);
	COMMANDS(s, COMMAND_PAUSE);
	stands(s, life);
	assert_int_equal(at(s), VM_SUB_PAUSED);
}

static void only_what_runs_is_paused_or_resumed(void **state)
{
	struct story *s = *state;
	uint64_t life;

	ask(s, REQUEST_DEFINE, "web", 0);
	asks(s, REQUEST_PAUSE, REFUSED_ILLEGAL_TRANSITION);
	asks(s, REQUEST_RESUME, REFUSED_ILLEGAL_TRANSITION);
	meet_secure_side(s, 1, 1);
	life = start(s, "web");
	asks(s, REQUEST_PAUSE, REFUSED_ILLEGAL_TRANSITION);
	answer(s, TRUSTY, VERDICT_ACK, CALL_CREATED);
	answer(s, OPTEE, VERDICT_ACK, CALL_CREATED);
	life_says(s, IN_VMM_ENTERED, life);
	asks(s, REQUEST_ABORT, REFUSED_NOT);
	asks(s, REQUEST_PAUSE, REFUSED_ILLEGAL_TRANSITION);
	assert_int_equal(s->o.changes, 0);
	assert_non_null(strstr(s->o.answer[0].text, "its abort is under way"));
}

static void a_stop_lets_it_go_on_first(void **state)
{
	struct story *s = *state;

	paused(s);
	asks(s, REQUEST_STOP, REFUSED_NOT);
	COMMANDS(s, COMMAND_RESUME, COMMAND_STOP);
	assert_int_equal(at(s), VM_SUB_RUNNING);
	assert_int_equal(operation(s)->operation, OP_STOP);
	asks(s, REQUEST_PAUSE, REFUSED_ILLEGAL_TRANSITION);
	assert_int_equal(at(s), VM_SUB_RUNNING);
}

static void a_vmm_that_was_told_to_stop_goes_on_by_itself(void **state)
{
	struct story *s = *state;
	uint64_t life = paused(s);

	life_says(s, IN_VMM_STOPPING, life);
	assert_int_equal(at(s), VM_SUB_RUNNING);
	assert_int_equal(operation(s)->operation, OP_STOP);
}

static void an_abort_ends_it_wherever_it_is(void **state)
{
	struct story *s = *state;

	pausing(s);
	asks(s, REQUEST_ABORT, REFUSED_NOT);
	assert_int_equal(current(s, "web")->now.state, VM_ABORTING);
	assert_int_equal(operation(s)->operation, OP_ABORT);
	COMMANDS(s, COMMAND_QUIESCE);
}

static void a_guest_that_ends_meanwhile_goes_by_its_policy(void **state)
{
	struct story *s = *state;
	uint64_t life = pausing(s);

	model_vm_named(&s->m, "web")->definition->policies.on_crash = ON_END_RESTART;
	step(s, (struct input){ .kind = IN_VMM_ENDED, .life = life, .end = { .cause = CAUSE_VCPU_ERROR } });
	assert_int_equal(current(s, "web")->now.state, VM_ABORTING);
	assert_int_equal(operation(s)->operation, OP_RESTART);
}

static void is_back(struct story *s, uint64_t life, uint32_t flags)
{
	step(s, (struct input){ .kind = IN_VMM_BACK, .life = life,
		.back = { .speaks.features = VMM_LINK_FEATURES, .phase = VMM_PHASE_ENTERED, .vcpu_count = 1, .vcpu = { VCPU_RUNNING }, .flags = flags } });
}

static void a_new_daemon_goes_on_with_it(void **state)
{
	struct story *s = *state;
	uint64_t life = pausing(s);
	struct story *again;

	s->now += 3 * PATIENCE; /* nobody was there */
	again = reborn(s);
	assert_int_equal(at(again), VM_SUB_PAUSING);
	assert_int_equal(waits(again).on, WAIT_VMM);
	assert_int_equal(waits(again).until, again->now + PATIENCE);
	is_back(again, life, 0);
	COMMANDS(again, COMMAND_PAUSE);
	stands(again, life);
	assert_int_equal(at(again), VM_SUB_PAUSED);
	story_end((void **)&again);
	again = reborn(s);
	tick_after(again, PATIENCE); /* its VMM does not come */
	assert_int_equal(at(again), VM_SUB_RUNNING);
	assert_int_equal(operation(again)->outcome, OUTCOME_TIMED_OUT);
	is_back(again, life, VMM_BACK_PAUSED);
	COMMANDS(again, COMMAND_RESUME);
	story_end((void **)&again);
}

static void a_new_daemon_knows_who_is_paused(void **state)
{
	struct story *s = *state;
	uint64_t life = paused(s);
	struct story *again = reborn(s);

	is_back(again, life, VMM_BACK_PAUSED);
	assert_int_equal(at(again), VM_SUB_PAUSED);
	assert_null(find_output(again, OUT_VMM_COMMAND, 0));
	is_back(again, life, VMM_BACK_STOPPING); /* SIGTERM, while nobody was there */
	assert_int_equal(at(again), VM_SUB_RUNNING);
	assert_int_equal(operation(again)->operation, OP_STOP);
	story_end((void **)&again);
}

/* That it runs is not hidden: it was no pause, and becomes one. */
static void a_vmm_that_does_not_stand_is_told_again(void **state)
{
	struct story *s = *state;
	uint64_t life = paused(s);

	is_back(s, life, 0);
	assert_int_equal(at(s), VM_SUB_PAUSING);
	COMMANDS(s, COMMAND_PAUSE);
}

static void a_vmm_that_missed_its_resume_is_told_again(void **state)
{
	struct story *s = *state;
	uint64_t life = paused(s);

	asks(s, REQUEST_RESUME, REFUSED_NOT);
	is_back(s, life, VMM_BACK_PAUSED);
	COMMANDS(s, COMMAND_RESUME);
}

/* It read RESUME and STOP, and a device kept it standing: its key is pressed, and it cannot hear. */
static void one_that_stands_and_is_stopped_is_told_again(void **state)
{
	struct story *s = *state;
	uint64_t life = paused(s);

	asks(s, REQUEST_STOP, REFUSED_NOT);
	is_back(s, life, VMM_BACK_PAUSED | VMM_BACK_STOPPING);
	COMMANDS(s, COMMAND_RESUME);
	assert_int_equal(operation(s)->operation, OP_STOP);
}

#define TOLD(f) cmocka_unit_test_setup_teardown(f, story_begin, story_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TOLD(is_paused_once_all_stand_and_goes_on_at_a_word),
		TOLD(asked_twice_nothing_more_happens),
		TOLD(an_answer_to_the_pause_before_is_none),
		TOLD(of_a_turn_the_last_word_leaves_alone),
		TOLD(vcpus_that_do_not_come_out_go_on_and_it_is_known),
		TOLD(a_device_that_refuses_ends_it_at_once),
		TOLD(a_device_that_does_not_start_again_leaves_it_paused),
		TOLD(a_stop_of_a_guest_that_stays_comes_to_its_deadline),
		TOLD(a_resume_ends_a_pause_on_its_way),
		TOLD(only_what_runs_is_paused_or_resumed),
		TOLD(a_stop_lets_it_go_on_first),
		TOLD(a_vmm_that_was_told_to_stop_goes_on_by_itself),
		TOLD(an_abort_ends_it_wherever_it_is),
		TOLD(a_guest_that_ends_meanwhile_goes_by_its_policy),
		TOLD(a_new_daemon_goes_on_with_it),
		TOLD(a_new_daemon_knows_who_is_paused),
		TOLD(a_vmm_that_does_not_stand_is_told_again),
		TOLD(a_vmm_that_missed_its_resume_is_told_again),
		TOLD(one_that_stands_and_is_stopped_is_told_again),
	};

	return cmocka_run_group_tests_name("model pause", tests, NULL, NULL);
}
