/* SPDX-License-Identifier: Apache-2.0 */
/* What waits is taken back, told input by input: for whom that is the end, and who stays what it was. */
#include "story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct vm *vm(struct story *s, const char *name)
{
	return model_vm_named(&s->m, name);
}

static void comes_back_after(struct story *s, const char *name, uint32_t ms)
{
	vm(s, name)->definition->policies = (struct vm_policies){ .on_crash = ON_END_RESTART, .on_reboot = ON_END_RESTART,
		.restart_delay_ms = ms, .restart_delay_max_ms = ms, .restart_factor = 1, .restart_window_ms = 1000 };
}

static void require(struct story *s, const char *name, const char *first)
{
	struct input in = { .kind = IN_REQUEST, .request = { .verb = REQUEST_DEFINE, .token = 1 } };

	in.request.definition = malloc(sizeof(*in.request.definition));
	assert_non_null(in.request.definition);
	*in.request.definition = *vm(s, name)->definition;
	in.request.definition->requires_count = 1;
	strcpy(in.request.definition->requires[0], first);
	step(s, in);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_NOT);
}

static void cancel(struct story *s, const char *name)
{
	ask(s, REQUEST_CANCEL, name, 0);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_NOT);
	assert_in_range(s->o.answer[0].seq, 1, s->m.seq);
}

static void a_restart_that_was_taken_back_comes_neither_now_nor_from_a_new_daemon(void **state)
{
	struct story *s = *state, *again;
	uint64_t life;

	meet_secure_side(s, 1, 1);
	life = run(s, "web");
	comes_back_after(s, "web", 1000);
	end_as(s, life, CAUSE_OOM);
	assert_int_equal(operation(s)->operation, OP_RESTART);
	cancel(s, "web");
	assert_int_equal(operation(s)->operation, OP_NONE);
	assert_int_equal(current(s, "web")->number, life); /* its end goes on */
	assert_int_equal(model_next_start(vm(s, "web")), 0);
	again = reborn(s);
	settle(s, life);
	tick_after(s, 5000 * MS);
	assert_null(current(s, "web"));
	assert_int_equal(vm(s, "web")->end.cause, CAUSE_OOM);
	assert_int_equal(operation(again)->operation, OP_NONE);
	story_end((void **)&again);
	(void)run(s, "web"); /* and it may be started like any other */
}

static void the_delay_of_a_restart_is_cut_off(void **state)
{
	struct story *s = *state;
	uint64_t life;

	meet_secure_side(s, 1, 1);
	life = run(s, "web");
	comes_back_after(s, "web", 1000);
	end_as(s, life, CAUSE_OOM);
	settle(s, life);
	assert_int_equal(operation(s)->operation, OP_START);
	assert_int_equal(waits(s).on, WAIT_TIMER);
	cancel(s, "web");
	tick_after(s, 5000 * MS);
	assert_null(current(s, "web"));
	assert_int_equal(waits(s).on, WAIT_NOTHING);
}

static void who_requires_what_was_to_begin_does_not_wait_for_ever(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	ask(s, REQUEST_DEFINE, "sun", 0);
	ask(s, REQUEST_DEFINE, "db", 0);
	ask(s, REQUEST_DEFINE, "web", 0);
	snprintf(vm(s, "db")->definition->after[vm(s, "db")->definition->after_count++], VM_NAME_MAX + 1, "sun");
	require(s, "web", "db");
	ask(s, REQUEST_START, "web", 0);
	tick_after(s, 0);
	assert_int_equal(vm(s, "db")->operation.operation, OP_START);
	assert_string_equal(waits(s).name, "db");
	cancel(s, "db");
	tick_after(s, 0);
	assert_int_equal(operation(s)->operation, OP_NONE);
	assert_int_equal(vm(s, "web")->end.cause, CAUSE_DEPENDENCY);
}

/* Both were to come back; what the one needs does not, so it does not either. */
static void who_requires_what_was_to_come_back_stays_down_with_it(void **state)
{
	struct story *s = *state;
	uint64_t db, web;

	meet_secure_side(s, 1, 1);
	db = run(s, "db");
	web = run(s, "web");
	require(s, "web", "db");
	comes_back_after(s, "db", 1000);
	end_as(s, db, CAUSE_OOM);
	tick_after(s, 0);
	assert_int_equal(current(s, "web")->now.cause, CAUSE_DEPENDENCY);
	assert_int_equal(operation(s)->operation, OP_RESTART);
	life_says(s, IN_VMM_QUIESCED, web);
	answer(s, TRUSTY, VERDICT_ACK, CALL_DESTROYED);
	answer(s, OPTEE, VERDICT_ACK, CALL_DESTROYED);
	settle(s, web);
	assert_int_equal(operation(s)->operation, OP_START);
	assert_int_equal(current(s, "db")->now.substate, VM_SUB_RECLAIMING);
	cancel(s, "db");
	tick_after(s, 0);
	assert_int_equal(operation(s)->operation, OP_NONE);
	assert_int_equal(vm(s, "web")->end.cause, CAUSE_DEPENDENCY);
	life_says(s, IN_VMM_GONE, db);
	life_says(s, IN_RECLAIMED, db);
	tick_after(s, 5000 * MS);
	assert_null(current(s, "db"));
	assert_null(current(s, "web"));
}

static void is_refused(struct story *s, const char *why)
{
	uint64_t seq = s->m.seq;

	ask(s, REQUEST_CANCEL, "web", 0);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_ILLEGAL_TRANSITION);
	assert_non_null(strstr(s->o.answer[0].text, why));
	assert_int_equal(s->m.seq, seq);
}

static void what_has_begun_is_not_taken_back_and_it_says_what_helps(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	ask(s, REQUEST_DEFINE, "web", 0);
	is_refused(s, "it is null; nothing waits");
	ask(s, REQUEST_START, "web", 0);
	is_refused(s, "its life has begun, abort ends it");
	ask(s, REQUEST_DESTROY, "web", 0);
	life_says(s, IN_RECLAIMED, current(s, "web")->number);
	(void)run(s, "web");
	is_refused(s, "it is running; nothing waits");
	ask(s, REQUEST_PAUSE, "web", 0);
	is_refused(s, "resume takes a pause back");
	ask(s, REQUEST_RESUME, "web", 0);
	ask(s, REQUEST_STOP, "web", 0);
	is_refused(s, "the guest was asked");
	ask(s, REQUEST_ABORT, "web", 0);
	is_refused(s, "its abort is under way; an end that has begun");
}

/* Its unit waits for the life before to end. */
static void a_vmm_that_waits_for_a_life_is_sent_away(void **state)
{
	struct story *s = *state;
	const struct output *out;

	meet_secure_side(s, 1, 1);
	(void)run(s, "web");
	ask(s, REQUEST_ABORT, "web", 0);
	step(s, (struct input){ .kind = IN_VMM_NEWBORN, .newborn = { .name = "web", .connection = 77, .pid = 9 } });
	assert_null(find_output(s, OUT_VMM_REFUSE, 0));
	ask(s, REQUEST_CANCEL, "web", 0);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_NOT);
	out = find_output(s, OUT_VMM_REFUSE, 0);
	assert_non_null(out);
	assert_int_equal(out->connection, 77);
	assert_non_null(strstr(out->reason, "cancelled"));
	is_refused(s, "its abort is under way");
}

#define TOLD(f) cmocka_unit_test_setup_teardown(f, story_begin, story_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TOLD(a_restart_that_was_taken_back_comes_neither_now_nor_from_a_new_daemon),
		TOLD(the_delay_of_a_restart_is_cut_off),
		TOLD(who_requires_what_was_to_begin_does_not_wait_for_ever),
		TOLD(who_requires_what_was_to_come_back_stays_down_with_it),
		TOLD(what_has_begun_is_not_taken_back_and_it_says_what_helps),
		TOLD(a_vmm_that_waits_for_a_life_is_sent_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
