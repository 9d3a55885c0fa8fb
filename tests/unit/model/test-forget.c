/* SPDX-License-Identifier: Apache-2.0 */

/* An operator gives up what a stuck life owes: who may be forgotten, and what becomes of the id. */
#include "story.h"

#include <stdlib.h>
#include <string.h>

static enum refusal forget(struct story *s, const char *name, uint64_t life, uint16_t sp)
{
	struct input in = { .kind = IN_REQUEST,
		.request = { .verb = REQUEST_FORGET, .life = life, .sp = sp, .uid = 1000, .token = 1 } };

	strcpy(in.request.name, name);
	step(s, in);
	assert_int_equal(s->o.answers, 1);
	assert_true(s->o.answer[0].text[0]);
	return s->o.answer[0].refusal;
}

static void later(struct story *s, uint64_t ms)
{
	s->now += ms * MS;
	step(s, (struct input){ .kind = IN_TICK });
}

/* TRUSTY answers RETRY for ever, OPTEE took the end. */
static uint64_t stick(struct story *s, const char *name)
{
	uint64_t life = run(s, name);

	life_says(s, IN_VMM_GONE, life);
	answer(s, OPTEE, VERDICT_ACK, CALL_DESTROYED);
	answer(s, TRUSTY, VERDICT_RETRY, CALL_DESTROYED);
	later(s, 5001);
	if (model_sp(&s->m, TRUSTY)->out)
		answer(s, TRUSTY, VERDICT_RETRY, CALL_DESTROYED);
	assert_true(model_life(&s->m, life)->stuck);
	return life;
}

static const struct change *find_change(const struct story *s, enum change_kind kind)
{
	for (size_t i = 0; i < s->o.changes; i++)
		if (s->o.change[i].kind == kind)
			return &s->o.change[i];
	return NULL;
}

static void is_refused_where_nobody_is_stuck(void **state)
{
	struct story *s = *state;
	uint64_t life;

	meet_secure_side(s, 1, 1);
	assert_int_equal(forget(s, "web", 0, 0), REFUSED_NO_SUCH_VM);
	life = run(s, "web");
	assert_int_equal(forget(s, "web", 0, 0), REFUSED_ILLEGAL_TRANSITION);
	assert_non_null(strstr(s->o.answer[0].text, "goes on"));
	assert_int_equal(forget(s, "web", life + 1, 0), REFUSED_WRONG_LIFE);
	life_says(s, IN_VMM_GONE, life);
	assert_int_equal(forget(s, "web", 0, 0), REFUSED_ILLEGAL_TRANSITION); /* in its active phase */
	assert_non_null(strstr(s->o.answer[0].text, "not stuck yet"));
	answer(s, OPTEE, VERDICT_ACK, CALL_DESTROYED);
	assert_int_equal(forget(s, "web", 0, OPTEE), REFUSED_ILLEGAL_TRANSITION); /* it owes nothing there */
	assert_int_equal(forget(s, "web", 0, 0x8777), REFUSED_INVALID_ARGUMENT);
	answer(s, TRUSTY, VERDICT_ACK, CALL_DESTROYED);
	assert_int_equal(forget(s, "web", 0, 0), REFUSED_ILLEGAL_TRANSITION); /* reclaiming */
	assert_int_equal(s->o.changes, 0);
	life_says(s, IN_RECLAIMED, life);
	assert_int_equal(forget(s, "web", 0, 0), REFUSED_WRONG_LIFE);
	assert_int_equal(s->m.burned.count, 0);
}

static void gives_memory_back_and_burns_the_id(void **state)
{
	struct story *s = *state;
	uint64_t life;
	uint16_t id;

	ids_init(&s->m.ids, 7, 7);
	meet_secure_side(s, 1, 1);
	life = stick(s, "web");
	id = current(s, "web")->begun.endpoint;
	assert_int_equal(forget(s, "web", life, TRUSTY), REFUSED_NOT);
	assert_true(s->o.answer[0].forgot);
	assert_non_null(strstr(s->o.answer[0].text, "uid 1000 had life "));
	assert_int_equal(find_change(s, CHANGE_DEBT)->debt.how, HOW_FORGOT);
	assert_int_equal(find_change(s, CHANGE_BURNED)->burned.endpoint, id);
	assert_non_null(find_output(s, OUT_RECLAIM, 0));
	life_says(s, IN_RECLAIMED, life);
	assert_null(current(s, "web"));
	ask(s, REQUEST_START, "web", 0);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_NO_FREE_ID);
	assert_non_null(strstr(s->o.answer[0].text, "1 burned"));
	meet_secure_side(s, 1, 2); /* each SP is another instance now */
	assert_true(find_change(s, CHANGE_BURNED)->burned.released);
	ask(s, REQUEST_START, "web", 0);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_NOT);
	assert_int_equal(current(s, "web")->begun.endpoint, id);
}

static void a_released_id_waits_for_its_life(void **state)
{
	struct story *s = *state;
	uint64_t life;

	ids_init(&s->m.ids, 7, 7);
	meet_secure_side(s, 1, 1);
	life = stick(s, "web");
	assert_int_equal(forget(s, "web", 0, 0), REFUSED_NOT);
	meet_secure_side(s, 1, 2);
	assert_int_equal(s->m.burned.count, 0);
	assert_int_equal(model_pick_id(&s->m, 0), 0);
	life_says(s, IN_RECLAIMED, life);
	assert_int_equal(model_pick_id(&s->m, 0), 7);
}

/* Its VM was destroyed: the number alone names it. What is burned is in the snapshot. */
static void survives_a_snapshot(void **state)
{
	struct story *s = *state;
	struct model *copy = malloc(sizeof(*copy));
	uint64_t life;
	uint16_t id;

	assert_non_null(copy);
	meet_secure_side(s, 1, 1);
	life = stick(s, "web");
	id = current(s, "web")->begun.endpoint;
	assert_int_equal(forget(s, "", life, 0), REFUSED_NOT);
	life_says(s, IN_RECLAIMED, life);
	assert_int_equal(model_init(copy, 1), 0);
	assert_int_equal(model_snapshot(&s->m, story_copy, copy), 0);
	assert_true(model_is_burned(copy, id));
	assert_int_equal(model_pick_id(copy, id), 0);
	assert_int_equal(model_burned(copy, life, TRUSTY)->what.endpoint, id);
	model_clear(copy);
	free(copy);
}

/* The SP cannot be reached, and may never be again: nobody has to wait until the life is called stuck. */
static void needs_no_patience_without_a_link(void **state)
{
	struct story *s = *state;
	uint64_t life;

	meet_secure_side(s, 1, 1);
	life = run(s, "web");
	life_says(s, IN_VMM_GONE, life);
	step(s, (struct input){ .kind = IN_SECURE_DOWN });
	assert_int_equal(forget(s, "web", 0, OPTEE), REFUSED_NOT);
	assert_null(find_output(s, OUT_RECLAIM, 0)); /* one is still owed */
	assert_int_equal(forget(s, "web", 0, TRUSTY), REFUSED_NOT);
	assert_non_null(find_output(s, OUT_RECLAIM, 0));
	assert_int_equal(s->m.burned.count, 2);
	life_says(s, IN_RECLAIMED, life);
	/* What was under way when the link broke may be open there: it is asked for under its burned id. */
	meet_secure_side(s, 1, 1);
	assert_true(sends(s, TRUSTY, CALL_DESTROYED));
	assert_int_equal(find_output(s, OUT_SECURE_CALL, TRUSTY)->call.life, life);
	answer(s, TRUSTY, VERDICT_RETRY, CALL_DESTROYED);
	later(s, 100);
	assert_false(sends(s, TRUSTY, CALL_DESTROYED)); /* it was told that nothing is open; the debt is no more */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(is_refused_where_nobody_is_stuck, story_begin, story_end),
		cmocka_unit_test_setup_teardown(gives_memory_back_and_burns_the_id, story_begin, story_end),
		cmocka_unit_test_setup_teardown(a_released_id_waits_for_its_life, story_begin, story_end),
		cmocka_unit_test_setup_teardown(survives_a_snapshot, story_begin, story_end),
		cmocka_unit_test_setup_teardown(needs_no_patience_without_a_link, story_begin, story_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
