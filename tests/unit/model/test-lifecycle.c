/* SPDX-License-Identifier: Apache-2.0 */
/* Single stories through the step, without engine or adapters. The simulation walks the rest. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "story.h"

static void enters_only_after_every_sp_answered_0(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	start(s, "web");
	assert_true(sends(s, TRUSTY, CALL_CREATED));
	assert_true(sends(s, OPTEE, CALL_CREATED));
	answer(s, OPTEE, VERDICT_ACK, CALL_CREATED);
	assert_null(find_output(s, OUT_VMM_COMMAND, 0));
	answer(s, TRUSTY, VERDICT_ACK, CALL_CREATED);
	assert_int_equal(find_output(s, OUT_VMM_COMMAND, 0)->command, COMMAND_ENTER);
}

static void backs_off_on_retry_and_sends_at_once_on_a_doorbell(void **state)
{
	struct story *s = *state;
	struct input bell = { .kind = IN_SECURE_DOORBELL, .doorbell = { .sp = TRUSTY, .generation = 1 } };

	meet_secure_side(s, 1, 1);
	start(s, "web");
	answer(s, TRUSTY, VERDICT_RETRY, CALL_CREATED);
	assert_null(find_output(s, OUT_SECURE_CALL, TRUSTY));
	assert_in_range(model_next_deadline(&s->m) - s->now, 160000, 240000);
	step(s, bell);
	assert_true(sends(s, TRUSTY, CALL_CREATED));
	answer(s, TRUSTY, VERDICT_RETRY, CALL_CREATED);
	s->now = model_next_deadline(&s->m);
	step(s, (struct input){ .kind = IN_TICK });
	assert_true(sends(s, TRUSTY, CALL_CREATED));
}

static void drives_created_to_0_before_destroyed(void **state)
{
	struct story *s = *state;
	struct input bell = { .kind = IN_SECURE_DOORBELL, .doorbell = { .sp = TRUSTY, .generation = 1 } };

	meet_secure_side(s, 1, 1);
	start(s, "web");
	answer(s, TRUSTY, VERDICT_RETRY, CALL_CREATED);
	ask(s, REQUEST_ABORT, "web", 0);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_NOT);
	assert_null(find_output(s, OUT_SECURE_CALL, TRUSTY));
	step(s, bell);
	assert_true(sends(s, TRUSTY, CALL_CREATED));
	answer(s, TRUSTY, VERDICT_ACK, CALL_CREATED);
	assert_true(sends(s, TRUSTY, CALL_DESTROYED));
}

static void sends_destroyed_only_when_quiesce_is_proven(void **state)
{
	struct story *s = *state;
	uint64_t life;

	meet_secure_side(s, 1, 1);
	life = run(s, "web");
	ask(s, REQUEST_ABORT, "web", 0);
	assert_int_equal(find_output(s, OUT_VMM_COMMAND, 0)->command, COMMAND_QUIESCE);
	assert_null(find_output(s, OUT_SECURE_CALL, 0));
	life_says(s, IN_VMM_QUIESCED, life);
	assert_true(sends(s, TRUSTY, CALL_DESTROYED));
	assert_true(sends(s, OPTEE, CALL_DESTROYED));
}

static void climbs_the_ladder_when_the_vmm_does_not_answer(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	run(s, "web");
	ask(s, REQUEST_ABORT, "web", 0);
	s->now += 2000 * MS;
	step(s, (struct input){ .kind = IN_TICK });
	assert_int_equal(find_output(s, OUT_VMM_COMMAND, 0)->command, COMMAND_EXIT);
	s->now += 3000 * MS;
	step(s, (struct input){ .kind = IN_TICK });
	assert_int_equal(find_output(s, OUT_VMM_COMMAND, 0)->command, COMMAND_KILL);
}

static void frees_id_and_memory_only_when_all_is_settled(void **state)
{
	struct story *s = *state;
	uint64_t life;
	uint16_t id;

	meet_secure_side(s, 1, 1);
	life = run(s, "web");
	id = current(s, "web")->begun.endpoint;
	life_says(s, IN_VMM_GONE, life);
	answer(s, OPTEE, VERDICT_ACK, CALL_DESTROYED);
	assert_null(find_output(s, OUT_RECLAIM, 0));
	assert_non_null(s->m.endpoint[id]);
	answer(s, TRUSTY, VERDICT_ACK, CALL_DESTROYED);
	assert_non_null(find_output(s, OUT_RECLAIM, 0));
	assert_non_null(s->m.endpoint[id]);
	life_says(s, IN_RECLAIMED, life);
	assert_null(s->m.endpoint[id]);
	assert_null(current(s, "web"));
}

static void rolls_back_when_an_sp_refuses(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	start(s, "web");
	answer(s, TRUSTY, VERDICT_ACK, CALL_CREATED);
	answer(s, OPTEE, VERDICT_DENIED, CALL_CREATED);
	assert_int_equal(current(s, "web")->now.cause, CAUSE_SECURE_REJECTED);
	assert_true(sends(s, TRUSTY, CALL_DESTROYED));
	assert_false(sends(s, OPTEE, CALL_DESTROYED));
}

static void gives_up_an_announce_at_its_deadline(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	start(s, "web");
	answer(s, OPTEE, VERDICT_ACK, CALL_CREATED);
	answer(s, TRUSTY, VERDICT_BUSY, CALL_NONE);
	s->now += 5000 * MS;
	step(s, (struct input){ .kind = IN_TICK });
	assert_int_equal(current(s, "web")->now.cause, CAUSE_SECURE_TIMEOUT);
}

/* The model by its log, of which the last turn is `s`'s; not by a snapshot, which leaves out what is over. */
static void load_turn(const struct story *s, struct model *m)
{
	for (size_t i = 0; i < s->o.changes; i++)
		assert_int_equal(story_copy(m, &s->o.change[i]), 0);
}

static void a_new_daemon_gives_a_new_announce_its_whole_time(void **state)
{
	struct story *s = *state, *again = calloc(1, sizeof(*again));
	const struct debt *d;

	assert_non_null(again);
	meet_secure_side(s, 1, 1);
	start(s, "web");
	assert_int_equal(model_init(&again->m, 7), 0);
	again->m.has_secure_side = true;
	assert_int_equal(model_snapshot(&s->m, story_copy, &again->m), 0);
	for (unsigned i = 0; i < 2; i++) {
		answer(s, i ? OPTEE : TRUSTY, VERDICT_ACK, CALL_CREATED);
		load_turn(s, &again->m);
	}
	again->now = s->now + 6000 * MS; /* longer than the announce might last */
	assert_int_equal(step_reserve_resume(&again->o, &again->m), 0);
	model_resume(&again->m, again->now, 1, true, &again->o);
	meet_secure_side(again, 1, 2);
	d = &current(again, "web")->debt[0];
	assert_int_equal(d->state, DEBT_CREATING);
	assert_int_equal(d->patience.node.at, again->now + 5000 * MS);
	story_end((void **)&again);
}

/* The time ran out while its guest was told to enter. The VMM never heard that, so the SP is waited for again: not for ever. */
static void an_announce_that_is_taken_up_again_keeps_its_deadline(void **state)
{
	struct story *s = *state;
	struct input back = { .kind = IN_VMM_BACK, .back = { .phase = VMM_PHASE_BUILT } };

	meet_secure_side(s, 1, 1);
	back.life = start(s, "web");
	answer(s, TRUSTY, VERDICT_ACK, CALL_CREATED);
	answer(s, OPTEE, VERDICT_ACK, CALL_CREATED);
	assert_int_equal(current(s, "web")->now.substate, VM_SUB_READY);
	step(s, (struct input){ .kind = IN_SECURE_DOORBELL, .doorbell = { .sp = TRUSTY, .generation = 2 } });
	answer(s, TRUSTY, VERDICT_RETRY, CALL_CREATED);
	tick_after(s, 5001 * MS);
	assert_int_equal(current(s, "web")->now.substate, VM_SUB_READY);
	life_says(s, IN_VMM_LOST, back.life);
	step(s, back);
	assert_int_equal(current(s, "web")->now.state, VM_ABORTING);
	assert_int_equal(current(s, "web")->now.cause, CAUSE_SECURE_TIMEOUT);
}

static void does_not_wait_in_line_for_a_link_that_stays_away(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	start(s, "db");
	start(s, "web");
	answer(s, OPTEE, VERDICT_ACK, CALL_CREATED);
	answer(s, OPTEE, VERDICT_ACK, CALL_CREATED);
	assert_int_equal(current(s, "web")->debt[0].queue, QUEUE_WAITING);
	step(s, (struct input){ .kind = IN_SECURE_DOWN });
	assert_int_equal(waits(s).on, WAIT_SECURE_LINK);
	assert_int_equal(waits(s).until, s->now + 5000 * MS);
	tick_after(s, 5000 * MS);
	assert_int_equal(current(s, "web")->now.cause, CAUSE_SECURE_TIMEOUT);
}

static void ends_a_life_whose_vmm_never_enters(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	start(s, "web");
	answer(s, TRUSTY, VERDICT_ACK, CALL_CREATED);
	answer(s, OPTEE, VERDICT_ACK, CALL_CREATED);
	assert_int_equal(current(s, "web")->now.substate, VM_SUB_READY);
	s->now += 10000 * MS;
	step(s, (struct input){ .kind = IN_TICK });
	assert_int_equal(current(s, "web")->now.cause, CAUSE_START_FAILED);
	assert_int_equal(current(s, "web")->now.substate, VM_SUB_QUIESCING);
	assert_int_equal(find_output(s, OUT_VMM_COMMAND, 0)->command, COMMAND_QUIESCE);
}

static void a_guest_that_entered_has_no_deadline(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	run(s, "web");
	s->now += 3600000 * MS;
	step(s, (struct input){ .kind = IN_TICK });
	assert_int_equal(current(s, "web")->now.state, VM_RUNNING);
}

/* What an SP once said outside of the protocol is no stain for ever: its next answer counts. */
static void an_sp_that_answers_well_again_is_not_degraded(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	start(s, "web");
	answer(s, OPTEE, VERDICT_BROKEN, CALL_NONE);
	assert_int_equal(s->m.sp[1].info.status, SP_DEGRADED);
	s->now += 1000 * MS;
	step(s, (struct input){ .kind = IN_TICK });
	answer(s, OPTEE, VERDICT_ACK, CALL_CREATED);
	assert_int_equal(s->m.sp[1].info.status, SP_OK);
}

static void lets_one_creation_at_a_time_into_a_trusty(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	start(s, "first");
	start(s, "second");
	assert_false(sends(s, TRUSTY, CALL_CREATED));
	answer(s, OPTEE, VERDICT_ACK, CALL_CREATED);
	assert_true(sends(s, OPTEE, CALL_CREATED));
	answer(s, TRUSTY, VERDICT_ACK, CALL_CREATED);
	assert_true(sends(s, TRUSTY, CALL_CREATED));
	assert_int_equal(find_output(s, OUT_SECURE_CALL, TRUSTY)->call.life, current(s, "second")->number);
}

static void runs_the_target_that_an_interrupt_names(void **state)
{
	struct story *s = *state;
	struct input in = { .kind = IN_SECURE_REPLY,
		.reply = { .sp = OPTEE, .verdict = VERDICT_PREEMPTED, .target = 0x80020003 } };

	meet_secure_side(s, 1, 1);
	start(s, "web");
	step(s, in);
	assert_true(find_output(s, OUT_SECURE_CALL, OPTEE)->call.run);
	assert_int_equal(find_output(s, OUT_SECURE_CALL, OPTEE)->call.target, 0x80020003);
	answer(s, OPTEE, VERDICT_ACK, CALL_CREATED);
	assert_int_equal(current(s, "web")->debt[1].state, DEBT_KNOWN);
	assert_false(s->m.sp[1].open.has_target);
}

static void announces_again_to_an_sp_that_restarted(void **state)
{
	struct story *s = *state;
	struct input bell = { .kind = IN_SECURE_DOORBELL, .doorbell = { .sp = TRUSTY, .generation = 2 } };

	meet_secure_side(s, 1, 1);
	run(s, "web");
	step(s, bell);
	assert_true(sends(s, TRUSTY, CALL_CREATED));
	assert_int_equal(current(s, "web")->now.state, VM_RUNNING);
}

static void another_world_settles_old_debts_and_hears_of_live_vms(void **state)
{
	struct story *s = *state;
	uint64_t dead;

	meet_secure_side(s, 1, 1);
	dead = run(s, "dead");
	run(s, "live");
	life_says(s, IN_VMM_GONE, dead);
	life_says(s, IN_SECURE_DOWN, 0);
	meet_secure_side(s, 2, 1);
	assert_int_equal(current(s, "dead")->debt[0].state, DEBT_SETTLED);
	assert_int_equal(current(s, "dead")->debt[0].how, HOW_WORLD_GONE);
	assert_true(sends(s, TRUSTY, CALL_CREATED));
	assert_int_equal(find_output(s, OUT_SECURE_CALL, TRUSTY)->call.life, current(s, "live")->number);
}

static void refuses_and_counts_what_is_illegal(void **state)
{
	struct story *s = *state;

	ask(s, REQUEST_DEFINE, "web", 0);
	ask(s, REQUEST_ABORT, "web", 0);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_ILLEGAL_TRANSITION);
	assert_int_equal(s->o.changes, 0);
	assert_int_equal(model_vm_named(&s->m, "web")->refused, 1);
	ask(s, REQUEST_START, "nobody", 0);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_NO_SUCH_VM);
	ask(s, REQUEST_START, "web", 999);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_WRONG_LIFE);
}

static void restart_is_one_operation_with_a_new_life(void **state)
{
	struct story *s = *state;
	uint64_t life;

	meet_secure_side(s, 1, 1);
	life = run(s, "web");
	ask(s, REQUEST_RESTART, "web", life);
	life_says(s, IN_VMM_QUIESCED, life);
	answer(s, TRUSTY, VERDICT_ACK, CALL_DESTROYED);
	answer(s, OPTEE, VERDICT_ACK, CALL_DESTROYED);
	life_says(s, IN_VMM_GONE, life);
	assert_non_null(find_output(s, OUT_RECLAIM, 0));
	life_says(s, IN_RECLAIMED, life);
	assert_non_null(find_output(s, OUT_VMM_START, 0));
	assert_true(current(s, "web")->number > life);
	assert_int_equal(current(s, "web")->now.state, VM_CREATED);
}

struct text {
	char *data;
	size_t length, size;
};

static int print_change(void *arg, const struct change *c)
{
	struct text *t = arg;
	struct change copy = *c;

	if (change_has_definition(c))
		copy.definition = NULL;
	if (t->length + sizeof(copy) > t->size) {
		t->size = (t->size + sizeof(copy)) * 2;
		t->data = realloc(t->data, t->size);
		assert_non_null(t->data);
	}
	memcpy(t->data + t->length, &copy, sizeof(copy));
	t->length += sizeof(copy);
	return 0;
}

/* It counts the restarts in their window, also where no life came of a start. */
static void a_snapshot_keeps_the_end_of_a_start_that_came_to_no_life(void **state)
{
	struct story *s = *state;
	struct model *again = calloc(1, sizeof(*again));
	struct change c = { .kind = CHANGE_END,
		.seq = 1000,
		.end = { .cause = CAUSE_START_FAILED, .restarts = 3, .window = 17 } };

	assert_non_null(again);
	ask(s, REQUEST_DEFINE, "web", 0);
	c.vm = model_vm_named(&s->m, "web")->number;
	assert_int_equal(model_apply(&s->m, &c), 0);
	assert_int_equal(model_init(again, 1), 0);
	assert_int_equal(model_snapshot(&s->m, story_copy, again), 0);
	assert_int_equal(model_vm_named(again, "web")->end.cause, CAUSE_START_FAILED);
	assert_int_equal(model_vm_named(again, "web")->end.restarts, 3);
	assert_int_equal(model_vm_named(again, "web")->end.window, 17);
	model_clear(again);
	free(again);
}

static void a_snapshot_builds_the_same_model(void **state)
{
	struct story *s = *state;
	struct model *again = calloc(1, sizeof(*again));
	struct text a = { 0 }, b = { 0 };

	meet_secure_side(s, 1, 1);
	run(s, "one");
	start(s, "two");
	life_says(s, IN_VMM_GONE, current(s, "one")->number);
	assert_int_equal(model_init(again, 1), 0);
	assert_int_equal(model_snapshot(&s->m, story_copy, again), 0);
	assert_int_equal(model_snapshot(&s->m, print_change, &a), 0);
	assert_int_equal(model_snapshot(again, print_change, &b), 0);
	assert_int_equal(a.length, b.length);
	for (size_t i = 0; i < a.length / sizeof(struct change); i++) {
		struct change *x = (struct change *)a.data + i, *y = (struct change *)b.data + i;

		if (x->kind == CHANGE_DEBT)
			x->debt.tries = y->debt.tries = 0; /* counted since the daemon started */
		assert_memory_equal(x, y, sizeof(*x));
	}
	model_clear(again);
	free(again);
	free(a.data);
	free(b.data);
}

/* Records between were lost with a part of the log: the slot of an SP that lets one VM in at a time is free all the same. */
static void who_is_gone_holds_no_slot(void **state)
{
	struct story *s = *state;
	struct change gone = { .kind = CHANGE_LIFE_GONE };

	meet_secure_side(s, 1, 1);
	gone.life = start(s, "web");
	assert_int_equal(s->m.sp[0].creating, 1);
	assert_int_equal(story_copy(&s->m, &gone), 0);
	assert_int_equal(s->m.sp[0].creating, 0);
	assert_int_equal(s->m.sp[0].owed, 0);
}

#define TOLD(f) cmocka_unit_test_setup_teardown(f, story_begin, story_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TOLD(enters_only_after_every_sp_answered_0),
		TOLD(backs_off_on_retry_and_sends_at_once_on_a_doorbell),
		TOLD(drives_created_to_0_before_destroyed),
		TOLD(sends_destroyed_only_when_quiesce_is_proven),
		TOLD(climbs_the_ladder_when_the_vmm_does_not_answer),
		TOLD(frees_id_and_memory_only_when_all_is_settled),
		TOLD(rolls_back_when_an_sp_refuses),
		TOLD(gives_up_an_announce_at_its_deadline),
		TOLD(a_new_daemon_gives_a_new_announce_its_whole_time),
		TOLD(an_announce_that_is_taken_up_again_keeps_its_deadline),
		TOLD(does_not_wait_in_line_for_a_link_that_stays_away),
		TOLD(ends_a_life_whose_vmm_never_enters),
		TOLD(a_guest_that_entered_has_no_deadline),
		TOLD(an_sp_that_answers_well_again_is_not_degraded),
		TOLD(lets_one_creation_at_a_time_into_a_trusty),
		TOLD(runs_the_target_that_an_interrupt_names),
		TOLD(announces_again_to_an_sp_that_restarted),
		TOLD(another_world_settles_old_debts_and_hears_of_live_vms),
		TOLD(who_is_gone_holds_no_slot),
		TOLD(refuses_and_counts_what_is_illegal),
		TOLD(restart_is_one_operation_with_a_new_life),
		TOLD(a_snapshot_builds_the_same_model),
		TOLD(a_snapshot_keeps_the_end_of_a_start_that_came_to_no_life),
	};

	return cmocka_run_group_tests_name("model lifecycle", tests, NULL, NULL);
}
