/* SPDX-License-Identifier: Apache-2.0 */

/* An SP as a partition: what callers get in each of its states, its abort actions, its live activations. */

#include "fixture.h"

#include <stdio.h>

#define ID 0x8001
#define RUN 0x8400006D
#define REGS 0xC400008B

static int32_t event(struct world *w, enum world_event e)
{
	return world_event(w, e, 0, w->monotonic);
}

static struct sp *sp_of(struct world *w)
{
	return &w->book->sp[0];
}

static uint64_t tag(struct world *w)
{
	ask(w, REGS, 0, 0, 0, 0, 0);
	return answer[2] >> 32 & 0xFFFF;
}

static void assert_refused(struct world *w, int32_t status)
{
	send_message(w, ID, 4, 5);
	assert_int_equal(answer[0], 0x84000060);
	assert_int_equal((int32_t)answer[2], status);
	ask(w, RUN, 0x80010000, 0, 0, 0, 0);
	assert_int_equal(answer[0], 0x84000060);
	assert_int_equal((int32_t)answer[2], status);
}

/* ---- abort actions (s.5.5): where it ends, what callers see, whether it can be found ---- */

static void stop_leaves_it_aborting_and_busy(void **unused)
{
	struct world *w = world_with("hafnium:0x8001:abort-action=stop", "hafnium:0x8002", NULL);

	assert_int_equal(created(w, ID, 5), 0);
	assert_int_equal(event(w, WORLD_CRASH), FFA_OK);
	assert_int_equal(sp_of(w)->state, SP_ABORTING);
	assert_int_equal(sp_of(w)->live, 0);
	assert_refused(w, -4);
	ask(w, REGS, 0, 0, 0, 0, 0);
	assert_int_equal(answer[3] & 0xFFFF, ID);
	assert_int_equal(event(w, WORLD_CRASH), FFA_DENIED);
	world_end(w);
}

static void destroy_makes_it_vanish(void **unused)
{
	struct world *w = world_with("hafnium:0x8001:abort-action=destroy", "hafnium:0x8002", NULL);
	uint64_t before = tag(w);

	assert_int_equal(event(w, WORLD_CRASH), FFA_OK);
	assert_int_equal(sp_of(w)->state, SP_NULL);
	assert_refused(w, -2);
	assert_true(tag(w) != before);
	assert_int_equal(answer[2] & 0xFFFF, 0);
	assert_int_equal(answer[3] & 0xFFFF, 0x8002);
	before = tag(w);
	assert_int_equal(event(w, WORLD_DESTROY), FFA_DENIED);
	assert_int_equal(event(w, WORLD_STOP), FFA_DENIED);
	assert_int_equal(event(w, WORLD_RESTART), FFA_OK);
	assert_true(tag(w) != before);
	assert_int_equal(answer[3] & 0xFFFF, ID);
	assert_refused(w, -4);
	tick(w);
	assert_int_equal(created(w, ID, 5), 0);
	world_end(w);
}

static void restart_is_busy_until_it_waits_again(void **unused)
{
	struct world *w = world_with("hafnium:0x8001:abort-action=restart,boot=5000", NULL);
	uint64_t before = tag(w);

	assert_int_equal(created(w, ID, 5), 0);
	assert_int_equal(event(w, WORLD_CRASH), FFA_OK);
	assert_int_equal(sp_of(w)->state, SP_CREATED);
	assert_int_equal(sp_of(w)->generation, 2);
	assert_true(tag(w) != before);
	assert_refused(w, -4);
	assert_int_equal(w->doorbells, 0);
	assert_int_equal(world_next(w), w->monotonic + 5000000);
	tick(w);
	assert_int_equal(sp_of(w)->state, SP_RUNNING);
	assert_int_equal(w->doorbells, 1);
	assert_int_equal(destroyed(w, ID, 5), -2);
	assert_int_equal(created(w, ID, 5), 0);
	world_end(w);
}

static void propagate_takes_the_world_with_it(void **unused)
{
	static const uint8_t other[16] = { 2 };
	struct world *w = world_with("hafnium:0x8001:abort-action=propagate,abort=1", "strict:0x8002", NULL);

	assert_int_equal(created(w, 0x8002, 7), 0);
	assert_false(ask(w, 0x8400006F, ID, 0x80000004, 0, 0, 5));
	assert_true(w->reset_wanted);
	assert_false(ask(w, 0x8400006F, 0x8002, 0x80000004, 0, 0, 8));
	world_reset(w, other);
	assert_false(w->reset_wanted);
	assert_int_equal(w->book->resets, 1);
	assert_int_equal(created(w, 0x8002, 7), 0);
	/* The fault is done: it does not come again with the new instance. */
	assert_int_equal(created(w, ID, 5), 0);
	world_end(w);
}

static void legacy_is_left_aborted(void **unused)
{
	struct world *w = world_with("hafnium:0x8001:abort-action=legacy", NULL);

	assert_int_equal(event(w, WORLD_CRASH), FFA_OK);
	assert_int_equal(sp_of(w)->state, SP_ABORTING);
	assert_refused(w, -8);
	assert_int_equal(event(w, WORLD_RESTART), FFA_OK);
	tick(w);
	assert_int_equal(created(w, ID, 5), 0);
	world_end(w);
}

static void who_asked_when_it_died_gets_aborted(void **unused)
{
	static const char *const actions[] = { "stop", "destroy", "restart", "legacy" };

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		char text[64];
		struct world *w;

		snprintf(text, sizeof(text), "hafnium:0x8001:abort=1,abort-action=%s", actions[i]);
		w = world_with(text, NULL);
		send_message(w, ID, 4, 5);
		assert_error(-8);
		assert_int_equal(sp_of(w)->counts.events[WORLD_CRASH], 1);
		world_end(w);
	}
}

/* ---- states ---- */

static void the_gates_come_in_their_order(void **unused)
{
	struct world *w = world_with("hafnium:0x8001:receive=0", NULL);

	send_message(w, ID, 4, 5);
	assert_error(-6);
	assert_int_equal(sp_properties(w, 0) & 1, 0);
	/* No subscription comes before that. */
	w->config.sp[0].subscribed = 0;
	send_message(w, ID, 4, 5);
	assert_error(-2);
	world_end(w);
}

static void an_idle_sp_that_is_run_waits_again(void **unused)
{
	struct world *w = world_with("hafnium:0x8001", "el3:0x8002", NULL);

	for (uint64_t id = 0x8001; id <= 0x8002; id++) {
		ask(w, RUN, id << 16, 0, 0, 0, 0);
		assert_int_equal(answer[0], 0x8400006B);
		for (int i = 1; i < FFA_REGISTERS; i++)
			assert_int_equal(answer[i], 0);
	}
	world_end(w);
}

static void a_mistake_can_be_for_good(void **unused)
{
	struct world *w = world_with("hafnium:0x8001:sticky=1,boot=0", NULL);

	assert_int_equal(created(w, ID, 5), 0);
	assert_int_equal(created(w, ID, 5), -2);
	assert_int_equal(created(w, ID, 6), -2);
	assert_int_equal(destroyed(w, ID, 5), -2);
	world_restart_sp(w, 0);
	assert_int_equal(created(w, ID, 6), 0);
	world_end(w);
}

/* ---- the EL3 SPMC ---- */

static void the_el3_spmc_asks_nobody_who_subscribed(void **unused)
{
	struct world *w = world_with("el3:0x8001:subscribe=none", "el3:0x8002:receive=0", "el3:0x8003:preempt=1", NULL);

	assert_int_equal(created(w, 0x8001, 5), 0);
	ask(w, 0x8400006F, 0x8001, 0x80000104, 0, 0, 5);
	assert_int_equal((int64_t)answer[2], -2);
	ask(w, 0x8400006F, 0x8001, 0xC0000004, 0, 0, 5);
	assert_int_equal((int64_t)answer[2], -2);
	send_message(w, 0x8002, 4, 5);
	assert_int_equal((int64_t)answer[2], -6);
	send_message(w, 0x8003, 4, 5);
	send_message(w, 0x8003, 4, 6);
	assert_int_equal((int64_t)answer[2], -4);
	world_end(w);
}

/* ---- live activation (s.5.6) ---- */

static void an_activation_keeps_what_it_knew(void **unused)
{
	struct world *w = world_with("hafnium:0x8001:boot=3000,doorbell=1", NULL);

	assert_int_equal(created(w, ID, 5), 0);
	assert_int_equal(event(w, WORLD_ACTIVATE), FFA_OK);
	assert_int_equal(sp_of(w)->state, SP_HALTED);
	assert_refused(w, -4);
	assert_int_equal(event(w, WORLD_FINISH), FFA_DENIED);
	tick(w);
	assert_int_equal(sp_of(w)->state, SP_CREATED);
	assert_refused(w, -4);
	assert_int_equal(world_next(w), WORLD_NEVER);
	assert_int_equal(event(w, WORLD_FINISH), FFA_OK);
	assert_refused(w, -4);
	assert_int_equal(w->doorbells, 0);
	tick(w);
	assert_int_equal(sp_of(w)->state, SP_RUNNING);
	assert_int_equal(w->doorbells, 1);
	assert_int_equal(sp_of(w)->activations, 1);
	assert_int_equal(sp_of(w)->generation, 1);
	assert_int_equal(created(w, ID, 5), -2);
	assert_int_equal(destroyed(w, ID, 5), 0);
	world_end(w);
}

static void one_is_activated_at_a_time(void **unused)
{
	struct world *w = world_with("hafnium:0x8001", "hafnium:0x8002", NULL);

	assert_int_equal(event(w, WORLD_ACTIVATE), FFA_OK);
	assert_int_equal(world_event(w, WORLD_ACTIVATE, 1, 0), FFA_BUSY);
	assert_int_equal(event(w, WORLD_ACTIVATE), FFA_DENIED);
	assert_int_equal(world_event(w, WORLD_FINISH, 1, 0), FFA_DENIED);
	world_end(w);
}

static void an_activation_waits_for_the_open_call(void **unused)
{
	struct world *w = world_with("hafnium:0x8001:preempt=1", NULL);

	send_message(w, ID, 4, 5);
	assert_int_equal(event(w, WORLD_ACTIVATE), FFA_RETRY);
	ask(w, RUN, 0x80010000, 0, 0, 0, 0);
	assert_int_equal(event(w, WORLD_ACTIVATE), FFA_OK);
	world_end(w);
}

static void who_cannot_be_activated_says_so(void **unused)
{
	struct world *w = world_with("hafnium:0x8001:live-activation=0", "hafnium:0x8002", "strict:0x8003", NULL);

	assert_int_equal(event(w, WORLD_ACTIVATE), FFA_NOT_SUPPORTED);
	assert_int_equal(world_event(w, WORLD_ACTIVATE, 2, 0), FFA_NOT_SUPPORTED);
	assert_int_equal(world_event(w, WORLD_STOP, 1, 0), FFA_OK);
	assert_int_equal(world_event(w, WORLD_ACTIVATE, 1, 0), FFA_ABORTED);
	assert_int_equal(world_event(w, WORLD_DESTROY, 1, 0), FFA_OK);
	assert_int_equal(world_event(w, WORLD_ACTIVATE, 1, 0), FFA_INVALID_PARAMETERS);
	assert_int_equal(world_event(w, WORLD_ACTIVATE, 3, 0), FFA_INVALID_PARAMETERS);
	world_end(w);
}

static void an_abort_ends_the_activation(void **unused)
{
	struct world *w = world_with("hafnium:0x8001:abort-action=restart", "hafnium:0x8002", NULL);

	assert_int_equal(event(w, WORLD_ACTIVATE), FFA_OK);
	assert_int_equal(event(w, WORLD_CRASH), FFA_OK);
	assert_int_equal(sp_of(w)->activation, SP_ACTIVATION_RESET);
	assert_int_equal(sp_of(w)->generation, 2);
	tick(w);
	assert_int_equal(created(w, ID, 5), 0);
	assert_int_equal(world_event(w, WORLD_ACTIVATE, 1, 0), FFA_OK);
	world_end(w);
}

static struct world *activated(const char *changes)
{
	char text[64];
	struct world *w;

	snprintf(text, sizeof(text), "hafnium:0x8001:boot=0,changes=%s", changes);
	w = world_with(text, NULL);
	ask(w, REGS, 0, 0, 0, 0, 0);
	return w;
}

/* x4, x5: UUID; x6, x7: image UUID; x8: version. */
static void an_activation_changes_what_it_is_told_to(void **unused)
{
	static const struct {
		const char *changes;
		bool changed[3];
	} rows[] = {
		{ "nothing", { false, false, false } },
		{ "uuid", { true, false, false } },
		{ "image", { false, true, false } },
		{ "version", { false, false, true } },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world *w = activated(rows[i].changes);
		uint64_t before[FFA_REGISTERS];

		memcpy(before, answer, sizeof(before));
		assert_int_equal(before[3] >> 32 & 0x800, 0x800);
		assert_int_equal(event(w, WORLD_ACTIVATE), FFA_OK);
		assert_int_equal(event(w, WORLD_FINISH), FFA_OK);
		ask(w, REGS, 0, 0, 0, 0, 0);
		assert_int_equal(answer[5] != before[5], rows[i].changed[0]);
		assert_int_equal(answer[7] != before[7], rows[i].changed[1]);
		assert_int_equal(answer[8] != before[8], rows[i].changed[2]);
		assert_int_equal(answer[2] != before[2], i != 0);
		world_end(w);
	}
}

/* ---- recovery ---- */

/* However often the process dies: its generation rises once for each abort, and is not left out. */
static void a_stopped_one_is_told_of_once(void **unused)
{
	struct world *w = world_with("hafnium:0x8001:abort-action=stop", NULL);

	assert_int_equal(event(w, WORLD_CRASH), FFA_OK);
	assert_int_equal(sp_of(w)->generation, 2);
	world_recover(w);
	world_recover(w);
	assert_int_equal(sp_of(w)->generation, 2);
	sp_of(w)->generation = sp_of(w)->aborted_at; /* it died before it was told */
	world_recover(w);
	assert_int_equal(sp_of(w)->generation, 2);
	world_end(w);
}

static void goes_on_where_a_death_left_it(void **unused)
{
	static const struct {
		enum sp_state state;
		enum sp_abort_action action;
		enum sp_activation activation;
		enum sp_state then;
		bool knows;
	} rows[] = {
		{ SP_RUNNING, SP_ABORT_STOP, SP_ACTIVATION_RESET, SP_RUNNING, true },
		{ SP_ABORTING, SP_ABORT_STOP, SP_ACTIVATION_RESET, SP_ABORTING, false },
		{ SP_ABORTING, SP_ABORT_DESTROY, SP_ACTIVATION_RESET, SP_NULL, false },
		{ SP_ABORTING, SP_ABORT_RESTART, SP_ACTIVATION_RESET, SP_RUNNING, false },
		{ SP_ABORTING, SP_ABORT_LEGACY, SP_ACTIVATION_RESET, SP_ABORTING, false },
		{ SP_NULL, SP_ABORT_DESTROY, SP_ACTIVATION_RESET, SP_NULL, false },
		{ SP_HALTED, SP_ABORT_STOP, SP_ACTIVATION_START, SP_CREATED, true },
		{ SP_CREATED, SP_ABORT_STOP, SP_ACTIVATION_START, SP_CREATED, true },
		{ SP_CREATED, SP_ABORT_STOP, SP_ACTIVATION_FINISH, SP_RUNNING, true },
		{ SP_CREATED, SP_ABORT_RESTART, SP_ACTIVATION_RESET, SP_RUNNING, true },
		/* A live activation that had just begun, or that an abort had just ended */
		{ SP_RUNNING, SP_ABORT_STOP, SP_ACTIVATION_START, SP_RUNNING, true },
		{ SP_ABORTING, SP_ABORT_RESTART, SP_ACTIVATION_START, SP_RUNNING, false },
		{ SP_ABORTING, SP_ABORT_RESTART, SP_ACTIVATION_FINISH, SP_RUNNING, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world *w = world_with("hafnium:0x8001", NULL);
		struct sp *sp = sp_of(w);

		assert_int_equal(created(w, ID, 5), 0);
		sp->state = (uint8_t)rows[i].state;
		sp->action = (uint8_t)rows[i].action;
		sp->activation = (uint8_t)rows[i].activation;
		world_recover(w);
		run_dry(w);
		assert_int_equal(sp->state, rows[i].then);
		assert_int_equal(sp->live, rows[i].knows);
		if (sp->state == SP_RUNNING)
			assert_int_equal(event(w, WORLD_ACTIVATE), FFA_OK);
		world_end(w);
	}
}

static void a_propagated_abort_is_not_forgotten(void **unused)
{
	struct world *w = world_with("hafnium:0x8001", NULL);

	sp_of(w)->state = SP_ABORTING;
	sp_of(w)->action = SP_ABORT_PROPAGATE;
	world_recover(w);
	assert_true(w->reset_wanted);
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stop_leaves_it_aborting_and_busy),
		cmocka_unit_test(destroy_makes_it_vanish),
		cmocka_unit_test(restart_is_busy_until_it_waits_again),
		cmocka_unit_test(propagate_takes_the_world_with_it),
		cmocka_unit_test(legacy_is_left_aborted),
		cmocka_unit_test(who_asked_when_it_died_gets_aborted),
		cmocka_unit_test(the_gates_come_in_their_order),
		cmocka_unit_test(an_idle_sp_that_is_run_waits_again),
		cmocka_unit_test(a_mistake_can_be_for_good),
		cmocka_unit_test(the_el3_spmc_asks_nobody_who_subscribed),
		cmocka_unit_test(an_activation_keeps_what_it_knew),
		cmocka_unit_test(one_is_activated_at_a_time),
		cmocka_unit_test(an_activation_waits_for_the_open_call),
		cmocka_unit_test(who_cannot_be_activated_says_so),
		cmocka_unit_test(an_abort_ends_the_activation),
		cmocka_unit_test(an_activation_changes_what_it_is_told_to),
		cmocka_unit_test(a_stopped_one_is_told_of_once),
		cmocka_unit_test(goes_on_where_a_death_left_it),
		cmocka_unit_test(a_propagated_abort_is_not_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
