/* SPDX-License-Identifier: Apache-2.0 */
/* VMs that live with a client, told input by input: what ends with it, who comes back, and when it is over. */
#include "story.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t token[16] = { 7 };

static void asks(struct story *s, enum request_verb verb, uint64_t end, enum refusal refusal)
{
	struct input in = { .kind = IN_REQUEST, .request = { .verb = verb, .token = 1, .bind.end = end } };

	if (verb == REQUEST_START)
		strcpy(in.request.name, "web");
	memcpy(in.request.bind.token, token, sizeof(token));
	step(s, in);
	assert_int_equal(s->o.answer[0].refusal, refusal);
}

static struct vm *web(struct story *s)
{
	return model_vm_named(&s->m, "web");
}

/* Runs, bound to end 1. */
static uint64_t bound(struct story *s)
{
	struct input in = { .kind = IN_VMM_NEWBORN, .newborn = { .name = "web", .connection = 9, .pid = 4711 } };
	uint64_t life;

	meet_secure_side(s, 1, 1);
	ask(s, REQUEST_DEFINE, "web", 0);
	asks(s, REQUEST_START, 1, REFUSED_NOT);
	life = in.life = web(s)->life->number;
	step(s, in);
	life_says(s, IN_VMM_BUILT, life);
	answer(s, TRUSTY, VERDICT_ACK, CALL_CREATED);
	answer(s, OPTEE, VERDICT_ACK, CALL_CREATED);
	life_says(s, IN_VMM_ENTERED, life);
	assert_int_equal(web(s)->life->now.state, VM_RUNNING);
	return life;
}

static void it_ends_with_its_client(void **state)
{
	struct story *s = *state;
	uint64_t life = bound(s);

	asks(s, REQUEST_UNBIND, 2, REFUSED_NOT); /* another end that had it once */
	assert_int_equal(web(s)->life->now.state, VM_RUNNING);
	asks(s, REQUEST_UNBIND, 1, REFUSED_NOT);
	assert_int_equal(web(s)->life->now.cause, CAUSE_CLIENT_GONE);
	assert_int_equal(operation(s)->operation, OP_ABORT);
	assert_false(web(s)->bound.active);
	life_says(s, IN_VMM_QUIESCED, life);
	settle(s, life);
	assert_null(web(s)->life);
}

static void what_somebody_else_started_is_not_bound(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	(void)run(s, "web");
	asks(s, REQUEST_START, 1, REFUSED_ILLEGAL_TRANSITION);
	assert_false(web(s)->bound.active);
	assert_int_equal(s->o.changes, 0);
}

static void a_start_that_waits_ends_with_its_client_too(void **state)
{
	struct story *s = *state;

	ask(s, REQUEST_DEFINE, "web", 0);
	ask(s, REQUEST_DEFINE, "db", 0);
	web(s)->definition->after_count = 1;
	strcpy(web(s)->definition->after[0], "db");
	asks(s, REQUEST_START, 1, REFUSED_NOT);
	assert_int_equal(operation(s)->operation, OP_START);
	asks(s, REQUEST_UNBIND, 1, REFUSED_NOT);
	assert_int_equal(operation(s)->operation, OP_NONE);
	assert_false(web(s)->bound.active);
}

static void it_is_bound_over_its_restarts_and_until_it_has_ended(void **state)
{
	struct story *s = *state;
	uint64_t life = bound(s);

	web(s)->definition->policies.on_panic = ON_END_RESTART;
	web(s)->definition->policies.restart_delay_ms = 1000;
	web(s)->definition->policies.restart_window_ms = 60000;
	end_as(s, life, CAUSE_GUEST_PANIC);
	settle(s, life);
	assert_null(web(s)->life);
	assert_true(web(s)->bound.active);
	tick_after(s, 2000 * MS);
	assert_non_null(web(s)->life);
	assert_true(web(s)->bound.active);
	life = web(s)->life->number;
	ask(s, REQUEST_ABORT, "web", 0);
	life_says(s, IN_VMM_FAILED, life);
	assert_true(web(s)->bound.active);
	life_says(s, IN_RECLAIMED, life);
	assert_null(web(s)->life);
	assert_false(web(s)->bound.active);
	asks(s, REQUEST_BIND_AGAIN, 3, REFUSED_NOT_BOUND);
}

static void a_restart_that_is_due_is_cancelled_with_its_client(void **state)
{
	struct story *s = *state;
	uint64_t life = bound(s);

	web(s)->definition->policies.on_poweroff = ON_END_RESTART;
	end_as(s, life, CAUSE_GUEST_POWEROFF);
	assert_int_equal(operation(s)->operation, OP_RESTART);
	asks(s, REQUEST_UNBIND, 1, REFUSED_NOT);
	assert_int_equal(operation(s)->operation, OP_ABORT);
	settle(s, life);
	assert_null(web(s)->life);
}

static void after_a_crash_its_client_has_five_seconds(void **state)
{
	struct story *s = *state;

	(void)bound(s);
	for (int comes = 0; comes < 2; comes++) {
		struct story *again = reborn(s);

		assert_true(web(again)->bound.active);
		tick_after(again, 4999 * MS);
		assert_int_equal(web(again)->life->now.state, VM_RUNNING);
		if (comes)
			asks(again, REQUEST_BIND_AGAIN, 1, REFUSED_NOT);
		tick_after(again, 1 * MS);
		assert_int_equal(web(again)->life->now.state, comes ? VM_RUNNING : VM_ABORTING);
		if (comes) { /* and is a client as before */
			asks(again, REQUEST_UNBIND, 1, REFUSED_NOT);
			assert_int_equal(web(again)->life->now.state, VM_ABORTING);
		}
		assert_int_equal(web(again)->life->now.cause, CAUSE_CLIENT_GONE);
		model_clear(&again->m);
		step_out_free(&again->o);
		free(again);
	}
}

static void its_client_does_not_outlive_the_host_s_boot(void **state)
{
	struct story *s = *state, *again;

	(void)bound(s);
	again = next_daemon(s, s->now, false);
	assert_int_equal(web(again)->life->now.cause, CAUSE_HOST_REBOOT);
	assert_false(web(again)->bound.active);
	model_clear(&again->m);
	step_out_free(&again->o);
	free(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_ends_with_its_client, story_begin, story_end),
		cmocka_unit_test_setup_teardown(what_somebody_else_started_is_not_bound, story_begin, story_end),
		cmocka_unit_test_setup_teardown(a_start_that_waits_ends_with_its_client_too, story_begin, story_end),
		cmocka_unit_test_setup_teardown(it_is_bound_over_its_restarts_and_until_it_has_ended, story_begin, story_end),
		cmocka_unit_test_setup_teardown(a_restart_that_is_due_is_cancelled_with_its_client, story_begin, story_end),
		cmocka_unit_test_setup_teardown(after_a_crash_its_client_has_five_seconds, story_begin, story_end),
		cmocka_unit_test_setup_teardown(its_client_does_not_outlive_the_host_s_boot, story_begin, story_end),
	};

	return cmocka_run_group_tests_name("model bound", tests, NULL, NULL);
}
