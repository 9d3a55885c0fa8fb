/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Ids of lives that a record told of which could not be loaded: nobody knows who was told of them, so nobody gets them. Before
 * SPs are met whoever needs one waits.
 */
#include "story.h"

#include <stdlib.h>

#include "model/outputs.h"

#define LOST 5

static void drop(struct story *s)
{
	model_clear(&s->m);
	step_out_free(&s->o);
	free(s);
}

/* The next daemon, after `log` or, NULL, an empty one: told twice of an id that it does not know whose it is. The story goes on with it. */
static struct story *loses_of(void **state, const struct model *log, uint16_t id, bool has_secure_side)
{
	struct story *s = *state, *again = calloc(1, sizeof(*again));

	assert_non_null(again);
	again->now = s->now + 1000 * MS;
	assert_int_equal(model_init(&again->m, 7), 0);
	again->m.has_secure_side = has_secure_side;
	if (log)
		assert_int_equal(model_snapshot(log, story_copy, &again->m), 0);
	if (id) {
		assert_int_equal(model_lose_id(&again->m, id), 0);
		assert_int_equal(model_lose_id(&again->m, id), 0);
	}
	assert_int_equal(step_reserve_resume(&again->o, &again->m), 0);
	model_resume(&again->m, again->now, 1, true, &again->o);
	drop(s);
	*state = again;
	return again;
}

static struct story *loses(void **state, uint16_t id)
{
	return loses_of(state, &((struct story *)*state)->m, id, true);
}

/* With one VM, "web", and one id that it may have. */
static struct story *loses_all(void **state, uint16_t fixed_id, bool has_secure_side)
{
	struct story *s = loses_of(state, NULL, LOST, has_secure_side);

	ids_init(&s->m.ids, LOST, fixed_id ? LOST + 9 : LOST);
	ids_take(&s->m.ids, LOST); /* as it was */
	ask(s, REQUEST_DEFINE, "web", 0);
	model_vm_named(&s->m, "web")->definition->ffa_id = fixed_id;
	return s;
}

static unsigned burns(const struct story *s, uint16_t id)
{
	unsigned n = 0;

	for (size_t i = 0; i < s->o.changes; i++)
		n += s->o.change[i].kind == CHANGE_BURNED && s->o.change[i].burned.endpoint == id && !s->o.change[i].burned.released;
	return n;
}

static unsigned burned_at(const struct story *s, uint16_t id)
{
	unsigned n = 0;

	for (size_t i = 0; i < s->m.burned.count; i++)
		n += s->m.burned.at[i].what.endpoint == id;
	return n;
}

static bool can_be_picked(struct story *s, uint16_t wanted)
{
	for (unsigned i = 0; i < FFA_ID_VM_LAST; i++) {
		uint16_t id = model_pick_id(&s->m, 0);

		if (!id || id == wanted)
			return id;
		ids_take(&s->m.ids, id);
	}
	return false;
}

static void an_id_is_burned_once_at_every_sp_that_is_met(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	s = loses(state, LOST);
	assert_int_equal(burns(s, LOST), 1);
	assert_non_null(model_burned(&s->m, s->m.burned.at[0].life, 0));
	assert_int_equal(model_pick_id(&s->m, LOST), 0);
	meet_secure_side(s, 1, 1);
	assert_int_equal(burns(s, LOST), s->m.sp_count);
	assert_int_equal(burned_at(s, LOST), s->m.sp_count);
	assert_null(model_burned(&s->m, s->m.burned.at[0].life, 0));
	assert_int_equal(model_pick_id(&s->m, LOST), 0);
	assert_false(can_be_picked(s, LOST));
}

/* Whether they restarted before that life or after may be what was lost. */
static void sps_that_are_others_than_on_record_may_know_it(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	s = loses(state, LOST);
	meet_secure_side(s, 2, 2);
	assert_int_equal(burned_at(s, LOST), s->m.sp_count);
	assert_int_equal(model_pick_id(&s->m, LOST), 0);
}

static void where_no_sp_is_on_record_an_id_is_kept_back_too(void **state)
{
	struct story *s = loses_of(state, NULL, LOST, true);

	assert_int_equal(burned_at(s, LOST), 1);
	assert_false(can_be_picked(s, LOST));
	s = loses(state, 0);
	assert_int_equal(burned_at(s, LOST), 1);
	assert_int_equal(model_pick_id(&s->m, LOST), 0);
	meet_secure_side(s, 1, 1);
	assert_int_equal(burned_at(s, LOST), s->m.sp_count);
	assert_int_equal(model_pick_id(&s->m, LOST), 0);
}

static void a_secure_world_without_sps_knows_nobody(void **state)
{
	struct secure_world *none = calloc(1, sizeof(*none));
	struct story *s = loses_of(state, NULL, LOST, true);

	assert_non_null(none);
	step(s, (struct input) { .kind = IN_SECURE_UP, .world = none });
	assert_int_equal(burned_at(s, LOST), 0);
	assert_int_equal(model_pick_id(&s->m, LOST), LOST);
}

static void a_host_without_a_secure_side_gives_it_at_once(void **state)
{
	struct story *s = loses_all(state, 0, false);

	assert_int_equal(burned_at(s, LOST), 0);
	ids_give_back(&s->m.ids, LOST);
	ask(s, REQUEST_START, "web", 0);
	assert_int_equal(current(s, "web")->begun.endpoint, LOST);
}

/* Nor one that had a secure side, and is started without. */
static void a_daemon_that_is_told_of_no_secure_side_waits_for_none(void **state)
{
	struct story *s = loses_of(state, NULL, LOST, true);

	s = loses_of(state, &s->m, 0, false);
	assert_int_equal(burned_at(s, LOST), 0);
	assert_int_equal(model_pick_id(&s->m, LOST), LOST);
}

/* ---- who needs one ---- */

static void waits_for_the_secure_side(struct story *s)
{
	assert_int_equal(s->o.answer[0].refusal, REFUSED_NOT);
	assert_null(current(s, "web"));
	assert_int_equal(operation(s)->operation, OP_START);
	assert_int_equal(waits(s).on, WAIT_SECURE_LINK);
	assert_int_equal(waits(s).since, operation(s)->since);
	tick_after(s, 3600000 * MS);
	assert_null(current(s, "web"));
	assert_int_equal(waits(s).on, WAIT_SECURE_LINK);
}

static void who_has_no_other_waits_until_sps_are_met(void **state)
{
	struct story *s = loses_all(state, 0, true);

	ask(s, REQUEST_START, "web", 0);
	waits_for_the_secure_side(s);
	meet_secure_side(s, 1, 1);
	tick_after(s, 0);
	assert_null(current(s, "web")); /* they may know it */
	assert_int_equal(model_vm_named(&s->m, "web")->end.cause, CAUSE_START_FAILED);
	meet_secure_side(s, 2, 2);
	ask(s, REQUEST_START, "web", 0);
	assert_int_equal(current(s, "web")->begun.endpoint, LOST);
}

static void who_asks_for_that_id_waits_too(void **state)
{
	struct secure_world *none = calloc(1, sizeof(*none));
	struct story *s = loses_all(state, LOST, true);

	assert_non_null(none);
	ask(s, REQUEST_START, "web", 0);
	waits_for_the_secure_side(s);
	step(s, (struct input) { .kind = IN_SECURE_UP, .world = none });
	tick_after(s, 0);
	assert_int_equal(current(s, "web")->begun.endpoint, LOST);
}

static void who_waits_can_be_taken_back(void **state)
{
	struct story *s = loses_all(state, LOST, true);

	ask(s, REQUEST_START, "web", 0);
	ask(s, REQUEST_CANCEL, "web", 0);
	assert_int_equal(operation(s)->operation, OP_NONE);
	meet_secure_side(s, 1, 1);
	tick_after(s, 0);
	assert_null(current(s, "web"));
}

static void who_can_have_another_does_not_wait(void **state)
{
	struct story *s = loses_of(state, NULL, LOST, true);

	ask(s, REQUEST_DEFINE, "web", 0);
	ask(s, REQUEST_START, "web", 0);
	assert_non_null(current(s, "web"));
	assert_int_not_equal(current(s, "web")->begun.endpoint, LOST);
}

/* ---- who has it ---- */

static void it_stays_burned_for_the_next_daemon(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	s = loses(state, LOST);
	meet_secure_side(s, 1, 1);
	s = loses(state, 0);
	assert_true(model_is_burned(&s->m, LOST));
	assert_int_equal(burns(s, LOST), 0);
}

static void it_is_free_when_every_sp_is_another(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	s = loses(state, LOST);
	meet_secure_side(s, 1, 1);
	meet_secure_side(s, 2, 2);
	assert_false(model_is_burned(&s->m, LOST));
	assert_int_equal(model_pick_id(&s->m, LOST), LOST);
}

/* Whoever has it lives: his end does not free it. */
static void an_id_that_lives_is_burned_too(void **state)
{
	struct story *s = *state;
	uint64_t life;
	uint16_t id;

	meet_secure_side(s, 1, 1);
	life = run(s, "web");
	id = model_life(&s->m, life)->begun.endpoint;
	s = loses(state, id);
	meet_secure_side(s, 1, 1);
	end_as(s, life, CAUSE_GUEST_POWEROFF);
	settle(s, life);
	assert_null(model_life(&s->m, life));
	assert_int_equal(model_pick_id(&s->m, id), 0);
}

static void what_is_no_id_of_a_vm_is_passed_over(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	s = loses(state, 0x8001);
	assert_int_equal(burns(s, 0x8001), 0);
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, story_begin, story_end)
	const struct CMUnitTest tests[] = {
		STORY(an_id_is_burned_once_at_every_sp_that_is_met),
		STORY(sps_that_are_others_than_on_record_may_know_it),
		STORY(where_no_sp_is_on_record_an_id_is_kept_back_too),
		STORY(a_secure_world_without_sps_knows_nobody),
		STORY(a_host_without_a_secure_side_gives_it_at_once),
		STORY(a_daemon_that_is_told_of_no_secure_side_waits_for_none),
		STORY(who_has_no_other_waits_until_sps_are_met),
		STORY(who_asks_for_that_id_waits_too),
		STORY(who_waits_can_be_taken_back),
		STORY(who_can_have_another_does_not_wait),
		STORY(it_stays_burned_for_the_next_daemon),
		STORY(it_is_free_when_every_sp_is_another),
		STORY(an_id_that_lives_is_burned_too),
		STORY(what_is_no_id_of_a_vm_is_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
