/* SPDX-License-Identifier: Apache-2.0 */

/* Which change is which message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/message.h"
#include "fake-journal.h"
#include "journal/journal.h"

static struct vm_row row = { .name = "web", .uuid = { 0x12, 0x34, [15] = 0xff }, .end_life = 17, .end_text = "it said: oops" };

/* The one row that there is. */
const struct vm_row *rows_vm(const struct rows *rows, const char *name)
{
	return strcmp(name, row.name) == 0 ? &row : NULL;
}

static const char *const ids[] = {
#define ID_ROW(symbol, id, priority, title) [symbol] = "MESSAGE_ID=" id,
	MESSAGES(ID_ROW)
};

static const char *told_of(struct event_record e)
{
	struct published what = { .rows = NULL, .event = &e, .count = 1 };

	e.seq = 99;
	journal_publish_ops.publish(NULL, &what);
	return fake_journal_read();
}

static struct event_record move(uint8_t old_state, uint8_t old_sub, uint8_t state, uint8_t sub, uint8_t cause)
{
	return (struct event_record){ .kind = EVENT_STATE, .life = 17, .endpoint = 3, .old_state = old_state,
		.old_substate = old_sub, .new_state = state, .new_substate = sub, .cause = cause, .name = "web" };
}

static void each_step_of_a_life_is_a_message_of_its_kind(void **unused)
{
	static const struct {
		uint8_t old_state, old_sub, state, sub, cause;
		enum message kind;
	} steps[] = {
		{ VM_NULL, 0, VM_CREATED, VM_SUB_ALLOCATING, 0, MESSAGE_LIFE_BEGUN },
		{ VM_ABORTING, 0, VM_CREATED, VM_SUB_ALLOCATING, 0, MESSAGE_LIFE_BEGUN },
		{ VM_CREATED, VM_SUB_ALLOCATING, VM_CREATED, VM_SUB_ANNOUNCING, 0, MESSAGE_LIFE_MOVED },
		{ VM_CREATED, VM_SUB_READY, VM_RUNNING, VM_SUB_RUNNING, 0, MESSAGE_LIFE_RUNNING },
		{ VM_RUNNING, VM_SUB_RUNNING, VM_RUNNING, VM_SUB_PAUSING, 0, MESSAGE_LIFE_MOVED },
		{ VM_RUNNING, VM_SUB_PAUSING, VM_RUNNING, VM_SUB_PAUSED, 0, MESSAGE_LIFE_PAUSED },
		{ VM_RUNNING, VM_SUB_PAUSED, VM_RUNNING, VM_SUB_RUNNING, 0, MESSAGE_LIFE_RESUMED },
		{ VM_RUNNING, VM_SUB_RUNNING, VM_ABORTING, VM_SUB_QUIESCING, CAUSE_GUEST_PANIC, MESSAGE_LIFE_FAILED },
		{ VM_CREATED, VM_SUB_READY, VM_ABORTING, VM_SUB_RETIRING, CAUSE_SECURE_TIMEOUT, MESSAGE_LIFE_FAILED },
		{ VM_RUNNING, VM_SUB_RUNNING, VM_ABORTING, VM_SUB_QUIESCING, CAUSE_USER_ABORT, MESSAGE_LIFE_ENDED },
		{ VM_ABORTING, VM_SUB_QUIESCING, VM_ABORTING, VM_SUB_PRESERVED, CAUSE_USER_ABORT, MESSAGE_LIFE_PRESERVED },
		{ VM_ABORTING, VM_SUB_QUIESCING, VM_ABORTING, VM_SUB_RETIRING, CAUSE_USER_ABORT, MESSAGE_LIFE_MOVED },
		{ VM_ABORTING, VM_SUB_RECLAIMING, VM_NULL, VM_SUB_NONE, CAUSE_USER_ABORT, MESSAGE_LIFE_SETTLED },
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		const char *m = told_of(move(steps[i].old_state, steps[i].old_sub, steps[i].state, steps[i].sub, steps[i].cause));

		if (!message_has(m, ids[steps[i].kind]))
			fail_msg("step %zu: %s", i, m);
		assert_true(message_has(m, "VM_NAME=web"));
		assert_true(message_has(m, "VM_UUID=12340000-0000-0000-0000-0000000000ff"));
		assert_true(message_has(m, "VM_LIFE=17"));
		assert_true(message_has(m, "FFA_ID=0x0003"));
		assert_true(message_has(m, "SEQUENCE=99"));
	}
}

static void an_end_tells_its_cause_and_what_is_known_of_it(void **unused)
{
	const char *m = told_of(move(VM_RUNNING, VM_SUB_RUNNING, VM_ABORTING, VM_SUB_QUIESCING, CAUSE_GUEST_PANIC));

	assert_true(message_has(m, "CAUSE=guest-panic"));
	assert_true(message_has(m, "STATE=aborting"));
	assert_true(message_has(m, "OLD_STATE=running"));
	assert_true(message_has(m, "MESSAGE=web: life 17 ends: guest-panic: it said: oops"));
}

static void what_was_known_of_another_life_is_not_told(void **unused)
{
	struct event_record e = move(VM_RUNNING, VM_SUB_RUNNING, VM_ABORTING, VM_SUB_QUIESCING, CAUSE_OOM);

	e.life = 18;
	assert_true(message_has(told_of(e), "MESSAGE=web: life 18 ends: oom"));
}

static void a_debt_names_its_sp_and_how(void **unused)
{
	static const struct {
		uint8_t state, how;
		enum message kind;
	} moves[] = {
		{ DEBT_CREATING, HOW_NONE, MESSAGE_DEBT_MOVED },
		{ DEBT_KNOWN, HOW_ANSWERED, MESSAGE_SP_KNOWS },
		{ DEBT_NONE, HOW_REJECTED, MESSAGE_SP_REJECTED },
		{ DEBT_SETTLED, HOW_ANSWERED, MESSAGE_DEBT_SETTLED },
		{ DEBT_SETTLED, HOW_NOT_SUBSCRIBED, MESSAGE_DEBT_SETTLED },
		{ DEBT_SETTLED, HOW_SP_GONE, MESSAGE_DEBT_LAPSED },
		{ DEBT_SETTLED, HOW_FORGOT, MESSAGE_DEBT_LAPSED },
	};

	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
		const char *m = told_of((struct event_record){ .kind = EVENT_DEBT, .life = 17, .sp = 0x8001,
			.new_state = moves[i].state, .how = moves[i].how, .tries = 4, .name = "web" });

		if (!message_has(m, ids[moves[i].kind]))
			fail_msg("move %zu: %s", i, m);
		assert_true(message_has(m, "SP_ID=0x8001"));
		assert_true(message_has(m, "TRIES=4"));
	}
}

static struct event_record operation(enum operation before, enum operation now)
{
	return (struct event_record){ .kind = EVENT_OPERATION, .old_state = (uint8_t)before, .operation = (uint8_t)now,
		.new_state = VM_RUNNING, .name = "web" };
}

static void assert_over(const char *m, const char *operation_field, const char *text)
{
	assert_true(message_has(m, ids[MESSAGE_OPERATION_OVER]));
	assert_true(message_has(m, operation_field));
	assert_true(message_has(m, text));
}

static void an_operation_is_told_when_it_begins_and_when_it_is_over(void **unused)
{
	const char *m = told_of(operation(OP_NONE, OP_STOP));

	assert_true(message_has(m, ids[MESSAGE_OPERATION_BEGUN]));
	assert_true(message_has(m, "OPERATION=stop"));
	row.state = VM_ABORTING; /* where the turn came to, later on */
	assert_over(told_of(operation(OP_START, OP_NONE)), "OPERATION=start", "MESSAGE=web: start is over, the VM is running");
	assert_string_equal(told_of(operation(OP_START, OP_START)), ""); /* it waits longer */
	assert_string_equal(told_of(operation(OP_NONE, OP_NONE)), "");   /* an outcome is forgotten */
}

static void an_operation_that_fails_is_over_by_that(void **unused)
{
	struct event_record e = operation(OP_STOP, OP_NONE);
	const char *m;

	e.outcome = OUTCOME_UNHEARD;
	m = told_of(e);
	assert_true(message_has(m, ids[MESSAGE_OPERATION_FAILED]));
	assert_true(message_has(m, "OPERATION=stop"));
	assert_true(message_has(m, "OUTCOME=unheard"));
	assert_string_equal(fake_journal_read(), "");
	e = operation(OP_NONE, OP_NONE); /* of a resume */
	e.outcome = OUTCOME_DEVICE_STOPPED;
	assert_true(message_has(told_of(e), ids[MESSAGE_OPERATION_FAILED]));
}

static void what_takes_the_place_of_another_ends_it(void **unused)
{
	const char *m = told_of(operation(OP_RESTART, OP_ABORT));

	assert_over(m, "OPERATION=restart", "MESSAGE=web: restart is over, abort takes its place");
	m = fake_journal_read();
	assert_true(message_has(m, ids[MESSAGE_OPERATION_BEGUN]));
	assert_true(message_has(m, "OPERATION=abort"));
}

static void what_is_under_way_ends_with_its_vm(void **unused)
{
	struct event_record e = { .kind = EVENT_VM_GONE, .old_state = OP_DESTROY, .name = "gone" };

	assert_over(told_of(e), "OPERATION=destroy", "MESSAGE=gone: destroy is over, and the VM with it");
	assert_true(message_has(fake_journal_read(), ids[MESSAGE_VM_GONE]));
}

static void the_rest_is_told_too(void **unused)
{
	struct event_record e = { .kind = EVENT_VM, .name = "web" };

	assert_true(message_has(told_of(e), ids[MESSAGE_VM_DEFINED]));
	e.kind = EVENT_VM_GONE;
	assert_true(message_has(told_of(e), ids[MESSAGE_VM_GONE]));
	e = (struct event_record){ .kind = EVENT_SP, .sp = 0x8002, .new_state = SP_DEGRADED };
	assert_true(message_has(told_of(e), ids[MESSAGE_SP_DEGRADED]));
	e.new_state = SP_GONE + 1;
	assert_string_equal(told_of(e), "");
	e = (struct event_record){ .kind = EVENT_WORLD };
	assert_true(message_has(told_of(e), ids[MESSAGE_WORLD_MET]));
	e.kind = EVENT_WORLD + 1;
	assert_string_equal(told_of(e), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_step_of_a_life_is_a_message_of_its_kind),
		cmocka_unit_test(an_end_tells_its_cause_and_what_is_known_of_it),
		cmocka_unit_test(what_was_known_of_another_life_is_not_told),
		cmocka_unit_test(a_debt_names_its_sp_and_how),
		cmocka_unit_test(an_operation_is_told_when_it_begins_and_when_it_is_over),
		cmocka_unit_test(an_operation_that_fails_is_over_by_that),
		cmocka_unit_test(what_takes_the_place_of_another_ends_it),
		cmocka_unit_test(what_is_under_way_ends_with_its_vm),
		cmocka_unit_test(the_rest_is_told_too),
	};

	fake_journal_begin(LOG_DEBUG);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
