/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions come and go while lives last: what is in force at once, what waits, and what comes of a VM whose own went. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "story.h"

static struct vm_definition *definition(uint64_t memory, uint8_t on_crash)
{
	struct vm_definition *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	strcpy(d->name, "web");
	strcpy((char *)d->uuid, "web");
	d->vcpu_count = 1;
	d->memory_bytes = memory << 20;
	d->policies.on_crash = on_crash;
	d->policies.restart_window_ms = 1000;
	d->limits.build_timeout_ms = 10000;
	d->limits.announce_timeout_ms = 5000;
	d->limits.stop_timeout_ms = 60000;
	return d;
}

static const struct answer *define(struct story *s, struct vm_definition *d)
{
	step(s, (struct input){ .kind = IN_REQUEST,
			.request = { .verb = REQUEST_DEFINE, .token = 1, .name = "web", .definition = d } });
	return &s->o.answer[0];
}

static const struct answer *undefine(struct story *s, bool pending, bool by_file)
{
	step(s, (struct input){ .kind = IN_REQUEST,
			.request = { .verb = REQUEST_UNDEFINE, .token = 1, .name = "web", .pending = pending, .by_file = by_file } });
	return &s->o.answer[0];
}

static struct vm *web(struct story *s)
{
	return model_vm_named(&s->m, "web");
}

static unsigned changes(const struct story *s, enum change_kind kind)
{
	unsigned count = 0;

	for (size_t i = 0; i < s->o.changes; i++)
		count += s->o.change[i].kind == kind;
	return count;
}

static uint64_t run_web(struct story *s)
{
	meet_secure_side(s, 1, 1);
	return run(s, "web");
}

static void a_vm_without_a_life_is_defined_anew_at_once(void **state)
{
	struct story *s = *state;

	define(s, definition(2, 0));
	assert_int_equal(define(s, definition(4, 1))->refusal, REFUSED_NOT);
	assert_int_equal(web(s)->definition->memory_bytes, 4 << 20);
	assert_null(web(s)->pending);
	assert_int_equal(define(s, definition(4, 1))->seq, 0); /* the same again: nothing changes */
}

static void a_life_keeps_its_memory_and_its_policies_change(void **state)
{
	struct story *s = *state;

	run_web(s);
	assert_int_equal(define(s, definition(4, 1))->refusal, REFUSED_NOT);
	assert_int_equal(web(s)->definition->memory_bytes, 2 << 20);
	assert_int_equal(web(s)->definition->policies.on_crash, 1);
	assert_int_equal(web(s)->pending->memory_bytes, 4 << 20);
}

static void what_a_life_does_not_hinder_does_not_wait(void **state)
{
	struct story *s = *state;

	run_web(s);
	define(s, definition(2, 1));
	assert_int_equal(web(s)->definition->policies.on_crash, 1);
	assert_null(web(s)->pending);
	assert_int_equal(changes(s, CHANGE_PENDING), 0);
}

static void a_restart_takes_what_waits_once(void **state)
{
	struct story *s = *state;
	uint64_t life = run_web(s);

	define(s, definition(4, 0));
	ask(s, REQUEST_RESTART, "web", 0);
	life_says(s, IN_VMM_QUIESCED, life);
	settle(s, life);
	assert_int_equal(changes(s, CHANGE_PENDING), 1);
	assert_int_equal(current(s, "web")->begun.memory_bytes, 4 << 20);
	assert_int_equal(web(s)->definition->memory_bytes, 4 << 20);
	assert_null(web(s)->pending);
}

static void the_end_of_a_life_takes_what_waits(void **state)
{
	struct story *s = *state;
	uint64_t life = run_web(s);

	define(s, definition(4, 0));
	end_as(s, life, CAUSE_GUEST_POWEROFF);
	assert_non_null(web(s)->pending);
	settle(s, life);
	assert_null(web(s)->life);
	assert_null(web(s)->pending);
	assert_int_equal(web(s)->definition->memory_bytes, 4 << 20);
}

static void changed_back_nothing_waits(void **state)
{
	struct story *s = *state;

	run_web(s);
	define(s, definition(4, 0));
	define(s, definition(8, 0)); /* two changes are one */
	assert_int_equal(web(s)->pending->memory_bytes, 8 << 20);
	assert_int_equal(define(s, definition(2, 0))->refusal, REFUSED_NOT);
	assert_null(web(s)->pending);
}

static void a_new_daemon_knows_what_waits(void **state)
{
	struct story *s = *state, *again;

	run_web(s);
	define(s, definition(4, 0));
	again = reborn(s);
	assert_int_equal(web(again)->pending->memory_bytes, 4 << 20);
	assert_int_equal(web(again)->definition->memory_bytes, 2 << 20);
	story_end((void **)&again);
	undefine(s, true, false);
	again = reborn(s);
	assert_true(web(again)->removal);
	story_end((void **)&again);
}

static int copy_without_lives(void *model, const struct change *c)
{
	bool is_of_life = c->kind == CHANGE_LIFE || c->kind == CHANGE_STATE || c->kind == CHANGE_VMM || c->kind == CHANGE_DEBT ||
		c->kind == CHANGE_OPEN;

	return is_of_life ? 0 : story_copy(model, c);
}

/* It was to go with its life, which the log has lost. */
static void what_waits_for_a_life_that_is_lost_is_done(void **state)
{
	struct story *s = *state, *again;

	run_web(s);
	undefine(s, true, false);
	again = next_daemon_by(s, copy_without_lives, s->now, true);
	assert_null(web(again));
	story_end((void **)&again);
}

static void the_id_that_the_next_life_asks_for_is_kept(void **state)
{
	struct story *s = *state;
	struct vm_definition *d = definition(2, 0), *other = definition(2, 0);
	uint64_t life = run_web(s);

	d->ffa_id = 9;
	assert_int_equal(define(s, d)->refusal, REFUSED_NOT);
	assert_true(ids_is_reserved(&s->m.ids, 9));
	strcpy(other->name, "db");
	other->uuid[0] = 'd';
	other->ffa_id = 9;
	assert_int_equal(define(s, other)->refusal, REFUSED_EXISTS);
	end_as(s, life, CAUSE_GUEST_POWEROFF);
	settle(s, life);
	assert_true(ids_is_reserved(&s->m.ids, 9));
	undefine(s, false, false);
	assert_false(ids_is_reserved(&s->m.ids, 9));
}

static void another_uuid_is_refused_whatever_lives(void **state)
{
	struct story *s = *state;
	struct vm_definition *d = definition(2, 0);

	run_web(s);
	d->uuid[0] = 'x';
	assert_int_equal(define(s, d)->refusal, REFUSED_EXISTS);
	assert_null(web(s)->pending);
}

static void a_rehearsal_says_it_and_changes_nothing(void **state)
{
	struct story *s = *state;
	struct input in = { .kind = IN_REQUEST, .request = { .verb = REQUEST_DEFINE, .token = 1, .name = "web", .rehearsal = true } };

	in.request.definition = definition(2, 0);
	step(s, in);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_NOT);
	assert_null(web(s));
	define(s, definition(2, 0));
	in.request.definition = definition(4, 0);
	in.request.definition->uuid[0] = 'x';
	step(s, in);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_EXISTS);
	assert_int_equal(s->o.changes, 0);
}

static void what_lives_is_not_undefined(void **state)
{
	struct story *s = *state;

	run_web(s);
	assert_int_equal(undefine(s, false, false)->refusal, REFUSED_ILLEGAL_TRANSITION);
	assert_false(web(s)->removal);
	assert_int_equal(web(s)->refused, 1);
}

static void it_goes_with_its_life_whatever_its_policies_say(void **state)
{
	struct story *s = *state;
	uint64_t life = run_web(s);

	define(s, definition(2, 1));
	assert_int_equal(undefine(s, true, false)->refusal, REFUSED_NOT);
	ask(s, REQUEST_RESTART, "web", 0);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_ILLEGAL_TRANSITION);
	end_as(s, life, CAUSE_GUEST_PANIC);
	assert_int_equal(operation(s)->operation, OP_NONE);
	settle(s, life);
	assert_null(web(s));
}

static void a_restart_under_way_ends_with_it(void **state)
{
	struct story *s = *state;
	uint64_t life = run_web(s);

	ask(s, REQUEST_RESTART, "web", 0);
	undefine(s, true, false);
	assert_int_equal(operation(s)->operation, OP_NONE);
	life_says(s, IN_VMM_QUIESCED, life);
	settle(s, life);
	assert_null(web(s));
}

static void defined_again_it_stays(void **state)
{
	struct story *s = *state;
	uint64_t life = run_web(s);

	undefine(s, true, false);
	define(s, definition(4, 0));
	assert_false(web(s)->removal);
	end_as(s, life, CAUSE_GUEST_POWEROFF);
	settle(s, life);
	assert_int_equal(web(s)->definition->memory_bytes, 4 << 20);
}

static void a_file_and_d_bus_do_not_take_a_vm_from_each_other(void **state)
{
	struct story *s = *state;
	struct vm_definition *file = definition(4, 0);

	define(s, definition(2, 0));
	file->from_file = 1;
	assert_int_equal(define(s, file)->refusal, REFUSED_OTHER_SOURCE);
	undefine(s, false, true); /* the file of a VM that D-Bus defined */
	assert_non_null(web(s));
	assert_int_equal(undefine(s, false, false)->refusal, REFUSED_NOT);
	assert_null(web(s));
	file = definition(4, 0);
	file->from_file = 1;
	assert_int_equal(define(s, file)->refusal, REFUSED_NOT);
	assert_int_equal(define(s, definition(2, 0))->refusal, REFUSED_OTHER_SOURCE);
	assert_int_equal(undefine(s, false, false)->refusal, REFUSED_OTHER_SOURCE);
	undefine(s, false, true);
	assert_null(web(s));
}

static void the_definitions_of_a_turn_are_those_that_it_stores(void **state)
{
	struct story *s = *state;
	struct input in = { .kind = IN_REQUEST, .request = { .verb = REQUEST_DEFINE, .name = "web" }, .now = s->now };

	step_out_clear(&s->o);
	for (unsigned i = 1; i <= 8; i++) { /* one turn */
		in.request.definition = definition(2 * i, 0);
		assert_int_equal(step_reserve(&s->o, &s->m, &in), 0);
		model_step(&s->m, &in, 1, &s->o);
	}
	assert_int_equal(s->o.changes, 8);
	for (unsigned i = 1; i <= 8; i++)
		assert_int_equal(s->o.change[i - 1].definition->memory_bytes, (2 * i) << 20);
	model_empty_graves(&s->m);
	assert_int_equal(web(s)->definition->memory_bytes, 16 << 20);
}

int main(void)
{
#define TOLD(f) cmocka_unit_test_setup_teardown(f, story_begin, story_end)
	const struct CMUnitTest tests[] = {
		TOLD(a_vm_without_a_life_is_defined_anew_at_once),
		TOLD(a_life_keeps_its_memory_and_its_policies_change),
		TOLD(what_a_life_does_not_hinder_does_not_wait),
		TOLD(a_restart_takes_what_waits_once),
		TOLD(the_end_of_a_life_takes_what_waits),
		TOLD(changed_back_nothing_waits),
		TOLD(a_new_daemon_knows_what_waits),
		TOLD(what_waits_for_a_life_that_is_lost_is_done),
		TOLD(the_id_that_the_next_life_asks_for_is_kept),
		TOLD(another_uuid_is_refused_whatever_lives),
		TOLD(a_rehearsal_says_it_and_changes_nothing),
		TOLD(what_lives_is_not_undefined),
		TOLD(it_goes_with_its_life_whatever_its_policies_say),
		TOLD(a_restart_under_way_ends_with_it),
		TOLD(defined_again_it_stays),
		TOLD(a_file_and_d_bus_do_not_take_a_vm_from_each_other),
		TOLD(the_definitions_of_a_turn_are_those_that_it_stores),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
