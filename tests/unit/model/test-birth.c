/* SPDX-License-Identifier: Apache-2.0 */

/* A VMM that somebody else started: a start as any other, and it waits for its life with its connection kept. */

#include <stdlib.h>
#include <string.h>

#include "story.h"

static void comes(struct story *s, enum input_kind kind, const char *name, uint64_t connection, uint64_t life)
{
	struct input in = { .kind = kind, .life = life, .newborn = { .connection = connection, .pid = 4711 } };

	strcpy(in.newborn.name, name);
	step(s, in);
}

static const struct output *is_refused(const struct story *s, uint64_t connection)
{
	const struct output *o = find_output(s, OUT_VMM_REFUSE, 0);

	assert_non_null(o);
	assert_int_equal(o->connection, connection);
	return o;
}

static void begins_the_life_it_is_given(void **state)
{
	struct story *s = *state;
	const struct output *o;
	uint64_t life;

	ask(s, REQUEST_DEFINE, "a", 0);
	comes(s, IN_VMM_NEWBORN, "a", 7, 0);
	o = find_output(s, OUT_VMM_START, 0);
	assert_non_null(o);
	assert_int_equal(o->connection, 7);
	life = o->life;
	assert_int_equal(model_vm_named(&s->m, "a")->operation.operation, OP_START);
	comes(s, IN_VMM_NEWBORN, "a", 7, life);
	o = find_output(s, OUT_VMM_BIRTH, 0);
	assert_non_null(o);
	assert_int_equal(o->connection, 7);
	assert_int_equal(current(s, "a")->vmm.pid, 4711);
	/* whoever comes now is one too many */
	comes(s, IN_VMM_NEWBORN, "a", 8, 0);
	(void)is_refused(s, 8);
}

static void is_handed_the_life_that_waits_for_another(void **state)
{
	struct story *s = *state;
	const struct output *o;

	ask(s, REQUEST_DEFINE, "a", 0);
	ask(s, REQUEST_START, "a", 0);
	assert_int_equal(find_output(s, OUT_VMM_START, 0)->connection, 0);
	comes(s, IN_VMM_NEWBORN, "a", 7, 0);
	o = find_output(s, OUT_VMM_START, 0);
	assert_non_null(o);
	assert_int_equal(o->connection, 7);
	assert_int_equal(o->life, current(s, "a")->number);
}

static void is_refused_what_a_user_would_be(void **state)
{
	struct story *s = *state;
	struct input leave = { .kind = IN_SHUTDOWN };

	comes(s, IN_VMM_NEWBORN, "nobody", 7, 0);
	assert_non_null(strstr(is_refused(s, 7)->reason, "no VM has this name"));
	ask(s, REQUEST_DEFINE, "a", 0);
	s->m.memory_limit = 1;
	comes(s, IN_VMM_NEWBORN, "a", 8, 0);
	assert_non_null(strstr(is_refused(s, 8)->reason, "guest memory"));
	assert_int_equal(model_vm_named(&s->m, "a")->operation.operation, OP_NONE);
	s->m.memory_limit = 0;
	step(s, leave);
	comes(s, IN_VMM_NEWBORN, "a", 9, 0);
	assert_non_null(strstr(is_refused(s, 9)->reason, "stopping"));
	assert_null(current(s, "a"));
}

static void waits_for_the_life_before(void **state)
{
	struct story *s = *state;
	uint64_t life;

	meet_secure_side(s, 1, 1);
	life = run(s, "a");
	life_says(s, IN_VMM_GONE, life);
	assert_int_equal(current(s, "a")->now.state, VM_ABORTING);
	comes(s, IN_VMM_NEWBORN, "a", 7, 0);
	assert_null(find_output(s, OUT_VMM_REFUSE, 0));
	assert_null(find_output(s, OUT_VMM_START, 0));
	answer(s, TRUSTY, VERDICT_ACK, CALL_DESTROYED);
	answer(s, OPTEE, VERDICT_ACK, CALL_DESTROYED);
	life_says(s, IN_RECLAIMED, life);
	assert_non_null(find_output(s, OUT_VMM_START, 0));
	assert_int_equal(find_output(s, OUT_VMM_START, 0)->connection, 7);
	assert_true(current(s, "a")->number > life);
}

static void an_abort_ends_its_wait(void **state)
{
	struct story *s = *state;
	uint64_t life;

	meet_secure_side(s, 1, 1);
	life = run(s, "a");
	life_says(s, IN_VMM_GONE, life);
	comes(s, IN_VMM_NEWBORN, "a", 7, 0);
	ask(s, REQUEST_ABORT, "a", 0);
	assert_non_null(strstr(is_refused(s, 7)->reason, "cancelled"));
	assert_int_equal(model_vm_named(&s->m, "a")->waiter, 0);
}

static void define_after(struct story *s, const char *name, const char *first)
{
	struct input in = { .kind = IN_REQUEST, .request.verb = REQUEST_DEFINE, .request.token = 1 };
	struct vm_definition *d;

	ask(s, REQUEST_DEFINE, name, 0);
	d = malloc(sizeof(*d));
	assert_non_null(d);
	*d = *model_vm_named(&s->m, name)->definition;
	strcpy(d->after[0], first);
	d->after_count = 1;
	in.request.definition = d;
	step(s, in);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_NOT);
}

/* The first VMM died before its birth, and that is told when the second has the life. */
static void a_death_told_late_is_not_that_of_another(void **state)
{
	struct story *s = *state;
	struct input born = { .kind = IN_VMM_NEWBORN, .newborn = { .name = "a", .connection = 9, .pid = 4712 } };
	uint64_t life;

	ask(s, REQUEST_DEFINE, "a", 0);
	ask(s, REQUEST_START, "a", 0);
	life = born.life = current(s, "a")->number;
	step(s, born);
	assert_non_null(find_output(s, OUT_VMM_BIRTH, 0));
	step(s, (struct input){ .kind = IN_VMM_GONE, .life = life, .pid = 4711 });
	assert_int_equal(current(s, "a")->now.state, VM_CREATED);
	step(s, (struct input){ .kind = IN_VMM_GONE, .life = life, .pid = 4712 });
	assert_int_equal(current(s, "a")->now.state, VM_ABORTING);
}

/* A wish that was its alone goes with it; that of a user stays. */
static void takes_its_wish_along(void **state)
{
	struct story *s = *state;
	struct vm *vm;

	define_after(s, "b", "a");
	vm = model_vm_named(&s->m, "b");
	comes(s, IN_VMM_NEWBORN, "b", 7, 0);
	assert_int_equal(vm->operation.operation, OP_START);
	comes(s, IN_VMM_LEFT, "b", 7, 0);
	assert_int_equal(vm->operation.operation, OP_NONE);
	comes(s, IN_VMM_NEWBORN, "b", 8, 0);
	ask(s, REQUEST_START, "b", 0);
	comes(s, IN_VMM_LEFT, "b", 8, 0);
	assert_int_equal(vm->operation.operation, OP_START);
	assert_int_equal(vm->waiter, 0);
	meet_secure_side(s, 1, 1);
	(void)run(s, "a");
	step(s, (struct input){ .kind = IN_TICK });
	assert_int_equal(current(s, "b")->now.state, VM_CREATED);
}

/* The daemon died between the record of its VMM and the birth: the next one finds the lock free, and nobody's last words. */
static void one_that_was_never_born_gets_another_vmm(void **state)
{
	struct story *s = *state, *again;
	struct input gone = { .kind = IN_VMM_GONE, .end.cause = CAUSE_VMM_GONE };

	ask(s, REQUEST_DEFINE, "a", 0);
	ask(s, REQUEST_START, "a", 0);
	gone.life = current(s, "a")->number;
	comes(s, IN_VMM_NEWBORN, "a", 7, gone.life);
	again = reborn(s);
	assert_null(find_output(again, OUT_VMM_START, 0)); /* it may have been born, and come back */
	step(again, gone);
	assert_int_equal(find_output(again, OUT_VMM_START, 0)->life, gone.life);
	assert_int_equal(current(again, "a")->now.substate, VM_SUB_ALLOCATING);
	comes(again, IN_VMM_NEWBORN, "a", 8, gone.life);
	assert_int_equal(find_output(again, OUT_VMM_BIRTH, 0)->connection, 8);
	/* this daemon saw how far it had come */
	step(again, gone);
	assert_null(find_output(again, OUT_VMM_START, 0));
	assert_int_equal(current(again, "a")->now.state, VM_ABORTING);
	(void)story_end((void **)&again);
}

static void one_that_said_why_it_died_while_it_built_has_ended(void **state)
{
	struct story *s = *state, *again;
	struct input gone = { .kind = IN_VMM_GONE, .end.cause = CAUSE_START_FAILED };

	ask(s, REQUEST_DEFINE, "a", 0);
	ask(s, REQUEST_START, "a", 0);
	gone.life = current(s, "a")->number;
	comes(s, IN_VMM_NEWBORN, "a", 7, gone.life);
	again = reborn(s);
	step(again, gone);
	assert_null(find_output(again, OUT_VMM_START, 0));
	assert_int_equal(current(again, "a")->now.state, VM_ABORTING);
	(void)story_end((void **)&again);
}

/* It came back, so it had the life: what it built is gone with it, and that is an end. */
static void one_that_came_back_and_died_while_it_built_has_ended(void **state)
{
	struct story *s = *state, *again;
	struct input gone = { .kind = IN_VMM_GONE, .end.cause = CAUSE_VMM_GONE };

	ask(s, REQUEST_DEFINE, "a", 0);
	ask(s, REQUEST_START, "a", 0);
	gone.life = current(s, "a")->number;
	comes(s, IN_VMM_NEWBORN, "a", 7, gone.life);
	again = reborn(s);
	step(again, (struct input){ .kind = IN_VMM_BACK, .life = gone.life, .back = { .phase = VMM_PHASE_BUILDING } });
	step(again, gone);
	assert_null(find_output(again, OUT_VMM_START, 0));
	assert_int_equal(current(again, "a")->now.state, VM_ABORTING);
	(void)story_end((void **)&again);
}

#define TOLD(f) cmocka_unit_test_setup_teardown(f, story_begin, story_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TOLD(begins_the_life_it_is_given),
		TOLD(is_handed_the_life_that_waits_for_another),
		TOLD(is_refused_what_a_user_would_be),
		TOLD(waits_for_the_life_before),
		TOLD(an_abort_ends_its_wait),
		TOLD(a_death_told_late_is_not_that_of_another),
		TOLD(takes_its_wish_along),
		TOLD(one_that_was_never_born_gets_another_vmm),
		TOLD(one_that_came_back_and_died_while_it_built_has_ended),
		TOLD(one_that_said_why_it_died_while_it_built_has_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
