/* SPDX-License-Identifier: Apache-2.0 */
/* A VMM that this daemon does not understand, told input by input: what goes on, what is refused, and what ends it. */
#include "story.h"

#include <string.h>

static bool commands(const struct story *s, enum vmm_command command)
{
	const struct output *o = find_output(s, OUT_VMM_COMMAND, 0);

	return o && o->command == command;
}

static void is_back(struct story *s, uint64_t life, uint64_t features)
{
	step(s, (struct input){ .kind = IN_VMM_BACK, .life = life,
		.back = { .speaks.features = features, .phase = VMM_PHASE_ENTERED, .vcpu_count = 1, .vcpu = { VCPU_RUNNING } } });
}

/* A guest that runs; then a daemon came that does not understand its VMM. */
static uint64_t stale(struct story *s)
{
	uint64_t life;

	meet_secure_side(s, 1, 1);
	life = run(s, "web");
	life_says(s, IN_VMM_STALE, life);
	return life;
}

static void its_guest_goes_on(void **state)
{
	struct story *s = *state;
	uint64_t life = stale(s);

	assert_int_equal(s->o.changes, 0);
	assert_int_equal(s->o.outputs, 0);
	assert_true(current(s, "web")->stale);
	assert_true(current(s, "web")->unreachable);
	tick_after(s, 3600000 * MS);
	assert_int_equal(current(s, "web")->now.state, VM_RUNNING);
	assert_int_equal(s->o.changes, 0);
	is_back(s, life, VMM_LINK_FEATURES); /* another daemon */
	assert_non_null(find_output(s, OUT_VMM_WELCOME, 0));
	assert_false(current(s, "web")->stale);
	assert_false(current(s, "web")->unreachable);
}

static void refuses_what_it_cannot_be_told(void **state)
{
	struct story *s = *state;

	stale(s);
	ask(s, REQUEST_PAUSE, "web", 0);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_ILLEGAL_TRANSITION);
	assert_non_null(strstr(s->o.answer[0].text, "its VMM is stale"));
	assert_int_equal(s->o.changes, 0);
	assert_int_equal(s->o.outputs, 0);
	ask(s, REQUEST_RESUME, "web", 0); /* it runs */
	assert_int_equal(s->o.answer[0].refusal, REFUSED_NOT);
}

static void an_abort_kills_it_at_once(void **state)
{
	struct story *s = *state;

	stale(s);
	ask(s, REQUEST_ABORT, "web", 0);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_NOT);
	assert_true(commands(s, COMMAND_KILL));
	assert_int_equal(current(s, "web")->now.substate, VM_SUB_QUIESCING); /* its death is the proof */
	assert_int_equal(waits(s).on, WAIT_VMM);
}

static void one_that_was_being_ended_is_killed(void **state)
{
	struct story *s = *state;
	uint64_t life;

	meet_secure_side(s, 1, 1);
	life = run(s, "web");
	ask(s, REQUEST_ABORT, "web", 0);
	assert_true(commands(s, COMMAND_QUIESCE));
	s = reborn(s);
	life_says(s, IN_VMM_STALE, life);
	assert_true(commands(s, COMMAND_KILL));
	(void)story_end((void **)&s);
}

static void a_stop_goes_to_it(void **state)
{
	struct story *s = *state;
	uint64_t life = stale(s);

	ask(s, REQUEST_STOP, "web", 0);
	assert_true(commands(s, COMMAND_STOP));
	end_as(s, life, CAUSE_USER_STOP); /* from its last words */
	assert_int_equal(current(s, "web")->now.state, VM_ABORTING);
	assert_true(current(s, "web")->now.quiesced);
	settle(s, life);
	assert_null(current(s, "web"));
}

static void one_that_knows_no_pause_is_not_paused(void **state)
{
	struct story *s = *state;
	uint64_t life;

	meet_secure_side(s, 1, 1);
	life = run(s, "web");
	is_back(s, life, VMM_FEATURE_DEVICES);
	ask(s, REQUEST_PAUSE, "web", 0);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_ILLEGAL_TRANSITION);
	assert_non_null(strstr(s->o.answer[0].text, "knows no pause"));
	assert_int_equal(s->o.outputs, 0);
	is_back(s, life, VMM_FEATURE_PAUSE);
	ask(s, REQUEST_PAUSE, "web", 0);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_NOT);
	assert_true(commands(s, COMMAND_PAUSE));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, story_begin, story_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(its_guest_goes_on),
		TEST(refuses_what_it_cannot_be_told),
		TEST(an_abort_kills_it_at_once),
		TEST(one_that_was_being_ended_is_killed),
		TEST(a_stop_goes_to_it),
		TEST(one_that_knows_no_pause_is_not_paused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
