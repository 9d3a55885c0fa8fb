/* SPDX-License-Identifier: Apache-2.0 */

/* The notification bitmap of a VM: when the SPMC is asked for it, what its answers mean, and what a crash leaves of it. */
#include "story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPMC FFA_ID_SPMC

static void meet(struct story *s, uint8_t instance)
{
	struct input in = { .kind = IN_SECURE_UP, .world = calloc(1, sizeof(*in.world)) };
	struct secure_world *w = in.world;

	w->instance[0] = instance;
	w->count = 3;
	w->sp[0] = (struct change_sp){ .id = TRUSTY, .properties = 0xC1, .generation = 1, .profile = PROFILE_TRUSTY };
	w->sp[1] = (struct change_sp){ .id = OPTEE, .properties = 0xC1, .generation = 1, .profile = PROFILE_OPTEE };
	w->sp[2] = (struct change_sp){ .id = SPMC, .properties = 0xC0, .profile = PROFILE_SPMC };
	step(s, in);
}

/* Defined to have two vCPUs, and notifications or not; up to where both SPs were sent VM_CREATED. */
static uint64_t begin(struct story *s, bool notifications)
{
	struct input in = { .kind = IN_VMM_NEWBORN, .newborn = { .connection = 9, .pid = 4711, .name = "web" } };

	ask(s, REQUEST_DEFINE, "web", 0);
	model_vm_named(&s->m, "web")->definition->notifications = notifications;
	model_vm_named(&s->m, "web")->definition->vcpu_count = 2;
	ask(s, REQUEST_START, "web", 0);
	in.life = current(s, "web")->number;
	step(s, in);
	life_says(s, IN_VMM_BUILT, in.life);
	return in.life;
}

static uint64_t announced(struct story *s)
{
	uint64_t life = begin(s, true);

	answer(s, TRUSTY, VERDICT_ACK, CALL_CREATED);
	assert_null(find_output(s, OUT_SECURE_CALL, SPMC));
	answer(s, OPTEE, VERDICT_ACK, CALL_CREATED);
	assert_true(sends(s, SPMC, CALL_CREATED));
	return life;
}

static uint64_t runs(struct story *s)
{
	uint64_t life = announced(s);

	answer(s, SPMC, VERDICT_ACK, CALL_CREATED);
	life_says(s, IN_VMM_ENTERED, life);
	assert_int_equal(current(s, "web")->now.state, VM_RUNNING);
	return life;
}

static const struct debt *debt(struct story *s)
{
	return &current(s, "web")->debt[2];
}

static void comes_after_every_sp_and_before_the_first_entry(void **state)
{
	struct story *s = *state;

	meet(s, 1);
	announced(s);
	assert_true(find_output(s, OUT_SECURE_CALL, SPMC)->call.spmc);
	assert_int_equal(find_output(s, OUT_SECURE_CALL, SPMC)->call.vcpu, 2);
	assert_null(find_output(s, OUT_VMM_COMMAND, 0));
	assert_int_equal(waits(s).sp, SPMC);
	answer(s, SPMC, VERDICT_ACK, CALL_CREATED);
	assert_int_equal(find_output(s, OUT_VMM_COMMAND, 0)->command, COMMAND_ENTER);
}

static void nobody_is_asked_where_the_definition_does_not(void **state)
{
	struct story *s = *state;

	meet(s, 1);
	begin(s, false);
	answer(s, TRUSTY, VERDICT_ACK, CALL_CREATED);
	answer(s, OPTEE, VERDICT_ACK, CALL_CREATED);
	assert_null(find_output(s, OUT_SECURE_CALL, SPMC));
	assert_int_equal(find_output(s, OUT_VMM_COMMAND, 0)->command, COMMAND_ENTER);
}

static void goes_before_anybody_hears_of_the_end(void **state)
{
	struct story *s = *state;
	uint64_t life;

	meet(s, 1);
	life = runs(s);
	life_says(s, IN_VMM_GONE, life);
	assert_true(sends(s, SPMC, CALL_DESTROYED));
	assert_null(find_output(s, OUT_SECURE_CALL, TRUSTY));
	assert_null(find_output(s, OUT_SECURE_CALL, OPTEE));
	assert_int_equal(waits(s).sp, SPMC);
	answer(s, SPMC, VERDICT_ACK, CALL_DESTROYED);
	assert_int_equal(debt(s)->state, DEBT_SETTLED);
	assert_true(sends(s, TRUSTY, CALL_DESTROYED) && sends(s, OPTEE, CALL_DESTROYED));
}

static void a_refusal_ends_the_start_and_is_rolled_back(void **state)
{
	struct story *s = *state;

	meet(s, 1);
	announced(s);
	answer(s, SPMC, VERDICT_DENIED, CALL_CREATED);
	assert_int_equal(current(s, "web")->now.cause, CAUSE_SECURE_REJECTED);
	assert_string_equal(current(s, "web")->now.text, "the SPMC refused FFA_NOTIFICATION_BITMAP_CREATE");
	assert_int_equal(debt(s)->state, DEBT_NONE);
	assert_true(sends(s, TRUSTY, CALL_DESTROYED) && sends(s, OPTEE, CALL_DESTROYED));
}

static void busy_is_no_refusal_and_no_open_call(void **state)
{
	struct story *s = *state;

	meet(s, 1);
	announced(s);
	for (int i = 0; i < 20; i++) { /* for longer than a call takes: an SP would be sent FFA_RUN */
		answer(s, SPMC, VERDICT_BUSY, CALL_NONE);
		tick_after(s, 230 * MS);
		assert_true(sends(s, SPMC, CALL_CREATED));
	}
	answer(s, SPMC, VERDICT_ACK, CALL_CREATED);
	assert_int_equal(debt(s)->state, DEBT_KNOWN);
}

/* What is pending is taken out for each vCPU; then it can go. */
static void denied_at_the_end_is_drained(void **state)
{
	struct story *s = *state;
	uint64_t life;

	meet(s, 1);
	life = runs(s);
	life_says(s, IN_VMM_GONE, life);
	answer(s, SPMC, VERDICT_DENIED, CALL_DESTROYED);
	for (int vcpu = 1; vcpu >= 0; vcpu--) {
		assert_true(sends(s, SPMC, CALL_DRAINED));
		assert_int_equal(find_output(s, OUT_SECURE_CALL, SPMC)->call.vcpu, vcpu);
		answer(s, SPMC, VERDICT_ACK, CALL_DRAINED);
	}
	assert_true(sends(s, SPMC, CALL_DESTROYED));
	answer(s, SPMC, VERDICT_DENIED, CALL_DESTROYED); /* it was set anew: not at once again */
	assert_null(find_output(s, OUT_SECURE_CALL, SPMC));
	tick_after(s, 10 * MS);
	assert_true(sends(s, SPMC, CALL_DRAINED));
	answer(s, SPMC, VERDICT_INVALID, CALL_DRAINED); /* and now there is none */
	assert_int_equal(debt(s)->state, DEBT_SETTLED);
	assert_int_equal(debt(s)->how, HOW_SP_UNKNOWN);
}

static void is_asked_again_after_a_crash(void **state)
{
	struct story *s = *state, *again;

	meet(s, 1);
	announced(s);
	again = reborn(s);
	meet(again, 1);
	assert_true(sends(again, SPMC, CALL_CREATED));
	answer(again, SPMC, VERDICT_INVALID, CALL_CREATED); /* DENIED: it was made before the crash */
	assert_int_equal(debt(again)->state, DEBT_KNOWN);
	story_end((void **)&again);
}

/* One that may have been made is destroyed: whether it was, the answer tells. */
static void one_of_unknown_outcome_is_destroyed_at_the_end(void **state)
{
	struct story *s = *state;
	uint64_t life;

	meet(s, 1);
	life = announced(s);
	step(s, (struct input){ .kind = IN_SECURE_DOWN });
	life_says(s, IN_VMM_GONE, life);
	assert_int_equal(debt(s)->state, DEBT_DESTROYING);
	meet(s, 1);
	assert_true(sends(s, SPMC, CALL_DESTROYED));
	answer(s, SPMC, VERDICT_DENIED, CALL_DESTROYED);
	answer(s, SPMC, VERDICT_INVALID, CALL_DRAINED);
	assert_int_equal(debt(s)->how, HOW_SP_UNKNOWN);
	assert_true(sends(s, OPTEE, CALL_DESTROYED));
}

static void another_world_makes_it_anew_once_the_sps_know_the_vm(void **state)
{
	struct story *s = *state;

	meet(s, 1);
	runs(s);
	step(s, (struct input){ .kind = IN_SECURE_DOWN });
	meet(s, 2);
	assert_int_equal(debt(s)->state, DEBT_NONE);
	assert_int_equal(debt(s)->how, HOW_WORLD_GONE);
	answer(s, TRUSTY, VERDICT_ACK, CALL_CREATED);
	assert_null(find_output(s, OUT_SECURE_CALL, SPMC));
	answer(s, OPTEE, VERDICT_ACK, CALL_CREATED);
	assert_true(sends(s, SPMC, CALL_CREATED));
	answer(s, SPMC, VERDICT_ACK, CALL_CREATED);
	assert_int_equal(debt(s)->state, DEBT_KNOWN);
}

/* An SP restarts while the SPMC is busy: the bitmap stands back until that SP knows the VM again. */
static void stands_back_for_an_sp_that_restarted(void **state)
{
	struct story *s = *state;

	meet(s, 1);
	announced(s);
	answer(s, SPMC, VERDICT_BUSY, CALL_NONE);
	step(s, (struct input){ .kind = IN_SECURE_DOORBELL, .doorbell = { .sp = OPTEE, .generation = 2 } });
	assert_true(sends(s, OPTEE, CALL_CREATED));
	tick_after(s, 200 * MS);
	assert_null(find_output(s, OUT_SECURE_CALL, SPMC));
	assert_int_equal(waits(s).sp, OPTEE);
	answer(s, OPTEE, VERDICT_ACK, CALL_CREATED);
	assert_true(sends(s, SPMC, CALL_CREATED));
}

static void an_spmc_that_lost_its_notifications_is_owed_nothing(void **state)
{
	struct story *s = *state;
	uint64_t life;

	meet(s, 1);
	life = runs(s);
	meet_secure_side(s, 1, 1); /* without it */
	assert_int_equal(debt(s)->state, DEBT_NONE);
	life_says(s, IN_VMM_GONE, life);
	assert_true(sends(s, TRUSTY, CALL_DESTROYED));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, story_begin, story_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(comes_after_every_sp_and_before_the_first_entry),
		TEST(nobody_is_asked_where_the_definition_does_not),
		TEST(goes_before_anybody_hears_of_the_end),
		TEST(a_refusal_ends_the_start_and_is_rolled_back),
		TEST(busy_is_no_refusal_and_no_open_call),
		TEST(denied_at_the_end_is_drained),
		TEST(is_asked_again_after_a_crash),
		TEST(one_of_unknown_outcome_is_destroyed_at_the_end),
		TEST(another_world_makes_it_anew_once_the_sps_know_the_vm),
		TEST(stands_back_for_an_sp_that_restarted),
		TEST(an_spmc_that_lost_its_notifications_is_owed_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
