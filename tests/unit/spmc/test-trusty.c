/* SPDX-License-Identifier: Apache-2.0 */

/* Trusty's table of per-VM states (lib/sm), written down a second time and by hand, and its consequences (a) to (g). */

#include "fixture.h"

#define SP 0x8001

enum { RETRY = -7, INVALID = -2 };

static struct world *trusty(void)
{
	return world_with("trusty:0x8001", NULL);
}

static void check_cell(enum sp_vm_state from, bool destroy, int32_t status, enum sp_vm_state to)
{
	struct world *w = trusty();

	bring_to(w, SP, from);
	assert_int_equal(destroy ? destroyed(w, SP, 5) : created(w, SP, 5), status);
	assert_int_equal(state_of(w, 0, 5), to);
	world_end(w);
}

static void answers_each_cell_of_the_table(void **unused)
{
	check_cell(SP_VM_ABSENT, false, RETRY, SP_VM_ABSENT);
	check_cell(SP_VM_ABSENT, true, INVALID, SP_VM_ABSENT);
	check_cell(SP_VM_FRESH, false, 0, SP_VM_AVAILABLE);
	check_cell(SP_VM_FRESH, true, INVALID, SP_VM_FRESH);
	check_cell(SP_VM_AVAILABLE, false, INVALID, SP_VM_AVAILABLE);
	check_cell(SP_VM_AVAILABLE, true, RETRY, SP_VM_DESTROY_NOTIFYING);
	check_cell(SP_VM_DESTROY_NOTIFYING, false, INVALID, SP_VM_DESTROY_NOTIFYING);
	check_cell(SP_VM_DESTROY_NOTIFYING, true, RETRY, SP_VM_DESTROY_NOTIFYING);
	check_cell(SP_VM_DESTROY_NOTIFIED, false, INVALID, SP_VM_DESTROY_NOTIFIED);
	check_cell(SP_VM_DESTROY_NOTIFIED, true, 0, SP_VM_ABSENT);
}

static void back_to_back_retries_cannot_succeed(void **unused)
{
	struct world *w = trusty();

	for (int i = 0; i < 100; i++)
		assert_int_equal(created(w, SP, 5), RETRY);
	tick(w);
	assert_int_equal(created(w, SP, 5), 0);
	world_end(w);
}

static void second_creation_gets_retry_and_is_not_remembered(void **unused)
{
	struct world *w = trusty();

	assert_int_equal(created(w, SP, 5), RETRY);
	assert_int_equal(created(w, SP, 6), RETRY);
	run_dry(w);
	assert_int_equal(state_of(w, 0, 5), SP_VM_FRESH);
	assert_int_equal(state_of(w, 0, 6), SP_VM_ABSENT);
	/* Now the slot is free: the same answer, but it is remembered. */
	assert_int_equal(created(w, SP, 6), RETRY);
	run_dry(w);
	assert_int_equal(created(w, SP, 6), 0);
	assert_int_equal(created(w, SP, 5), 0);
	world_end(w);
}

static void unretried_creation_leaks(void **unused)
{
	struct world *w = trusty();

	bring_to(w, SP, SP_VM_FRESH);
	assert_int_equal(destroyed(w, SP, 5), INVALID);
	assert_int_equal(w->book->sp[0].live, 1);
	world_end(w);
}

static void notifiers_run_one_a_tick_in_order_of_destruction(void **unused)
{
	struct world *w = world_with("trusty:0x8001:notifiers=3", NULL);
	static const uint16_t vms[] = { 9, 4, 7 };

	for (int i = 0; i < 3; i++) {
		assert_int_equal(created(w, SP, vms[i]), RETRY);
		run_dry(w);
		assert_int_equal(created(w, SP, vms[i]), 0);
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(destroyed(w, SP, vms[i]), RETRY);
	for (int i = 0; i < 3; i++) {
		tick(w);
		tick(w);
		assert_int_equal(destroyed(w, SP, vms[i]), RETRY);
		tick(w);
		assert_int_equal(destroyed(w, SP, vms[i]), 0);
		assert_int_equal(destroyed(w, SP, vms[i]), INVALID);
	}
	assert_int_equal(world_next(w), WORLD_NEVER);
	assert_int_equal(w->book->sp[0].live, 0);
	world_end(w);
}

static void destruction_is_deferred_even_without_notifiers(void **unused)
{
	struct world *w = world_with("trusty:0x8001:notifiers=0", NULL);

	bring_to(w, SP, SP_VM_AVAILABLE);
	assert_int_equal(destroyed(w, SP, 5), RETRY);
	tick(w);
	assert_int_equal(destroyed(w, SP, 5), 0);
	world_end(w);
}

static void rings_when_the_next_try_will_do(void **unused)
{
	struct world *w = trusty();

	assert_int_equal(created(w, SP, 5), RETRY);
	assert_int_equal(w->doorbells, 0);
	tick(w);
	assert_int_equal(w->doorbells, 1);
	assert_int_equal(created(w, SP, 5), 0);
	w->doorbells = 0;
	assert_int_equal(destroyed(w, SP, 5), RETRY);
	tick(w);
	assert_int_equal(w->doorbells, 0);
	tick(w);
	assert_int_equal(w->doorbells, 1);
	assert_int_equal(destroyed(w, SP, 5), 0);
	world_end(w);
}

static void rings_not_when_told_so(void **unused)
{
	struct world *w = world_with("trusty:0x8001:doorbell=0", NULL);

	bring_to(w, SP, SP_VM_DESTROY_NOTIFIED);
	assert_int_equal(w->doorbells, 0);
	world_end(w);
}

static void without_memory_it_says_retry_until_some_comes(void **unused)
{
	struct world *w = world_with("trusty:0x8001:capacity=1", NULL);

	bring_to(w, SP, SP_VM_AVAILABLE);
	assert_int_equal(created(w, SP, 6), RETRY);
	assert_int_equal(world_next(w), WORLD_NEVER);
	assert_int_equal(created(w, SP, 6), RETRY);
	assert_int_equal(destroyed(w, SP, 5), RETRY);
	run_dry(w);
	assert_int_equal(destroyed(w, SP, 5), 0);
	run_dry(w);
	assert_int_equal(created(w, SP, 6), 0);
	world_end(w);
}

static void stuck_destruction_says_retry_for_ever(void **unused)
{
	struct world *w = world_with("trusty:0x8001:stuck=1", NULL);

	bring_to(w, SP, SP_VM_AVAILABLE);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(destroyed(w, SP, 5), RETRY);
		assert_int_equal(world_next(w), WORLD_NEVER);
	}
	/* Creations go on meanwhile. */
	assert_int_equal(created(w, SP, 6), RETRY);
	tick(w);
	assert_int_equal(created(w, SP, 6), 0);
	world_end(w);
}

static void unknown_type_comes_back_unchanged(void **unused)
{
	static const uint32_t types[] = { 0, 5, 7, 8, 0xA, 0xC, 0xFF };
	struct world *w = trusty();

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		send_message(w, SP, types[i], 5);
		assert_int_equal(answer[0], 0x84000070);
		assert_int_equal(answer[2], 0x80000000u | types[i]);
		assert_int_equal(answer[3], 0xFFFFFFFF);
	}
	world_end(w);
}

static void host_may_be_announced_as_vm_0(void **unused)
{
	struct world *w = trusty();

	assert_int_equal(created(w, SP, 0), RETRY);
	tick(w);
	assert_int_equal(created(w, SP, 0), 0);
	world_end(w);
}

static void many_vms_come_and_go(void **unused)
{
	struct world *w = trusty();

	for (uint32_t vm = 1; vm < 0x8000; vm++) {
		assert_int_equal(created(w, SP, (uint16_t)vm), RETRY);
		tick(w);
		assert_int_equal(created(w, SP, (uint16_t)vm), 0);
	}
	assert_int_equal(w->book->sp[0].live, 0x7FFF);
	for (uint32_t vm = 1; vm < 0x8000; vm++)
		assert_int_equal(destroyed(w, SP, (uint16_t)vm), RETRY);
	run_dry(w);
	for (uint32_t vm = 1; vm < 0x8000; vm++)
		assert_int_equal(destroyed(w, SP, (uint16_t)vm), 0);
	assert_int_equal(w->book->sp[0].live, 0);
	assert_int_equal(w->book->sp[0].counts.created, 0x7FFF);
	assert_int_equal(w->book->sp[0].counts.destroyed, 0x7FFF);
	assert_int_equal(w->book->sp[0].counts.retry, 2 * 0x7FFF);
	assert_int_equal(w->book->sp[0].counts.refused, 0);
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_each_cell_of_the_table),
		cmocka_unit_test(back_to_back_retries_cannot_succeed),
		cmocka_unit_test(second_creation_gets_retry_and_is_not_remembered),
		cmocka_unit_test(unretried_creation_leaks),
		cmocka_unit_test(notifiers_run_one_a_tick_in_order_of_destruction),
		cmocka_unit_test(destruction_is_deferred_even_without_notifiers),
		cmocka_unit_test(rings_when_the_next_try_will_do),
		cmocka_unit_test(rings_not_when_told_so),
		cmocka_unit_test(without_memory_it_says_retry_until_some_comes),
		cmocka_unit_test(stuck_destruction_says_retry_for_ever),
		cmocka_unit_test(unknown_type_comes_back_unchanged),
		cmocka_unit_test(host_may_be_announced_as_vm_0),
		cmocka_unit_test(many_vms_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
