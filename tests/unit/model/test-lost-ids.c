/* SPDX-License-Identifier: Apache-2.0 */

/* Ids of lives that a record told of which could not be loaded: nobody knows who was told of them, so nobody gets them. */
#include "story.h"

#include <stdlib.h>

#define LOST 5

static void drop(struct story *s)
{
	model_clear(&s->m);
	step_out_free(&s->o);
	free(s);
}

/* The next daemon: it is told twice of an id that it does not know whose it is. The story goes on with it. */
static struct story *loses(void **state, uint16_t id)
{
	struct story *s = *state, *again = calloc(1, sizeof(*again));

	assert_non_null(again);
	again->now = s->now + 1000 * MS;
	assert_int_equal(model_init(&again->m, 7), 0);
	again->m.has_secure_side = true;
	assert_int_equal(model_snapshot(&s->m, story_copy, &again->m), 0);
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

static unsigned burns(const struct story *s, uint16_t id)
{
	unsigned n = 0;

	for (size_t i = 0; i < s->o.changes; i++)
		n += s->o.change[i].kind == CHANGE_BURNED && s->o.change[i].burned.endpoint == id && !s->o.change[i].burned.released;
	return n;
}

static void an_id_is_burned_once_at_every_sp(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	s = loses(state, LOST);
	assert_int_equal(burns(s, LOST), s->m.sp_count);
	assert_true(model_is_burned(&s->m, LOST));
	assert_int_equal(model_pick_id(&s->m, LOST), 0);
	for (unsigned i = 0; i < FFA_ID_VM_LAST; i++) {
		uint16_t id = model_pick_id(&s->m, 0);

		if (!id)
			break;
		assert_int_not_equal(id, LOST);
		ids_take(&s->m.ids, id);
	}
}

static void it_stays_burned_for_the_next_daemon(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	(void)loses(state, LOST);
	s = loses(state, 0);
	assert_true(model_is_burned(&s->m, LOST));
	assert_int_equal(burns(s, LOST), 0);
}

static void it_is_free_when_every_sp_is_another(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	s = loses(state, LOST);
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
		STORY(an_id_is_burned_once_at_every_sp),
		STORY(it_stays_burned_for_the_next_daemon),
		STORY(it_is_free_when_every_sp_is_another),
		STORY(an_id_that_lives_is_burned_too),
		STORY(what_is_no_id_of_a_vm_is_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
