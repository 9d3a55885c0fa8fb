/* SPDX-License-Identifier: Apache-2.0 */

/* The notifiers of a Trusty-like SP, which run on its one thread, and the pseudo-VM that the first of them makes. */

#include "fixture.h"

#define SP 0x8001

enum { RETRY = -7, INVALID = -2 };

static enum notifier_answer register_at(struct world *w, uint16_t vm, const char *name, uint64_t hold, bool fails)
{
	struct notifier_callback c = { .kind = NOTIFIER_HOLD, .hold = hold, .fails = fails };
	struct notifier n;

	assert_int_equal(notifier_init(&n, vm, name, &c), NOTIFIER_OK);
	return world_register(w, 0, &n, w->monotonic);
}

static void make_available(struct world *w, uint16_t vm)
{
	assert_int_equal(created(w, SP, vm), RETRY);
	run_dry(w);
	assert_int_equal(created(w, SP, vm), 0);
}

static void assert_ended(const struct world *w, uint64_t number, uint16_t vm, const char *name)
{
	const struct notifiers *l = &w->book->sp[0].notifiers;

	assert_true(l->ended > number);
	assert_int_equal(l->last[number % NOTIFIER_ENDS].vm, vm);
	assert_string_equal(l->last[number % NOTIFIER_ENDS].name, name);
}

static void register_answers_by_the_state_of_the_vm(void **unused)
{
	static const enum notifier_answer by_hand[] = { NOTIFIER_NOT_FOUND, NOTIFIER_BAD_STATE, NOTIFIER_OK,
		NOTIFIER_BAD_STATE, NOTIFIER_BAD_STATE };

	for (int state = SP_VM_ABSENT; state < SP_VM_STATE_COUNT; state++) {
		struct world *w = world_with("trusty:0x8001", NULL);

		bring_to(w, SP, (enum sp_vm_state)state);
		assert_int_equal(register_at(w, 5, "a", 0, false), by_hand[state]);
		assert_int_equal(world_register(w, 0, NULL, 0), NOTIFIER_INVALID_ARGUMENTS);
		assert_int_equal(world_unregister(w, 0, 5, "", 0), NOTIFIER_INVALID_ARGUMENTS);
		assert_int_equal(
			world_unregister(w, 0, 5, "a", 0), state == SP_VM_AVAILABLE ? NOTIFIER_OK : NOTIFIER_NOT_FOUND);
		world_end(w);
	}
}

static void a_hold_is_answered_retry_until_it_is_over(void **unused)
{
	struct world *w = world_with("trusty:0x8001:notifiers=0,tick=10", NULL);
	uint64_t begun;

	make_available(w, 5);
	assert_int_equal(register_at(w, 5, "a", 2000000000, false), NOTIFIER_OK);
	w->doorbells = 0;
	assert_int_equal(destroyed(w, SP, 5), RETRY);
	tick(w);
	begun = w->monotonic;
	assert_int_equal(world_next(w), begun + 2000000000);
	for (int i = 0; i < 20; i++)
		assert_int_equal(destroyed(w, SP, 5), RETRY);
	assert_int_equal(w->doorbells, 0);
	world_work(w, begun + 1999999999);
	assert_int_equal(destroyed(w, SP, 5), RETRY);
	tick(w);
	assert_int_equal(w->monotonic, begun + 2000000000);
	assert_int_equal(w->doorbells, 1);
	assert_int_equal(destroyed(w, SP, 5), 0);
	assert_int_equal(w->book->sp[0].notifiers.last[0].took, 2000000000);
	assert_int_equal(world_next(w), WORLD_NEVER);
	world_end(w);
}

static void a_failing_notifier_does_not_stop_the_others(void **unused)
{
	struct world *w = world_with("trusty:0x8001:notifiers=1", NULL);

	make_available(w, 5);
	assert_int_equal(register_at(w, 5, "a", 5, true), NOTIFIER_OK);
	assert_int_equal(register_at(w, 5, "b", 0, true), NOTIFIER_OK);
	assert_int_equal(register_at(w, 5, "c", 5, false), NOTIFIER_OK);
	assert_int_equal(destroyed(w, SP, 5), RETRY);
	run_dry(w);
	assert_int_equal(w->book->sp[0].notifiers.ended, 3);
	assert_int_equal(w->book->sp[0].notifiers.failed, 2);
	assert_ended(w, 0, 5, "a");
	assert_ended(w, 1, 5, "b");
	assert_ended(w, 2, 5, "c");
	assert_int_equal(destroyed(w, SP, 5), 0);
	world_end(w);
}

/* Of all VMs together, too: one thread. */
static void one_runs_at_a_time_and_a_creation_waits_for_it(void **unused)
{
	struct world *w = world_with("trusty:0x8001:notifiers=0", NULL);

	make_available(w, 9);
	make_available(w, 4);
	assert_int_equal(register_at(w, 9, "a", 1000000000, false), NOTIFIER_OK);
	assert_int_equal(register_at(w, 4, "a", 1000000000, false), NOTIFIER_OK);
	assert_int_equal(register_at(w, 9, "b", 1000000000, false), NOTIFIER_OK);
	assert_int_equal(destroyed(w, SP, 9), RETRY);
	assert_int_equal(destroyed(w, SP, 4), RETRY);
	tick(w);
	assert_int_equal(w->book->sp[0].notifiers.run.what.vm, 9);
	assert_int_equal(created(w, SP, 6), RETRY);
	tick(w);
	assert_int_equal(state_of(w, 0, 6), SP_VM_ABSENT);
	tick(w);
	assert_int_equal(created(w, SP, 6), 0);
	run_dry(w);
	assert_ended(w, 0, 9, "a");
	assert_ended(w, 1, 9, "b");
	assert_ended(w, 2, 4, "a");
	world_end(w);
}

static void one_that_is_unregistered_in_time_never_runs(void **unused)
{
	struct world *w = world_with("trusty:0x8001:notifiers=0", NULL);

	make_available(w, 5);
	for (const char *name = "abc"; *name; name++)
		assert_int_equal(register_at(w, 5, (char[]){ *name, 0 }, 1000, false), NOTIFIER_OK);
	assert_int_equal(destroyed(w, SP, 5), RETRY);
	tick(w);
	/* The first runs; the second has not, although its VM is on its way out. */
	assert_int_equal(world_unregister(w, 0, 5, "b", 0), NOTIFIER_OK);
	assert_int_equal(world_unregister(w, 0, 5, "a", 0), NOTIFIER_WAITS);
	run_dry(w);
	assert_int_equal(w->book->sp[0].notifiers.ended, 2);
	assert_ended(w, 1, 5, "c");
	assert_int_equal(destroyed(w, SP, 5), 0);
	world_end(w);
}

/* The one that was to come is taken off while the one before it runs: nothing is left to wait for. */
static void the_last_one_unregistered_leaves_the_vm_notified(void **unused)
{
	struct world *w = world_with("trusty:0x8001:notifiers=0", NULL);

	make_available(w, 5);
	assert_int_equal(register_at(w, 5, "a", 1000, false), NOTIFIER_OK);
	assert_int_equal(register_at(w, 5, "b", 1000, false), NOTIFIER_OK);
	assert_int_equal(destroyed(w, SP, 5), RETRY);
	tick(w);
	assert_int_equal(world_unregister(w, 0, 5, "b", 0), NOTIFIER_OK);
	tick(w);
	assert_int_equal(destroyed(w, SP, 5), 0);
	world_end(w);
}

static void a_program_is_waited_for_until_it_is_told(void **unused)
{
	struct world *w = world_with("trusty:0x8001:notifiers=0", NULL);
	struct notifier_callback c = { .kind = NOTIFIER_RUN, .command = "/bin/true\0" };
	struct notifier n;

	make_available(w, 5);
	assert_int_equal(notifier_init(&n, 5, "p", &c), NOTIFIER_OK);
	assert_int_equal(world_register(w, 0, &n, 0), NOTIFIER_OK);
	assert_int_equal(destroyed(w, SP, 5), RETRY);
	tick(w);
	assert_int_equal(world_next(w), WORLD_NEVER);
	assert_int_equal(destroyed(w, SP, 5), RETRY);
	/* And after a death of this process as well. */
	world_recover(w);
	assert_int_equal(world_next(w), WORLD_NEVER);
	assert_true(w->book->sp[0].notifiers.run.active);
	world_notified(w, 0, (struct notifier_result){ NOTIFIER_SIGNALLED, 9 }, w->monotonic + 77);
	run_dry(w);
	assert_int_equal(w->book->sp[0].notifiers.failed, 1);
	assert_int_equal(destroyed(w, SP, 5), 0);
	world_end(w);
}

static void a_hold_goes_on_after_a_death(void **unused)
{
	struct world *w = world_with("trusty:0x8001:notifiers=0", NULL);
	uint64_t until;

	make_available(w, 5);
	assert_int_equal(register_at(w, 5, "a", 1000000000, false), NOTIFIER_OK);
	assert_int_equal(register_at(w, 5, "b", 1000000000, false), NOTIFIER_OK);
	assert_int_equal(destroyed(w, SP, 5), RETRY);
	tick(w);
	until = world_next(w);
	world_recover(w);
	assert_int_equal(world_next(w), until);
	/* Times of another boot say nothing: it is over. */
	world_rebooted(w);
	world_recover(w);
	assert_int_equal(world_next(w), 0);
	world_work(w, 3);
	run_dry(w);
	assert_int_equal(w->book->sp[0].notifiers.ended, 2);
	assert_int_equal(destroyed(w, SP, 5), 0);
	world_end(w);
}

static void a_restart_cuts_short_what_runs_and_forgets_the_rest(void **unused)
{
	struct world *w = world_with("trusty:0x8001:notifiers=0", NULL);

	make_available(w, 5);
	assert_int_equal(register_at(w, 5, "a", 1000000000, false), NOTIFIER_OK);
	assert_int_equal(register_at(w, 5, "b", 1000000000, false), NOTIFIER_OK);
	assert_int_equal(destroyed(w, SP, 5), RETRY);
	tick(w);
	world_restart_sp(w, 0);
	assert_false(w->book->sp[0].notifiers.run.active);
	assert_int_equal(w->book->sp[0].notifiers.count, 0);
	assert_int_equal(w->book->sp[0].notifiers.last[0].result.how, NOTIFIER_CUT_SHORT);
	assert_int_equal(world_next(w), WORLD_NEVER);
	assert_int_equal(destroyed(w, SP, 5), INVALID);
	world_end(w);
}

/* The new image goes on where the old one was; while there is none, nothing moves. */
static void a_live_activation_holds_the_thread(void **unused)
{
	struct world *w = world_with("trusty:0x8001:notifiers=0,live-activation=1,boot=1000000", NULL);
	uint64_t until;

	make_available(w, 5);
	assert_int_equal(register_at(w, 5, "a", 1000, false), NOTIFIER_OK);
	assert_int_equal(register_at(w, 5, "b", 1000, false), NOTIFIER_OK);
	assert_int_equal(destroyed(w, SP, 5), RETRY);
	tick(w);
	until = world_next(w);
	assert_int_equal(world_event(w, WORLD_ACTIVATE, 0, w->monotonic), FFA_OK);
	assert_true(world_next(w) > until);
	tick(w);
	assert_true(w->book->sp[0].notifiers.run.active);
	assert_int_equal(world_next(w), WORLD_NEVER);
	assert_int_equal(world_event(w, WORLD_FINISH, 0, w->monotonic), FFA_OK);
	run_dry(w);
	assert_int_equal(w->book->sp[0].notifiers.ended, 2);
	assert_int_equal(destroyed(w, SP, 5), 0);
	world_end(w);
}

static void its_own_are_registered_for_each_vm(void **unused)
{
	struct world *w = world_with("trusty:0x8001:notifiers=0", NULL);
	struct sp_config *c = &w->config.sp[0];

	c->listed = 2;
	c->list[0] = (struct sp_notifier){ "one", { .kind = NOTIFIER_HOLD, .hold = 5 } };
	c->list[1] = (struct sp_notifier){ "two", { .kind = NOTIFIER_HOLD, .hold = 5 } };
	for (uint16_t vm = 1; vm <= NOTIFIERS / 2 + 3; vm++)
		make_available(w, vm);
	assert_int_equal(w->book->sp[0].notifiers.count, NOTIFIERS);
	assert_int_equal(w->book->sp[0].counts.unregistered, 6);
	assert_int_equal(destroyed(w, SP, 7), RETRY);
	run_dry(w);
	assert_ended(w, 0, 7, "one");
	assert_ended(w, 1, 7, "two");
	assert_int_equal(destroyed(w, SP, 7), 0);
	/* Who found no memory for its notifiers lives, and goes, without. */
	assert_int_equal(destroyed(w, SP, NOTIFIERS / 2 + 1), RETRY);
	run_dry(w);
	assert_int_equal(w->book->sp[0].notifiers.ended, 2);
	assert_int_equal(destroyed(w, SP, NOTIFIERS / 2 + 1), 0);
	world_end(w);
}

/* ---- the pseudo-VM (d) ---- */

static void the_first_registration_makes_the_pseudo_vm(void **unused)
{
	struct world *w = world_with("trusty:0x8001:notifiers=0", NULL);

	/* Whoever it is for. */
	assert_int_equal(register_at(w, 5, "a", 0, false), NOTIFIER_NOT_FOUND);
	assert_int_equal(w->book->sp[0].pseudo, 1);
	assert_int_equal(state_of(w, 0, 0), SP_VM_AVAILABLE);
	assert_int_equal(register_at(w, 0, "a", 0, false), NOTIFIER_OK);
	assert_int_equal(world_next(w), WORLD_NEVER);
	world_end(w);
}

static void there_is_no_pseudo_vm_where_one_is_known_or_to_come(void **unused)
{
	struct world *w = world_with("trusty:0x8001:notifiers=0", NULL);

	assert_int_equal(created(w, SP, 5), RETRY);
	assert_int_equal(register_at(w, 0, "a", 0, false), NOTIFIER_NOT_FOUND);
	assert_int_equal(w->book->sp[0].pseudo, 0);
	tick(w);
	assert_int_equal(register_at(w, 0, "a", 0, false), NOTIFIER_NOT_FOUND);
	assert_int_equal(created(w, SP, 5), 0);
	assert_int_equal(register_at(w, 0, "a", 0, false), NOTIFIER_NOT_FOUND);
	assert_int_equal(w->book->sp[0].pseudo, 0);
	world_end(w);
}

/* One more tick to send it away, one for each notifier; then the creation. */
static void the_pseudo_vm_makes_way_which_costs_extra_rounds(void **unused)
{
	struct world *w = world_with("trusty:0x8001:notifiers=0", NULL);
	int rounds = 0;

	assert_int_equal(register_at(w, 0, "a", 0, false), NOTIFIER_OK);
	assert_int_equal(register_at(w, 0, "b", 0, false), NOTIFIER_OK);
	assert_int_equal(register_at(w, 0, "c", 0, false), NOTIFIER_OK);
	while (created(w, SP, 5) != 0) {
		rounds++;
		tick(w);
		assert_int_equal(w->doorbells != 0, state_of(w, 0, 5) == SP_VM_FRESH);
	}
	assert_int_equal(rounds, 4);
	assert_int_equal(w->book->sp[0].notifiers.ended, 3);
	assert_int_equal(w->book->sp[0].pseudo, 0);
	assert_int_equal(state_of(w, 0, 0), SP_VM_ABSENT);
	assert_int_equal(w->book->sp[0].live, 1);
	assert_int_equal(destroyed(w, SP, 0), INVALID);
	world_end(w);
}

static void the_pseudo_vm_comes_again_when_all_are_gone(void **unused)
{
	struct world *w = world_with("trusty:0x8001:notifiers=0", NULL);

	assert_int_equal(register_at(w, 0, "a", 0, false), NOTIFIER_OK);
	make_available(w, 5);
	assert_int_equal(destroyed(w, SP, 5), RETRY);
	run_dry(w);
	assert_int_equal(register_at(w, 0, "b", 0, false), NOTIFIER_NOT_FOUND);
	assert_int_equal(destroyed(w, SP, 5), 0);
	assert_int_equal(register_at(w, 0, "b", 0, false), NOTIFIER_OK);
	assert_int_equal(w->book->sp[0].pseudo, 1);
	world_end(w);
}

/* What is sent for id 0 meets the pseudo-VM as any other: the table knows no difference. */
static void messages_for_vm_0_meet_the_pseudo_vm(void **unused)
{
	struct world *w = world_with("trusty:0x8001:notifiers=0", NULL);

	assert_int_equal(register_at(w, 0, "a", 0, false), NOTIFIER_OK);
	assert_int_equal(created(w, SP, 0), INVALID);
	assert_int_equal(destroyed(w, SP, 0), RETRY);
	run_dry(w);
	assert_int_equal(destroyed(w, SP, 0), INVALID);
	make_available(w, 0);
	assert_int_equal(w->book->sp[0].pseudo, 0);
	assert_int_equal(destroyed(w, SP, 0), RETRY);
	run_dry(w);
	assert_int_equal(destroyed(w, SP, 0), 0);
	world_end(w);
}

static void a_host_client_has_a_pseudo_vm_while_nobody_is_known(void **unused)
{
	struct world *w = world_with("trusty:0x8001:notifiers=0,host-client=1", NULL);

	run_dry(w); /* from the start on */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(w->book->sp[0].pseudo, 1);
		assert_int_equal(w->book->sp[0].notifiers.ended, i);
		make_available(w, 5);
		assert_int_equal(w->book->sp[0].pseudo, 0);
		assert_int_equal(destroyed(w, SP, 5), RETRY);
		run_dry(w);
		assert_int_equal(destroyed(w, SP, 5), 0);
		run_dry(w);
	}
	world_end(w);
}

/* A death while it is made, or while it goes. */
static void a_pseudo_vm_that_is_half_there_is_none(void **unused)
{
	struct world *w = world_with("trusty:0x8001:notifiers=0", NULL);

	w->book->sp[0].pseudo = 1;
	world_recover(w);
	assert_int_equal(w->book->sp[0].pseudo, 0);
	assert_int_equal(register_at(w, 0, "a", 0, false), NOTIFIER_OK);
	world_recover(w);
	assert_int_equal(w->book->sp[0].pseudo, 1);
	assert_int_equal(w->book->sp[0].notifiers.count, 1);
	make_available(w, 5);
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(register_answers_by_the_state_of_the_vm),
		cmocka_unit_test(a_hold_is_answered_retry_until_it_is_over),
		cmocka_unit_test(a_failing_notifier_does_not_stop_the_others),
		cmocka_unit_test(one_runs_at_a_time_and_a_creation_waits_for_it),
		cmocka_unit_test(one_that_is_unregistered_in_time_never_runs),
		cmocka_unit_test(the_last_one_unregistered_leaves_the_vm_notified),
		cmocka_unit_test(a_program_is_waited_for_until_it_is_told),
		cmocka_unit_test(a_hold_goes_on_after_a_death),
		cmocka_unit_test(a_restart_cuts_short_what_runs_and_forgets_the_rest),
		cmocka_unit_test(a_live_activation_holds_the_thread),
		cmocka_unit_test(its_own_are_registered_for_each_vm),
		cmocka_unit_test(the_first_registration_makes_the_pseudo_vm),
		cmocka_unit_test(there_is_no_pseudo_vm_where_one_is_known_or_to_come),
		cmocka_unit_test(the_pseudo_vm_makes_way_which_costs_extra_rounds),
		cmocka_unit_test(the_pseudo_vm_comes_again_when_all_are_gone),
		cmocka_unit_test(messages_for_vm_0_meet_the_pseudo_vm),
		cmocka_unit_test(a_host_client_has_a_pseudo_vm_while_nobody_is_known),
		cmocka_unit_test(a_pseudo_vm_that_is_half_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
