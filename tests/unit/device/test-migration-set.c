/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan for a set of devices, walked whole: each goal, one to three devices, each set of flags, with one and with two
 * things going wrong at each place and in each way, once or lastingly. What the devices do and where they should end is stated here.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "oracle.h"
#include "set_world.h"

static unsigned most_seen, tales;

/* Where a device that begins in `from` ends when all goes well. */
static unsigned end_of(enum migration_goal goal, unsigned from, unsigned flags)
{
	switch (goal) {
	case MIGRATION_PAUSE:
		return from == S(PRE_COPY) || from == S(PRE_COPY_P2P) ? S(STOP_COPY) :
		       from == S(RUNNING) || from == S(RUNNING_P2P)   ? S(STOP) :
									from;
	case MIGRATION_RESUME:
	case MIGRATION_RESET:
		return S(RUNNING);
	case MIGRATION_PRE_COPY:
		return from == S(RUNNING) && flags & VFIO_MIGRATION_PRE_COPY ? S(PRE_COPY) : from;
	case MIGRATION_STOP_COPY:
		return S(STOP_COPY);
	case MIGRATION_LOAD:
		return S(RESUMING);
	default:
		return S(STOP); /* cleanup, abort */
	}
}

/* Where all are led back to, if there is a way back. */
static bool home_of(enum migration_goal goal, bool vcpus_out, unsigned *ret)
{
	switch (goal) {
	case MIGRATION_PAUSE:
	case MIGRATION_LOAD:
		*ret = S(RUNNING);
		return true;
	case MIGRATION_PRE_COPY:
		*ret = vcpus_out ? S(STOP) : S(RUNNING);
		return true;
	case MIGRATION_RESUME:
	case MIGRATION_STOP_COPY:
		*ret = S(STOP);
		return true;
	default:
		return false;
	}
}

struct tale {
	enum migration_goal goal;
	bool vcpus_out;
	unsigned count;
	unsigned flags[3], states[3];
};

static void check_end(const struct tale *t, const struct world *w)
{
	unsigned home, dead = 0, faults = 0;
	bool back = home_of(t->goal, t->vcpus_out, &home) && w->set.failed;

	for (unsigned i = 0; i < t->count; i++) {
		const struct migration_device *d = &w->set.device[i];

		dead += d->dead;
		faults += d->fault.kind != MIGRATION_NO_ORDER;
		if (d->dead) {
			assert_int_not_equal(d->fault.kind, MIGRATION_NO_ORDER);
			continue;
		}
		assert_int_equal(d->state, w->real[i]);
		assert_true(w->configured[i]);
		assert_int_equal(w->real[i], back ? home : end_of(t->goal, t->states[i], t->flags[i]));
	}
	assert_int_equal(w->set.outcome, dead ? MIGRATION_LOST : back ? MIGRATION_LED_BACK : MIGRATION_DONE);
	assert_int_equal(w->set.failed, faults > 0);
	assert_int_equal(w->set.culprit >= 0, faults > 0);
	if (w->set.culprit >= 0)
		assert_int_not_equal(w->set.device[w->set.culprit].fault.kind, MIGRATION_NO_ORDER);
}

/* The number of orders it took. */
static uint32_t tell(const struct tale *t, const struct mishap *first, const struct mishap *second)
{
	struct world w;

	world_begin(&w, t->count, t->flags, t->states);
	tales++;
	if (first)
		w.mishap[0] = *first;
	if (second)
		w.mishap[1] = *second;
	assert_int_equal(migration_set_begin(&w.set, t->goal, t->vcpus_out, w.now), 0);
	world_run(&w);
	if (w.orders > most_seen)
		most_seen = w.orders;
	check_end(t, &w);
	if (!first)
		assert_false(w.set.failed);
	return w.orders;
}

static void tell_with_mishaps(const struct tale *t, bool twice)
{
	uint32_t plain = tell(t, NULL, NULL);

	for (uint32_t at = 0; at < plain; at++)
		for (unsigned how = 0; how < WRONG_COUNT; how++) {
			struct mishap first = { .at = at, .how = how };
			uint32_t all = tell(t, &first, NULL);

			for (unsigned lasting = WHAT_IS_SET; lasting < LASTING_COUNT; lasting++) {
				first.lasting = lasting;
				(void)tell(t, &first, NULL);
			}
			first.lasting = ONCE;

			for (uint32_t again = at + 1; twice && again < all; again++)
				for (unsigned how2 = 0; how2 < WRONG_COUNT; how2++) {
					struct mishap second = { .at = again, .how = how2 };

					for (; second.lasting < LASTING_COUNT; second.lasting++)
						(void)tell(t, &first, &second);
				}
		}
}

static bool has(unsigned state, unsigned flags)
{
	bool p2p = state == S(RUNNING_P2P) || state == S(PRE_COPY_P2P);
	bool pre_copy = state == S(PRE_COPY) || state == S(PRE_COPY_P2P);

	return state != S(ERROR) && (!p2p || flags & 2) && (!pre_copy || flags & 4);
}

/* Where goals begin; the second where a device does that cannot be in the first. */
static const struct {
	enum migration_goal goal;
	bool vcpus_out;
	unsigned from, instead;
} beginnings[] = {
	{ MIGRATION_PAUSE, true, S(RUNNING), 0 },
	{ MIGRATION_PAUSE, true, S(PRE_COPY), S(RUNNING) },
	{ MIGRATION_PAUSE, true, S(RUNNING_P2P), S(RUNNING) },
	{ MIGRATION_PAUSE, true, S(PRE_COPY_P2P), S(RUNNING) },
	{ MIGRATION_RESUME, true, S(STOP), 0 },
	{ MIGRATION_RESUME, true, S(STOP_COPY), 0 },
	{ MIGRATION_RESUME, true, S(RESUMING), 0 },
	{ MIGRATION_PRE_COPY, false, S(RUNNING), 0 },
	{ MIGRATION_PRE_COPY, true, S(STOP), 0 },
	{ MIGRATION_STOP_COPY, true, S(STOP), 0 },
	{ MIGRATION_STOP_COPY, true, S(STOP_COPY), 0 },
	{ MIGRATION_CLEANUP, true, S(STOP_COPY), 0 },
	{ MIGRATION_LOAD, true, S(RUNNING), 0 },
	{ MIGRATION_ABORT, true, S(RUNNING), 0 },
	{ MIGRATION_ABORT, true, S(PRE_COPY), S(STOP) },
	{ MIGRATION_ABORT, true, S(PRE_COPY_P2P), S(RUNNING) },
	{ MIGRATION_ABORT, true, S(RUNNING_P2P), S(RUNNING) },
	{ MIGRATION_ABORT, true, S(STOP_COPY), 0 },
	{ MIGRATION_ABORT, true, S(RESUMING), 0 },
	{ MIGRATION_RESET, true, S(RUNNING), 0 },
	{ MIGRATION_RESET, true, S(STOP_COPY), 0 },
	{ MIGRATION_RESET, true, S(RESUMING), 0 },
};

static bool needs_all_together(enum migration_goal goal)
{
	return goal == MIGRATION_PRE_COPY || goal == MIGRATION_STOP_COPY || goal == MIGRATION_LOAD;
}

static void for_each_tale(unsigned count, bool twice)
{
	static const unsigned legal[] = { 1, 3, 5, 7 };
	unsigned kinds = 1;

	for (unsigned i = 0; i < count; i++)
		kinds *= 4;
	for (size_t b = 0; b < sizeof(beginnings) / sizeof(*beginnings); b++)
		for (unsigned kind = 0; kind < kinds; kind++) {
			struct tale t = { beginnings[b].goal, beginnings[b].vcpus_out, count, { 0 }, { 0 } };
			bool all_p2p = true;

			for (unsigned i = 0, rest = kind; i < count; i++, rest /= 4) {
				t.flags[i] = legal[rest % 4];
				t.states[i] = has(beginnings[b].from, t.flags[i]) ? beginnings[b].from :
										    beginnings[b].instead;
				all_p2p &= (t.flags[i] & 2) != 0;
			}
			if (count == 1 || all_p2p || !needs_all_together(t.goal))
				tell_with_mishaps(&t, twice);
		}
}

static void one_device_ends_well_or_is_led_back_or_dead_and_named(void **state)
{
	for_each_tale(1, true);
}

static void two_devices_end_well_or_are_led_back_or_dead_and_named(void **state)
{
	for_each_tale(2, true);
}

static void three_devices_are_led_back_from_each_step(void **state)
{
	for_each_tale(3, false);
}

static void check_visits(enum migration_goal goal, unsigned from, const char *expected)
{
	static const unsigned flags[] = { 7, 7, 7 };
	unsigned states[] = { from, from, from };
	struct world w;

	world_begin(&w, 3, flags, states);
	assert_int_equal(migration_set_begin(&w.set, goal, true, 0), 0);
	world_run(&w);
	assert_int_equal(w.visits, strlen(expected));
	for (unsigned i = 0; i < w.visits; i++)
		assert_int_equal(w.visited[i], expected[i] - '0');
}

static void devices_stop_in_the_reverse_order_of_their_start(void **state)
{
	check_visits(MIGRATION_RESUME, S(STOP), "012012");
	check_visits(MIGRATION_PAUSE, S(RUNNING), "210210");
	check_visits(MIGRATION_ABORT, S(RUNNING), "210210");
	check_visits(MIGRATION_STOP_COPY, S(STOP), "210");
	check_visits(MIGRATION_PRE_COPY, S(RUNNING), "012");
}

static void what_is_done_already_costs_no_order(void **state)
{
	static const unsigned flags[] = { 3, 1 }, stopped[] = { S(STOP), S(STOP) };
	struct world w;

	world_begin(&w, 2, flags, stopped);
	assert_int_equal(migration_set_begin(&w.set, MIGRATION_PAUSE, true, 0), 0);
	assert_int_equal(w.set.outcome, MIGRATION_DONE);
	assert_null(migration_set_waits(&w.set));
	world_begin(&w, 0, flags, stopped);
	assert_int_equal(migration_set_begin(&w.set, MIGRATION_ABORT, true, 0), 0);
	assert_int_equal(w.set.outcome, MIGRATION_DONE);
}

/* An abort comes at each step of each other goal, before and after the order is taken, and still stops all. */
static void an_abort_replaces_whatever_is_under_way(void **state)
{
	static const unsigned flags[] = { 7, 1, 5 };

	for (size_t b = 0; b < sizeof(beginnings) / sizeof(*beginnings); b++)
		for (unsigned step = 0; step < 12; step++)
			for (unsigned taken = 0; taken < 2; taken++)
				for (unsigned how = 0; how <= WRONG_COUNT; how++) {
					unsigned count = needs_all_together(beginnings[b].goal) ? 1 : 3;
					unsigned from[3];
					struct migration_order o;
					struct world w;

					for (unsigned i = 0; i < count; i++)
						from[i] = has(beginnings[b].from, flags[i]) ? beginnings[b].from :
											      beginnings[b].instead;
					world_begin(&w, count, flags, from);
					if (how < WRONG_COUNT)
						w.mishap[0] = (struct mishap) { .how = how };
					assert_int_equal(migration_set_begin(&w.set, beginnings[b].goal,
								 beginnings[b].vcpus_out, 0),
						0);
					for (unsigned i = 0; i < step && world_turn(&w); i++)
						;
					if (taken && migration_set_take(&w.set, &o)) {
						struct migration_answer a = world_behave(&w, &o);

						w.resets += o.kind == MIGRATION_DO_RESET;
						assert_int_equal(
							migration_set_begin(&w.set, MIGRATION_ABORT, true, 0), 0);
						assert_false(migration_set_take(&w.set, &o));
						assert_int_equal(migration_set_answer(&w.set, &a, w.now), 0);
					} else {
						assert_int_equal(
							migration_set_begin(&w.set, MIGRATION_ABORT, true, w.now), 0);
					}
					w.orders = 1; /* the mishap is over */
					w.resets = 1; /* and peers may be anywhere */
					world_run(&w);
					for (unsigned i = 0; i < count; i++)
						assert_true(w.set.device[i].dead || w.real[i] == S(STOP));
				}
}

static void refuses_what_cannot_begin(void **state)
{
	static const unsigned flags[] = { 7, 7 }, running[] = { S(RUNNING), S(RUNNING) };
	static const unsigned one_without[] = { 7, 5 }, one_fixed[] = { 3, 0 };
	struct world w;

	world_begin(&w, 2, flags, running);
	assert_int_equal(migration_set_begin(&w.set, MIGRATION_PAUSE, false, 0), MIGRATION_E_VCPUS);
	assert_int_equal(migration_set_begin(&w.set, MIGRATION_STOP_COPY, true, 0), MIGRATION_E_WRONG_STATE);
	assert_int_equal(migration_set_begin(&w.set, MIGRATION_CLEANUP, true, 0), MIGRATION_E_WRONG_STATE);
	assert_int_equal(migration_set_begin(&w.set, MIGRATION_BACK_TO_RUN, true, 0), MIGRATION_E_NO_STATE);
	assert_int_equal(migration_set_begin(&w.set, 200, true, 0), MIGRATION_E_NO_STATE);
	assert_int_equal(w.set.outcome, MIGRATION_IDLE);
	assert_int_equal(migration_set_begin(&w.set, MIGRATION_PAUSE, true, 0), 0);
	assert_int_equal(migration_set_begin(&w.set, MIGRATION_RESUME, true, 0), MIGRATION_E_BUSY);
	world_begin(&w, 2, one_without, running);
	assert_int_equal(migration_set_begin(&w.set, MIGRATION_PRE_COPY, false, 0), MIGRATION_E_NO_P2P);
	world_begin(&w, 2, one_fixed, running);
	assert_int_equal(migration_set_begin(&w.set, MIGRATION_PRE_COPY, false, 0), MIGRATION_E_UNMIGRATABLE);
	/* A device that cannot migrate does not keep the others from being paused. */
	assert_int_equal(migration_set_begin(&w.set, MIGRATION_PAUSE, true, 0), 0);
	world_run(&w);
	assert_int_equal(w.real[0], S(STOP));
	assert_int_equal(w.real[1], S(RUNNING));
}

static void a_dead_device_keeps_the_set_until_it_is_revived(void **state)
{
	static const unsigned flags[] = { 3, 3 }, running[] = { S(RUNNING), S(RUNNING) };
	struct world w;

	world_begin(&w, 2, flags, running);
	w.mishap[0] = (struct mishap) { .at = 1, .how = IS_SILENT };
	w.mishap[1] = (struct mishap) { .at = 2, .how = IS_SILENT }; /* its reset */
	assert_int_equal(migration_set_begin(&w.set, MIGRATION_PAUSE, true, 0), 0);
	world_run(&w);
	assert_int_equal(w.set.outcome, MIGRATION_LOST);
	assert_int_equal(w.set.culprit, 0);
	assert_int_equal(w.set.device[0].fault.error, ETIMEDOUT);
	assert_int_equal(w.real[1], S(RUNNING));
	assert_int_equal(migration_set_begin(&w.set, MIGRATION_PAUSE, true, w.now), MIGRATION_E_DEAD);
	w.mishap[0].at = w.orders; /* the first reset fails, too */
	assert_int_equal(migration_set_begin(&w.set, MIGRATION_REVIVE, true, w.now), 0);
	world_run(&w);
	assert_int_equal(w.set.outcome, MIGRATION_LOST);
	assert_int_equal(migration_set_begin(&w.set, MIGRATION_REVIVE, true, w.now), 0);
	world_run(&w);
	assert_int_equal(w.set.outcome, MIGRATION_DONE);
	assert_true(w.configured[0]);
	w.orders = 0;
	w.mishap[0].at = w.mishap[1].at = NEVER;
	assert_int_equal(migration_set_begin(&w.set, MIGRATION_PAUSE, true, w.now), 0);
	world_run(&w);
	assert_int_equal(w.set.outcome, MIGRATION_DONE);
	assert_int_equal(w.real[0], S(STOP));
}

static void an_answer_to_another_order_changes_nothing(void **state)
{
	static const unsigned flags[] = { 3 }, running[] = { S(RUNNING) };
	struct migration_answer a = { 0 };
	struct migration_order o;
	struct migration_set before;
	struct world w;

	world_begin(&w, 1, flags, running);
	assert_int_equal(migration_set_answer(&w.set, &a, 0), MIGRATION_E_STALE);
	assert_int_equal(migration_set_begin(&w.set, MIGRATION_PAUSE, true, 0), 0);
	a.number = w.set.order.number;
	assert_int_equal(migration_set_answer(&w.set, &a, 0), MIGRATION_E_STALE); /* nobody was told yet */
	assert_true(migration_set_take(&w.set, &o));
	a.number = o.number + 1;
	before = w.set;
	assert_int_equal(migration_set_answer(&w.set, &a, 0), MIGRATION_E_STALE);
	assert_memory_equal(&w.set, &before, sizeof(before));
	/* What comes after its time does not count, either. */
	migration_set_tick(&w.set, o.until);
	a.number = o.number;
	assert_int_equal(migration_set_answer(&w.set, &a, o.until), MIGRATION_E_STALE);
	assert_int_equal(w.set.order.kind, MIGRATION_DO_RESET);
}

static void takes_no_more_devices_than_there_is_room_for(void **state)
{
	unsigned flags[MIGRATION_SET_MAX], states[MIGRATION_SET_MAX];
	struct world w;

	for (unsigned i = 0; i < MIGRATION_SET_MAX; i++) {
		flags[i] = 7;
		states[i] = S(RUNNING);
	}
	world_begin(&w, MIGRATION_SET_MAX, flags, states);
	assert_int_equal(migration_set_add(&w.set, 7, S(RUNNING)), -ENOSPC);
	assert_int_equal(migration_set_begin(&w.set, MIGRATION_PAUSE, true, 0), 0);
	world_run(&w);
	/* what a device cannot be in is a lie, and only a reset makes its state known */
	world_begin(&w, 1, flags, states);
	assert_int_equal(migration_set_add(&w.set, 1, S(PRE_COPY)), 1);
	assert_int_equal(w.set.device[1].state, S(ERROR));
}

static void every_goal_order_outcome_and_refusal_has_words(void **state)
{
	for (unsigned i = 0; i < MIGRATION_GOAL_COUNT; i++)
		assert_non_null(migration_goal_name(i));
	for (unsigned i = 0; i < MIGRATION_ORDER_COUNT; i++)
		assert_non_null(migration_order_name(i));
	for (unsigned i = 0; i < MIGRATION_OUTCOME_COUNT; i++)
		assert_non_null(migration_outcome_name(i));
	for (unsigned i = MIGRATION_E_BUSY; i <= MIGRATION_E_STALE; i++)
		assert_true(strlen(migration_set_refusal_text(i)) > 0);
	assert_string_equal(migration_set_refusal_text(MIGRATION_E_STALE + 1), "");
	assert_string_equal(migration_set_refusal_text(MIGRATION_E_BLOCKED), migration_refusal_text(MIGRATION_E_BLOCKED));
	assert_string_equal(migration_goal_name(99), "unknown");
}

static void the_tales_were_many_and_went_near_the_bound(void **state)
{
	struct migration_set three = { .count = 3 };

	print_message("%u tales; the longest took %u orders of %u\n", tales, most_seen, migration_set_most_orders(&three));
	assert_true(tales > 100000);
	assert_true(most_seen * 4 > migration_set_most_orders(&three));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_device_ends_well_or_is_led_back_or_dead_and_named),
		cmocka_unit_test(two_devices_end_well_or_are_led_back_or_dead_and_named),
		cmocka_unit_test(three_devices_are_led_back_from_each_step),
		cmocka_unit_test(devices_stop_in_the_reverse_order_of_their_start),
		cmocka_unit_test(what_is_done_already_costs_no_order),
		cmocka_unit_test(an_abort_replaces_whatever_is_under_way),
		cmocka_unit_test(refuses_what_cannot_begin),
		cmocka_unit_test(a_dead_device_keeps_the_set_until_it_is_revived),
		cmocka_unit_test(an_answer_to_another_order_changes_nothing),
		cmocka_unit_test(takes_no_more_devices_than_there_is_room_for),
		cmocka_unit_test(every_goal_order_outcome_and_refusal_has_words),
		cmocka_unit_test(the_tales_were_many_and_went_near_the_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
