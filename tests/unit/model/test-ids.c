/* SPDX-License-Identifier: Apache-2.0 */

/* Who gets which FF-A id, and what is said when there is none. */
#include "story.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT 40 /* ids in the small ranges below */

/* ---- the list, against one that is told as a plain array ---- */

struct plain {
	uint16_t id[COUNT];
	size_t count;
};

static void plain_take(struct plain *p, uint16_t id)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->id[i] == id) {
			memmove(&p->id[i], &p->id[i + 1], (p->count - i - 1) * sizeof(*p->id));
			p->count--;
			return;
		}
}

static void plain_give_back(struct plain *p, uint16_t id)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->id[i] == id)
			return;
	p->id[p->count++] = id;
}

static void assert_same(const struct ids *ids, const struct plain *p)
{
	uint16_t order[COUNT], id = 0;
	char text[14]; /* room for one run */
	size_t count = 0;

	while ((id = ids_print(ids, id, text, sizeof(text)))) {
		unsigned first, last;

		if (sscanf(text, "%u-%u", &first, &last) == 1)
			last = first;
		for (; first <= last; first++) {
			assert_true(count < COUNT);
			order[count++] = (uint16_t)first;
		}
	}
	assert_int_equal(count, p->count);
	assert_memory_equal(order, p->id, count * sizeof(*order));
}

static void copy_by_text(const struct ids *from, struct ids *to)
{
	char text[IDS_TEXT_MAX + 1];
	uint16_t last = 0;

	for (uint16_t id = from->first; id <= from->last; id++)
		if (!from->next[id])
			ids_take(to, id);
	while ((last = ids_print(from, last, text, sizeof(text))))
		assert_int_equal(ids_place(to, text), 0);
}

static void gives_out_what_was_free_longest(void **state)
{
	struct ids *ids = malloc(2 * sizeof(*ids)), *copy = ids + 1;
	struct plain p = { .count = 0 };

	assert_non_null(ids);
	srand(3);
	ids_init(ids, 100, 100 + COUNT - 1);
	for (uint16_t id = 100; id < 100 + COUNT; id++)
		plain_give_back(&p, id);
	for (unsigned round = 0; round < 20000; round++) {
		uint16_t id = (uint16_t)(100 + rand() % COUNT);

		assert_int_equal(ids_longest_free(ids), p.count ? p.id[0] : 0);
		if (rand() % 3 == 0) {
			ids_give_back(ids, id);
			plain_give_back(&p, id);
		} else {
			id = rand() % 2 ? id : ids_longest_free(ids);
			if (id)
				ids_take(ids, id);
			plain_take(&p, id);
		}
		assert_same(ids, &p);
		if (round % 50 == 0) { /* and so does whoever reads its order */
			ids_init(copy, 100, 100 + COUNT - 1);
			copy_by_text(ids, copy);
			assert_same(copy, &p);
		}
	}
	free(ids);
}

static void passes_over_what_a_definition_asks_for(void **state)
{
	struct ids *ids = malloc(sizeof(*ids));

	assert_non_null(ids);
	ids_init(ids, 5, 7);
	ids_reserve(ids, 5);
	assert_int_equal(ids_longest_free(ids), 6);
	ids_reserve(ids, 6);
	ids_reserve(ids, 7);
	assert_int_equal(ids_longest_free(ids), 0);
	ids_unreserve(ids, 5);
	assert_int_equal(ids_longest_free(ids), 5);
	ids_give_back(ids, 8); /* not ours */
	ids_take(ids, 5);
	assert_int_equal(ids_longest_free(ids), 0);
	free(ids);
}

static void goes_on_from_a_place(void **state)
{
	struct ids *ids = malloc(sizeof(*ids));
	char text[64];

	assert_non_null(ids);
	ids_init(ids, 0, 0);
	ids_take(ids, 700);
	ids_begin_at(ids, 700); /* as a log of an earlier version says it */
	(void)ids_print(ids, 0, text, sizeof(text));
	assert_string_equal(text, "701-32766 1-699");
	free(ids);
}

static void keeps_what_another_range_left(void **state)
{
	struct ids *ids = malloc(sizeof(*ids));
	char text[64];

	assert_non_null(ids);
	ids_init(ids, 10, 20); /* written by a daemon that had 15 to 30 */
	assert_int_equal(ids_place(ids, "25-30 18 15-17"), 0);
	(void)ids_print(ids, 0, text, sizeof(text));
	assert_string_equal(text, "18 15-17 10-14 19-20");
	free(ids);
}

static void refuses_what_is_no_order(void **state)
{
	static const char *const bad[] = { "0", "1-", "x", "3-2", "1,2", "32767", "5-32767", "-1", "1 - 2", "99999999999" };
	struct ids *ids = malloc(sizeof(*ids));

	assert_non_null(ids);
	ids_init(ids, 0, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(ids_place(ids, bad[i]), -EBADMSG);
	assert_int_equal(ids_place(ids, ""), 0);
	free(ids);
}

/* ---- in the model ---- */

static int count_ids(void *count, const struct change *c)
{
	*(unsigned *)count += c->kind == CHANGE_IDS;
	return 0;
}

static void a_snapshot_is_small_and_keeps_the_order(void **state)
{
	struct story *s = *state;
	struct model *copy = malloc(sizeof(*copy));
	uint64_t life;
	unsigned count = 0;

	meet_secure_side(s, 1, 1);
	for (unsigned i = 0; i < 3; i++) { /* 1, 2 and 3, one after another */
		life = run(s, "web");
		life_says(s, IN_VMM_GONE, life);
		answer(s, OPTEE, VERDICT_ACK, CALL_DESTROYED);
		answer(s, TRUSTY, VERDICT_ACK, CALL_DESTROYED);
		life_says(s, IN_RECLAIMED, life);
	}
	assert_int_equal(model_pick_id(&s->m, 0), 4);
	assert_int_equal(model_snapshot(&s->m, count_ids, &count), 0);
	assert_int_equal(count, 1);
	assert_non_null(copy);
	assert_int_equal(model_init(copy, 1), 0);
	assert_int_equal(model_snapshot(&s->m, story_copy, copy), 0);
	assert_memory_equal(&copy->ids.next, &s->m.ids.next, sizeof(copy->ids.next));
	model_clear(copy);
	free(copy);
}

/* The place is stored: a daemon that dies before it gave out an id leaves its successor no other. */
static void after_a_lost_log_the_place_is_random_and_stored(void **state)
{
	struct story *s = *state;
	uint16_t at = model_begin_ids(&s->m);

	step_out_clear(&s->o);
	assert_int_equal(step_reserve_resume(&s->o, &s->m), 0);
	model_resume(&s->m, s->now, 1, true, &s->o);
	assert_int_equal(s->o.changes, 1);
	assert_int_equal(s->o.change[0].kind, CHANGE_IDS);
	assert_int_equal(s->o.change[0].ids.next, at);
	assert_int_equal(model_pick_id(&s->m, 0), at);
}

static const char *refused_start(struct story *s, const char *name, enum refusal refusal)
{
	ask(s, REQUEST_DEFINE, name, 0);
	ask(s, REQUEST_START, name, 0);
	assert_int_equal(s->o.answer[0].refusal, refusal);
	return s->o.answer[0].text;
}

static void says_who_has_the_ids_and_which_comes_next(void **state)
{
	struct story *s = *state;
	uint64_t life;
	const char *text;

	ids_init(&s->m.ids, 1, 2);
	meet_secure_side(s, 1, 1);
	run(s, "web");
	life = run(s, "db");
	text = refused_start(s, "third", REFUSED_NO_FREE_ID);
	assert_string_equal(text, "no FF-A id is free for third: 2 live, 0 settle; end a VM, or widen --ids");
	life_says(s, IN_VMM_GONE, life);
	answer(s, OPTEE, VERDICT_ACK, CALL_DESTROYED);
	s->now += 3000 * MS;
	text = refused_start(s, "third", REFUSED_NO_FREE_ID);
	assert_non_null(strstr(text, "1 live, 1 settle (SP 0x8001); next: life "));
	assert_non_null(strstr(text, " of db, over for 3 s, owes SP 0x8001, 1 messages sent, the next in 0 ms"));
}

static void an_id_beyond_the_range_is_refused_when_it_is_defined(void **state)
{
	struct story *s = *state;
	struct input in = { .kind = IN_REQUEST, .request = { .verb = REQUEST_DEFINE, .token = 1 } };
	struct vm_definition *d;

	ids_init(&s->m.ids, 10, 20);
	ask(s, REQUEST_DEFINE, "web", 0);
	d = malloc(sizeof(*d));
	assert_non_null(d);
	*d = *model_vm_named(&s->m, "web")->definition;
	d->ffa_id = 21;
	in.request.definition = d;
	step(s, in);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_INVALID_DEFINITION);
	assert_string_equal(s->o.answer[0].text,
		"ffa-id 21 of web is not this daemon's to give: take one of 10-20, or start it with other --ids");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_out_what_was_free_longest),
		cmocka_unit_test(passes_over_what_a_definition_asks_for),
		cmocka_unit_test(goes_on_from_a_place),
		cmocka_unit_test(keeps_what_another_range_left),
		cmocka_unit_test(refuses_what_is_no_order),
		cmocka_unit_test_setup_teardown(a_snapshot_is_small_and_keeps_the_order, story_begin, story_end),
		cmocka_unit_test_setup_teardown(after_a_lost_log_the_place_is_random_and_stored, story_begin, story_end),
		cmocka_unit_test_setup_teardown(says_who_has_the_ids_and_which_comes_next, story_begin, story_end),
		cmocka_unit_test_setup_teardown(an_id_beyond_the_range_is_refused_when_it_is_defined, story_begin, story_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
