/* SPDX-License-Identifier: Apache-2.0 */
/* A shutdown, told input by input: who is asked to end and when, what starts meanwhile, what it waits for, when it is over. */
#include "story.h"

#include <stdlib.h>
#include <string.h>

static void shut_down(struct story *s, bool host)
{
	struct input in = { .kind = IN_REQUEST, .request = { .verb = REQUEST_SHUTDOWN, .host = host, .token = 1 } };

	step(s, in);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_NOT);
}

static struct vm *vm_of(struct story *s, const char *name)
{
	return model_vm_named(&s->m, name);
}

static bool is_asked_to_end(struct story *s, const char *name)
{
	return vm_of(s, name)->operation.operation == OP_STOP;
}

/* web is there after db, db after disk; one has nothing to do with them. */
static void four(struct story *s, uint64_t life[4])
{
	static const char *const names[] = { "disk", "db", "web", "one" };

	meet_secure_side(s, 1, 1);
	for (int i = 0; i < 4; i++) {
		life[i] = run(s, names[i]);
		vm_of(s, names[i])->definition->limits.stop_timeout_ms = 5000;
	}
	vm_of(s, "web")->definition->after_count = 1;
	strcpy(vm_of(s, "web")->definition->after[0], "db");
	vm_of(s, "db")->definition->requires_count = 1;
	strcpy(vm_of(s, "db")->definition->requires[0], "disk");
}

static void each_is_asked_when_those_that_need_it_are_over(void **state)
{
	struct story *s = *state;
	struct wait_reason why;
	uint64_t life[4];

	four(s, life);
	shut_down(s, false);
	assert_true(is_asked_to_end(s, "web") && is_asked_to_end(s, "one"));
	assert_false(is_asked_to_end(s, "db") || is_asked_to_end(s, "disk"));
	model_why(&s->m, vm_of(s, "disk"), &why);
	assert_int_equal(why.on, WAIT_VM);
	assert_string_equal(why.name, "db");
	assert_int_equal(why.since, s->now);
	end_as(s, life[2], CAUSE_USER_STOP); /* its SPs have not been told yet, and need not be */
	assert_true(is_asked_to_end(s, "db"));
	assert_false(is_asked_to_end(s, "disk"));
	assert_true(s->m.shutdown.active);
	end_as(s, life[1], CAUSE_USER_STOP);
	assert_true(is_asked_to_end(s, "disk"));
	end_as(s, life[0], CAUSE_USER_STOP);
	assert_true(s->m.shutdown.active);
	end_as(s, life[3], CAUSE_USER_STOP);
	assert_false(s->m.shutdown.active); /* no guest can run */
	assert_int_equal(vm_of(s, "web")->end.cause, CAUSE_USER_STOP);
}

static void who_does_not_obey_or_cannot_hear_is_ended_by_force(void **state)
{
	struct story *s = *state;
	uint64_t life[4];

	four(s, life);
	shut_down(s, true);
	life_says(s, IN_VMM_DEAF, life[3]);
	assert_int_equal(current(s, "one")->now.substate, VM_SUB_QUIESCING);
	assert_int_equal(vm_of(s, "one")->end.cause, CAUSE_HOST_SHUTDOWN);
	tick_after(s, 4999 * MS);
	assert_int_equal(current(s, "web")->now.state, VM_RUNNING);
	tick_after(s, 1 * MS);
	assert_int_equal(current(s, "web")->now.substate, VM_SUB_QUIESCING);
	assert_int_equal(vm_of(s, "web")->end.cause, CAUSE_HOST_SHUTDOWN);
	assert_false(is_asked_to_end(s, "db")); /* a guest that is being stopped may run still */
	life_says(s, IN_VMM_QUIESCED, life[2]);
	assert_true(is_asked_to_end(s, "db"));
}

static void nothing_starts_and_nothing_comes_back(void **state)
{
	struct story *s = *state;
	uint64_t life;

	meet_secure_side(s, 1, 1);
	life = run(s, "web");
	vm_of(s, "web")->definition->policies.on_poweroff = ON_END_RESTART;
	vm_of(s, "web")->definition->policies.on_panic = ON_END_PRESERVE;
	ask(s, REQUEST_DEFINE, "late", 0);
	ask(s, REQUEST_DEFINE, "first", 0);
	vm_of(s, "late")->definition->after_count = 1;
	strcpy(vm_of(s, "late")->definition->after[0], "first");
	ask(s, REQUEST_START, "late", 0);
	assert_int_equal(vm_of(s, "late")->operation.operation, OP_START);
	shut_down(s, false);
	assert_int_equal(vm_of(s, "late")->operation.operation, OP_NONE);
	ask(s, REQUEST_START, "first", 0);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_SHUTTING_DOWN);
	ask(s, REQUEST_RESTART, "web", 0);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_SHUTTING_DOWN);
	step(s, (struct input){ .kind = IN_AUTOSTART });
	assert_null(current(s, "first"));
	end_as(s, life, CAUSE_GUEST_PANIC);
	assert_int_equal(current(s, "web")->now.substate, VM_SUB_RETIRING);
	settle(s, life);
	assert_null(current(s, "web"));
	ask(s, REQUEST_START, "first", 0);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_NOT);
}

static void a_restart_under_way_is_an_end(void **state)
{
	struct story *s = *state;
	uint64_t life;

	meet_secure_side(s, 1, 1);
	life = run(s, "web");
	ask(s, REQUEST_RESTART, "web", 0);
	shut_down(s, false);
	life_says(s, IN_VMM_QUIESCED, life);
	settle(s, life);
	assert_null(current(s, "web"));
	assert_int_equal(operation(s)->operation, OP_NONE);
	assert_false(s->m.shutdown.active);
}

static void what_was_kept_is_given_up(void **state)
{
	struct story *s = *state;
	uint64_t life;

	meet_secure_side(s, 1, 1);
	life = run(s, "web");
	vm_of(s, "web")->definition->policies.on_panic = ON_END_PRESERVE;
	end_as(s, life, CAUSE_GUEST_PANIC);
	assert_int_equal(current(s, "web")->now.substate, VM_SUB_PRESERVED);
	shut_down(s, false);
	assert_int_equal(current(s, "web")->now.substate, VM_SUB_RETIRING);
}

static void it_is_over_at_once_where_nothing_lives(void **state)
{
	struct story *s = *state;

	shut_down(s, false);
	assert_false(s->m.shutdown.active);
	ask(s, REQUEST_DEFINE, "web", 0);
	shut_down(s, false);
	assert_false(s->m.shutdown.active);
}

static void a_new_daemon_goes_on_and_a_new_boot_does_not(void **state)
{
	struct story *s = *state;
	uint64_t life[4];

	four(s, life);
	shut_down(s, true);
	for (int same_boot = 0; same_boot < 2; same_boot++) {
		struct story *again = next_daemon(s, s->now + 1000 * MS, same_boot);

		assert_int_equal(again->m.shutdown.active, same_boot);
		if (same_boot) {
			end_as(again, life[2], CAUSE_USER_STOP);
			assert_true(is_asked_to_end(again, "db"));
			assert_int_equal(vm_of(again, "web")->end.cause, CAUSE_HOST_SHUTDOWN);
		}
		story_end((void **)&again);
	}
}

/* Who does not need it any more, by a new definition, does not hold it. */
static void a_new_definition_changes_the_order(void **state)
{
	struct story *s = *state;
	uint64_t life[4];

	four(s, life);
	shut_down(s, false);
	assert_false(is_asked_to_end(s, "db"));
	ask(s, REQUEST_DEFINE, "web", 0);
	assert_true(is_asked_to_end(s, "db"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_is_asked_when_those_that_need_it_are_over, story_begin, story_end),
		cmocka_unit_test_setup_teardown(who_does_not_obey_or_cannot_hear_is_ended_by_force, story_begin, story_end),
		cmocka_unit_test_setup_teardown(nothing_starts_and_nothing_comes_back, story_begin, story_end),
		cmocka_unit_test_setup_teardown(a_restart_under_way_is_an_end, story_begin, story_end),
		cmocka_unit_test_setup_teardown(what_was_kept_is_given_up, story_begin, story_end),
		cmocka_unit_test_setup_teardown(it_is_over_at_once_where_nothing_lives, story_begin, story_end),
		cmocka_unit_test_setup_teardown(a_new_daemon_goes_on_and_a_new_boot_does_not, story_begin, story_end),
		cmocka_unit_test_setup_teardown(a_new_definition_changes_the_order, story_begin, story_end),
	};

	return cmocka_run_group_tests_name("model shutdown", tests, NULL, NULL);
}
