/* SPDX-License-Identifier: Apache-2.0 */
/* Order, told input by input: who waits for whom, who starts with whom, who ends with whom, and what is refused. */
#include "story.h"

#include <stdlib.h>
#include <string.h>

static struct vm_definition *definition_of(struct story *s, const char *name)
{
	return model_vm_named(&s->m, name)->definition;
}

/* Defines `name` anew, with one VM that it requires. */
static enum refusal require(struct story *s, const char *name, const char *first)
{
	struct input in = { .kind = IN_REQUEST, .request = { .verb = REQUEST_DEFINE, .token = 1 } };

	ask(s, REQUEST_DEFINE, name, 0);
	in.request.definition = malloc(sizeof(*in.request.definition));
	assert_non_null(in.request.definition);
	*in.request.definition = *definition_of(s, name);
	in.request.definition->requires_count = 1;
	strcpy(in.request.definition->requires[0], first);
	step(s, in);
	return s->o.answer[0].refusal;
}

static void names_the_whole_circle(void **state)
{
	struct story *s = *state;

	assert_int_equal(require(s, "web", "db"), REFUSED_NOT);
	assert_int_equal(require(s, "db", "disk"), REFUSED_NOT);
	assert_int_equal(require(s, "disk", "web"), REFUSED_CYCLE);
	assert_non_null(strstr(s->o.answer[0].text, "disk -> web -> db -> disk"));
}

static void a_start_brings_what_it_requires(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	require(s, "web", "db");
	ask(s, REQUEST_START, "web", 0);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_NO_SUCH_VM);
	assert_non_null(strstr(s->o.answer[0].text, "db"));
	assert_int_equal(s->o.changes, 0);
	ask(s, REQUEST_DEFINE, "db", 0);
	ask(s, REQUEST_START, "web", 0);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_NOT);
	assert_non_null(current(s, "db"));
	assert_null(current(s, "web"));
	assert_int_equal(waits(s).on, WAIT_VM);
	assert_string_equal(waits(s).name, "db");
	ask(s, REQUEST_ABORT, "db", 0); /* what it waits for does not come: it does not wait for ever */
	assert_int_equal(operation(s)->operation, OP_NONE);
	assert_int_equal(model_vm_named(&s->m, "web")->end.cause, CAUSE_DEPENDENCY);
}

static uint64_t both_run(struct story *s)
{
	uint64_t first;

	meet_secure_side(s, 1, 1);
	first = run(s, "db");
	run(s, "web");
	definition_of(s, "db")->policies.on_reboot = ON_END_RESTART;
	require(s, "web", "db");
	assert_int_equal(current(s, "web")->now.state, VM_RUNNING);
	return first;
}

static void ends_with_what_it_requires(void **state)
{
	struct story *s = *state;

	both_run(s);
	ask(s, REQUEST_ABORT, "db", 0);
	assert_int_equal(current(s, "web")->now.state, VM_ABORTING);
	assert_int_equal(current(s, "web")->now.cause, CAUSE_DEPENDENCY);
	assert_non_null(strstr(current(s, "web")->now.text, "db"));
	assert_int_equal(operation(s)->operation, OP_NONE);
}

/* What it requires by a newer word is for its next life. */
static void a_running_vm_is_not_asked_anew_what_it_requires(void **state)
{
	struct story *s = *state;

	both_run(s);
	ask(s, REQUEST_DEFINE, "disk", 0);
	require(s, "db", "disk");
	ask(s, REQUEST_DEFINE, "front", 0);
	require(s, "front", "db");
	ask(s, REQUEST_START, "front", 0);
	assert_non_null(current(s, "front"));
	assert_int_equal(model_vm_named(&s->m, "disk")->operation.operation, OP_NONE);
	definition_of(s, "disk")->partition_count = 1; /* one that never comes: its start fails */
	definition_of(s, "disk")->partition[0].id = 0x8009;
	definition_of(s, "disk")->limits.partition_timeout_ms = 3000;
	ask(s, REQUEST_START, "disk", 0);
	assert_null(current(s, "disk"));
	tick_after(s, 3000 * MS);
	assert_int_equal(model_vm_named(&s->m, "disk")->end.cause, CAUSE_START_FAILED);
	assert_int_equal(current(s, "db")->now.state, VM_RUNNING);
}

static void comes_back_with_what_it_requires(void **state)
{
	struct story *s = *state;

	end_as(s, both_run(s), CAUSE_GUEST_REBOOT);
	assert_int_equal(current(s, "web")->now.cause, CAUSE_DEPENDENCY);
	assert_int_equal(operation(s)->operation, OP_RESTART);
}

/* While its restart was delayed, what it requires ended for good: nobody would tell it again. */
static void does_not_wait_for_what_ended_before(void **state)
{
	struct story *s = *state;
	uint64_t first = both_run(s), life = current(s, "web")->number;
	struct vm_policies *p = &definition_of(s, "web")->policies;

	p->on_panic = ON_END_RESTART;
	p->restart_delay_ms = p->restart_delay_max_ms = 1000;
	end_as(s, life, CAUSE_GUEST_PANIC);
	ask(s, REQUEST_ABORT, "db", 0);
	settle(s, life);
	settle(s, first);
	assert_null(current(s, "web"));
	assert_int_equal(operation(s)->operation, OP_START);
	tick_after(s, 1000 * MS);
	assert_int_equal(operation(s)->operation, OP_NONE);
	assert_int_equal(model_vm_named(&s->m, "web")->end.cause, CAUSE_DEPENDENCY);
}

/* It was to come back, and somebody wants it ended instead: who waits for it is told then, not when its debts are paid. */
static void does_not_wait_for_what_is_told_to_end(void **state)
{
	struct story *s = *state;
	uint64_t first = both_run(s), life = current(s, "web")->number;

	ask(s, REQUEST_RESTART, "db", 0);
	assert_int_equal(operation(s)->operation, OP_RESTART);
	life_says(s, IN_VMM_QUIESCED, life);
	settle(s, life);
	assert_int_equal(operation(s)->operation, OP_START);
	ask(s, REQUEST_ABORT, "db", 0);
	assert_int_equal(current(s, "db")->number, first);
	assert_int_equal(operation(s)->operation, OP_NONE);
	assert_int_equal(model_vm_named(&s->m, "web")->end.cause, CAUSE_DEPENDENCY);
}

static void waits_for_an_sp_until_its_deadline_and_says_which(void **state)
{
	struct story *s = *state;
	struct vm_definition *d;

	meet_secure_side(s, 1, 1);
	ask(s, REQUEST_DEFINE, "web", 0);
	d = definition_of(s, "web");
	d->partition_count = 1;
	d->partition[0].id = 0x8009;
	d->limits.partition_timeout_ms = 3000;
	ask(s, REQUEST_START, "web", 0);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_NOT);
	assert_int_equal(waits(s).on, WAIT_SP);
	assert_int_equal(waits(s).sp, 0x8009);
	assert_int_equal(waits(s).until, s->now + 3000 * MS);
	tick_after(s, 3000 * MS);
	assert_int_equal(operation(s)->operation, OP_NONE);
	assert_int_equal(model_vm_named(&s->m, "web")->end.cause, CAUSE_START_FAILED);
	assert_non_null(strstr(model_vm_named(&s->m, "web")->end.text, "0x8009"));
	d->partition[0].id = TRUSTY;
	ask(s, REQUEST_START, "web", 0);
	assert_non_null(current(s, "web"));
}

static void a_new_daemon_does_not_wait_longer_for_an_sp(void **state)
{
	struct story *s = *state, *again;
	struct vm_definition *d;
	uint64_t until;

	meet_secure_side(s, 1, 1);
	ask(s, REQUEST_DEFINE, "web", 0);
	d = definition_of(s, "web");
	d->partition_count = 1;
	d->partition[0].id = 0x8009;
	d->limits.partition_timeout_ms = 30000;
	ask(s, REQUEST_START, "web", 0);
	until = waits(s).until;
	tick_after(s, 20000 * MS);
	again = reborn(s);
	tick_after(again, 0);
	assert_int_equal(waits(again).until, until);
	assert_int_equal(again->o.changes, 0);
	tick_after(again, until - again->now - 1);
	assert_int_equal(operation(again)->operation, OP_START);
	tick_after(again, 1);
	assert_int_equal(operation(again)->operation, OP_NONE);
	story_end((void **)&again);
}

/* The time was over while nobody was there: it cannot know yet who came meanwhile. */
static void a_new_daemon_meets_the_secure_side_before_it_gives_up(void **state)
{
	struct story *s = *state, *again;
	struct vm_definition *d;

	ask(s, REQUEST_DEFINE, "web", 0);
	d = definition_of(s, "web");
	d->partition_count = 1;
	d->partition[0].id = TRUSTY;
	d->limits.partition_timeout_ms = 500;
	ask(s, REQUEST_START, "web", 0);
	s->now += 5000 * MS;
	again = reborn(s);
	tick_after(again, 100 * MS);
	assert_int_equal(operation(again)->operation, OP_START);
	meet_secure_side(again, 1, 1);
	tick_after(again, 0);
	assert_non_null(current(again, "web"));
	story_end((void **)&again);
}

/* It is wanted, and not in order: what it answered was outside the protocol. Then it has restarted. */
static void starts_once_an_sp_is_in_order_again(void **state)
{
	struct story *s = *state;
	struct vm_definition *d;

	meet_secure_side(s, 1, 1);
	start(s, "db");
	answer(s, TRUSTY, VERDICT_BROKEN, CALL_CREATED);
	assert_int_equal(s->m.sp[0].info.status, SP_DEGRADED);
	ask(s, REQUEST_DEFINE, "web", 0);
	d = definition_of(s, "web");
	d->partition_count = 1;
	d->partition[0].id = TRUSTY;
	d->limits.partition_timeout_ms = 3000;
	ask(s, REQUEST_START, "web", 0);
	assert_int_equal(waits(s).on, WAIT_SP);
	assert_null(current(s, "web"));
	step(s, (struct input){ .kind = IN_SECURE_DOORBELL, .doorbell = { .sp = TRUSTY, .generation = 2 } });
	assert_non_null(current(s, "web"));
}

static void a_life_that_leaves_a_stuck_one_behind_keeps_the_order(void **state)
{
	struct story *s = *state;
	uint64_t old;

	meet_secure_side(s, 1, 1);
	old = run(s, "web");
	ask(s, REQUEST_DEFINE, "db", 0);
	require(s, "web", "db");
	definition_of(s, "web")->policies.on_stuck = ON_STUCK_NEW_ID;
	ask(s, REQUEST_RESTART, "web", 0);
	life_says(s, IN_VMM_QUIESCED, old);
	answer(s, OPTEE, VERDICT_ACK, CALL_DESTROYED);
	answer(s, TRUSTY, VERDICT_RETRY, CALL_DESTROYED);
	life_says(s, IN_VMM_GONE, old);
	tick_after(s, s->m.retry.active);
	answer(s, TRUSTY, VERDICT_RETRY, CALL_DESTROYED);
	assert_true(model_life(&s->m, old)->stuck);
	assert_int_equal(current(s, "web")->number, old);
	run(s, "db");
	assert_int_not_equal(current(s, "web")->number, old);
}

/* A guest ends by itself, an SP does not take it, and then somebody asks for a restart, or allows it. */
static void a_life_that_is_stuck_already_is_left_behind(void **state)
{
	for (int allowed_last = 0; allowed_last < 2; allowed_last++) {
		struct input define = { .kind = IN_REQUEST, .request = { .verb = REQUEST_DEFINE, .token = 1 } };
		struct story *s = *state;
		uint64_t old;

		meet_secure_side(s, 1, 1);
		old = run(s, "web");
		definition_of(s, "web")->policies.on_stuck = allowed_last ? ON_STUCK_WAIT : ON_STUCK_NEW_ID;
		end_as(s, old, CAUSE_GUEST_POWEROFF);
		answer(s, OPTEE, VERDICT_ACK, CALL_DESTROYED);
		answer(s, TRUSTY, VERDICT_RETRY, CALL_DESTROYED);
		life_says(s, IN_VMM_GONE, old);
		tick_after(s, s->m.retry.active);
		assert_true(model_life(&s->m, old)->stuck);
		ask(s, REQUEST_RESTART, "web", 0);
		assert_int_equal(s->o.answer[0].refusal, REFUSED_NOT);
		if (allowed_last) {
			assert_int_equal(current(s, "web")->number, old);
			define.request.definition = malloc(sizeof(*define.request.definition));
			assert_non_null(define.request.definition);
			*define.request.definition = *definition_of(s, "web");
			define.request.definition->policies.on_stuck = ON_STUCK_NEW_ID;
			step(s, define);
		}
		assert_int_not_equal(current(s, "web")->number, old);
		assert_int_equal(current(s, "web")->now.state, VM_CREATED);
		story_end(state);
		story_begin(state);
	}
}

static void starts_by_itself_after_a_boot(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	ask(s, REQUEST_DEFINE, "web", 0);
	ask(s, REQUEST_DEFINE, "db", 0);
	definition_of(s, "web")->autostart = true;
	step(s, (struct input){ .kind = IN_AUTOSTART });
	assert_non_null(current(s, "web"));
	assert_null(current(s, "db"));
	definition_of(s, "db")->autostart = true;
	step(s, (struct input){ .kind = IN_AUTOSTART });
	assert_null(current(s, "db")); /* once for each boot */
}

/* What was stored first says in which boot, not that anybody was started in it. */
static void starts_by_itself_though_the_first_daemon_died_early(void **state)
{
	struct story *s = *state, *again;

	ask(s, REQUEST_DEFINE, "web", 0);
	definition_of(s, "web")->autostart = true;
	again = reborn(s);
	assert_false(again->m.autostart.done);
	step(again, (struct input){ .kind = IN_AUTOSTART });
	assert_non_null(current(again, "web"));
	assert_true(again->m.autostart.done);
	story_end((void **)&again);
}

/* What ran when the host went down settles still when the first daemon starts who is to start. */
static void comes_back_after_a_boot_once_its_last_life_has_settled(void **state)
{
	static const char *const both[] = { "web", "db" }; /* web requires db, and alone is to start by itself */
	struct story *s = *state, *again;
	uint64_t old[2];

	both_run(s);
	definition_of(s, "web")->autostart = true;
	ask(s, REQUEST_STOP, "db", 0);
	again = next_daemon(s, s->now, false);
	step(again, (struct input){ .kind = IN_AUTOSTART });
	for (size_t i = 0; i < 2; i++) {
		old[i] = current(again, both[i])->number;
		assert_int_equal(current(again, both[i])->now.substate, VM_SUB_RETIRING);
		assert_int_equal(model_vm_named(&again->m, both[i])->operation.operation, OP_RESTART);
	}
	meet_secure_side(again, 2, 1);
	life_says(again, IN_RECLAIMED, old[0]);
	assert_int_equal(waits(again).on, WAIT_VM);
	assert_string_equal(waits(again).name, "db");
	life_says(again, IN_RECLAIMED, old[1]);
	assert_int_not_equal(current(again, "db")->number, old[1]);
	run(again, "db");
	assert_non_null(current(again, "web"));
	story_end((void **)&again);
}

static void what_is_on_its_way_out_for_good_does_not_come_back_after_a_boot(void **state)
{
	struct story *s = *state, *again;

	meet_secure_side(s, 1, 1);
	(void)run(s, "web");
	definition_of(s, "web")->autostart = true;
	ask(s, REQUEST_DESTROY, "web", 0);
	again = next_daemon(s, s->now, false);
	step(again, (struct input){ .kind = IN_AUTOSTART });
	assert_int_equal(operation(again)->operation, OP_DESTROY);
	story_end((void **)&again);
}

#define TOLD(f) cmocka_unit_test_setup_teardown(f, story_begin, story_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TOLD(names_the_whole_circle),
		TOLD(a_start_brings_what_it_requires),
		TOLD(ends_with_what_it_requires),
		TOLD(a_running_vm_is_not_asked_anew_what_it_requires),
		TOLD(comes_back_with_what_it_requires),
		TOLD(does_not_wait_for_what_ended_before),
		TOLD(does_not_wait_for_what_is_told_to_end),
		TOLD(waits_for_an_sp_until_its_deadline_and_says_which),
		TOLD(starts_once_an_sp_is_in_order_again),
		TOLD(a_new_daemon_does_not_wait_longer_for_an_sp),
		TOLD(a_new_daemon_meets_the_secure_side_before_it_gives_up),
		TOLD(a_life_that_leaves_a_stuck_one_behind_keeps_the_order),
		TOLD(a_life_that_is_stuck_already_is_left_behind),
		TOLD(starts_by_itself_after_a_boot),
		TOLD(starts_by_itself_though_the_first_daemon_died_early),
		TOLD(comes_back_after_a_boot_once_its_last_life_has_settled),
		TOLD(what_is_on_its_way_out_for_good_does_not_come_back_after_a_boot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
