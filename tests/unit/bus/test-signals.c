/* SPDX-License-Identifier: Apache-2.0 */

/* What a stored turn makes known: each change once, in order, on objects that are there. */

#include <stdlib.h>
#include <string.h>

#include "unit/bus/world.h"

#define STATE(n, vm, from, to)                                                                               \
	{                                                                                                    \
		.kind = EVENT_STATE, .seq = (n), .name = vm, .life = 9, .old_state = (from),                 \
		.new_state = (to)                                                                            \
	}
#define VM(n, vm)                                                                                            \
	{                                                                                                    \
		.kind = EVENT_VM, .seq = (n), .name = vm                                                     \
	}
#define GONE(n, vm)                                                                                          \
	{                                                                                                    \
		.kind = EVENT_VM_GONE, .seq = (n), .name = vm                                                \
	}
#define SP(n, id)                                                                                            \
	{                                                                                                    \
		.kind = EVENT_SP, .seq = (n), .sp = (id)                                                     \
	}
#define PUBLISH(w, ...)                                                                                      \
	publish((w), (const struct event_record[]) { __VA_ARGS__ },                                          \
		sizeof((const struct event_record[]) { __VA_ARGS__ }) / sizeof(struct event_record))
#define HEARD(w, ...)                                                                                        \
	assert_signals((w), (const char *const[]) { __VA_ARGS__ },                                           \
		sizeof((const char *const[]) { __VA_ARGS__ }) / sizeof(char *))
#define NOTHING_HEARD(w) assert_signals((w), NULL, 0)

static void a_vm_is_added_before_it_moves_and_removed_after(void **state)
{
	struct world *w = *state;
	struct vm_row *row;

	listen_signals(w);
	row = fake_vm(&w->engine, "a", 1);
	PUBLISH(w, VM(1, "a"));
	HEARD(w, "InterfacesAdded /vm/a VM", "PropertiesChanged  VmCount");
	row->life = 9;
	row->state = VM_CREATED;
	PUBLISH(w, STATE(2, "a", VM_NULL, VM_CREATED));
	HEARD(w, "StateChanged /vm/a 2 9 null created -", "PropertiesChanged /vm/a Life State");
	fake_vm_remove(&w->engine, "a");
	PUBLISH(w, STATE(3, "a", VM_ABORTING, VM_NULL), GONE(4, "a"));
	HEARD(w, "StateChanged /vm/a 3 9 aborting null -", "InterfacesRemoved /vm/a VM",
		"PropertiesChanged  VmCount");
}

static void every_move_of_a_turn_is_told_once_and_in_order(void **state)
{
	struct world *w = *state;
	struct vm_row *a = fake_vm(&w->engine, "a", 1), *b = fake_vm(&w->engine, "b", 2);
	struct event_record end = STATE(7, "a", VM_RUNNING, VM_ABORTING);

	PUBLISH(w, VM(1, "a"), VM(2, "b"));
	listen_signals(w);
	a->state = VM_ABORTING;
	a->cause = end.cause = CAUSE_GUEST_PANIC;
	a->substate = VM_SUB_QUIESCING;
	b->operation = OP_START;
	PUBLISH(w, STATE(4, "a", VM_NULL, VM_CREATED), { .kind = EVENT_OPERATION, .seq = 5, .name = "b" },
		STATE(6, "a", VM_CREATED, VM_RUNNING), end, STATE(8, "a", VM_ABORTING, VM_ABORTING),
		{ .kind = EVENT_DEBT,
			.seq = 9,
			.name = "a",
			.old_state = DEBT_KNOWN,
			.new_state = DEBT_DESTROYING });
	HEARD(w, "StateChanged /vm/a 4 9 null created -", "StateChanged /vm/a 6 9 created running -",
		"StateChanged /vm/a 7 9 running aborting guest-panic", "PropertiesChanged /vm/b Operation",
		"PropertiesChanged /vm/a Cause State Substate");
}

/* The life before makes room: with the next one at once the VM is not null between them, and it is where that has to wait. */
static void a_restart_passes_null_only_where_it_has_to_wait(void **state)
{
	struct world *w = *state;
	struct vm_row *a = fake_vm(&w->engine, "a", 1);
	struct event_record gone = STATE(4, "a", VM_ABORTING, VM_NULL), next = STATE(7, "a", VM_ABORTING, VM_CREATED);

	gone.operation = OP_RESTART;
	next.life = 7;
	a->state = VM_ABORTING;
	PUBLISH(w, VM(1, "a"), VM(2, "b"));
	listen_signals(w);
	a->state = VM_CREATED;
	PUBLISH(w, gone, VM(5, "a"), { .kind = EVENT_OPERATION, .seq = 6, .name = "b" }, next);
	HEARD(w, "StateChanged /vm/a 7 7 aborting created -", "PropertiesChanged /vm/a State");
	a->state = VM_NULL;
	PUBLISH(w, gone, VM(5, "a"), { .kind = EVENT_OPERATION, .seq = 6, .name = "a", .operation = OP_START });
	HEARD(w, "StateChanged /vm/a 4 9 aborting null -", "PropertiesChanged /vm/a State");
	a->state = VM_CREATED;
	PUBLISH(w, gone, { .kind = EVENT_OPERATION, .seq = 6, .name = "a", .operation = OP_START },
		STATE(8, "a", VM_NULL, VM_CREATED));
	HEARD(w, "StateChanged /vm/a 4 9 aborting null -", "StateChanged /vm/a 8 9 null created -",
		"PropertiesChanged /vm/a State");
}

static void what_did_not_change_is_not_told(void **state)
{
	struct world *w = *state;
	struct vm_row *a = fake_vm(&w->engine, "a", 1);

	PUBLISH(w, VM(1, "a"));
	listen_signals(w);
	a->changed_at = 2;
	a->debt_count = 1;
	a->waits.tries = 5;
	PUBLISH(w, { .kind = EVENT_DEBT, .seq = 2, .name = "a" });
	NOTHING_HEARD(w);
	PUBLISH(w, { .kind = EVENT_WORLD, .seq = 3 });
	NOTHING_HEARD(w);
}

/* A lease is no event; whoever looks at the property hears of it nevertheless. */
static void what_changes_without_an_event_is_told_too(void **state)
{
	struct world *w = *state;
	struct vm_row *a = fake_vm(&w->engine, "a", 1);
	const struct vm_row *const touched[] = { a };
	struct published what = { .rows = &w->engine.rows, .touched = touched, .touched_count = 1 };

	PUBLISH(w, VM(1, "a"));
	listen_signals(w);
	a->leases_at = 2;
	bus_publish_ops.publish(w->bus, &what);
	HEARD(w, "PropertiesChanged /vm/a Leases");
	bus_publish_ops.publish(w->bus, &what);
	NOTHING_HEARD(w);
}

static void a_definition_made_anew_keeps_its_object(void **state)
{
	struct world *w = *state;
	struct vm_row *a = fake_vm(&w->engine, "a", 1);

	PUBLISH(w, VM(1, "a"));
	listen_signals(w);
	a->vcpu_count = 4;
	a->memory_bytes = 1 << 20;
	PUBLISH(w, VM(2, "a"));
	HEARD(w, "PropertiesChanged /vm/a MemoryBytes VcpuCount");
}

static void a_vm_that_came_and_went_in_one_turn_is_not_seen(void **state)
{
	struct world *w = *state;

	listen_signals(w);
	PUBLISH(w, VM(1, "a"), STATE(2, "a", VM_NULL, VM_CREATED), GONE(3, "a"));
	NOTHING_HEARD(w);
}

static void a_vm_that_is_another_now_is_removed_first(void **state)
{
	struct world *w = *state;

	(void)fake_vm(&w->engine, "a", 1);
	PUBLISH(w, VM(1, "a"));
	listen_signals(w);
	w->engine.rows.vm[0].vm = 3;
	w->engine.rows.vm[0].vcpu_count = 9;
	PUBLISH(w, GONE(2, "a"), VM(3, "a"));
	HEARD(w, "InterfacesRemoved /vm/a VM", "InterfacesAdded /vm/a VM");
}

static void sps_appear_change_and_vanish(void **state)
{
	struct world *w = *state;
	struct sp_row *sp;

	listen_signals(w);
	sp = fake_sp(&w->engine, 0x8001);
	PUBLISH(w, SP(1, 0x8001));
	HEARD(w, "InterfacesAdded /partition/8001 Partition");
	sp->sp.status = SP_GONE;
	sp->owed = 3;
	PUBLISH(w, SP(2, 0x8001));
	HEARD(w, "PropertiesChanged /partition/8001 Status");
	PUBLISH(w, SP(3, 0x8001));
	NOTHING_HEARD(w);
	w->engine.rows.sp_count = 0;
	PUBLISH(w, SP(4, 0x8001));
	HEARD(w, "InterfacesRemoved /partition/8001 Partition");
}

static void keep(struct bus_config *config)
{
}

static void what_was_there_at_the_start_is_no_news(void **state)
{
	struct world *w = *state;
	struct vm_row *a = fake_vm(&w->engine, "a", 1);

	(void)fake_sp(&w->engine, 0x8001);
	world_rebuild(w, keep);
	listen_signals(w);
	a->state = VM_CREATED;
	PUBLISH(w, SP(2, 0x8001), STATE(3, "a", VM_NULL, VM_CREATED));
	HEARD(w, "StateChanged /vm/a 3 9 null created -", "PropertiesChanged /vm/a State");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_vm_is_added_before_it_moves_and_removed_after),
		TEST(every_move_of_a_turn_is_told_once_and_in_order),
		TEST(a_restart_passes_null_only_where_it_has_to_wait),
		TEST(what_did_not_change_is_not_told),
		TEST(what_changes_without_an_event_is_told_too),
		TEST(a_definition_made_anew_keeps_its_object),
		TEST(a_vm_that_came_and_went_in_one_turn_is_not_seen),
		TEST(a_vm_that_is_another_now_is_removed_first),
		TEST(sps_appear_change_and_vanish),
		TEST(what_was_there_at_the_start_is_no_news),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
