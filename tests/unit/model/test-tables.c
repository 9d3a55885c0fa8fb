/* SPDX-License-Identifier: Apache-2.0 */
/* The model's tables, walked whole, against the second statement of the same moves (oracle.c). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "model/availability.h"
#include "model/vcpu.h"
#include "model/vm.h"
#include "oracle.h"

static void vm_moves_are_those_of_the_second_statement(void **state)
{
	for (unsigned from = 0; from < VM_STATE_COUNT; from++)
		for (unsigned to = 0; to < VM_STATE_COUNT; to++)
			assert_int_equal(vm_move_is_legal(from, to), oracle_vm_legal(from, to));
}

static void vcpu_moves_are_those_of_the_second_statement(void **state)
{
	for (unsigned from = 0; from < VCPU_STATE_COUNT; from++) {
		for (unsigned to = 0; to < VCPU_STATE_COUNT; to++) {
			assert_int_equal(vcpu_move_is_legal(from, to), oracle_vcpu_legal(from, to, false));
			assert_int_equal(vcpu_may_be_forced(from, to), oracle_vcpu_legal(from, to, true));
		}
	}
}

/* spec: STARTING never leads straight to RUNNING; a report that skips the WAITING between is still a true one. */
static void a_vcpu_is_believed_where_legal_moves_lead(void **state)
{
	assert_true(vcpu_may_have_become(VCPU_NULL, VCPU_RUNNING));
	assert_true(vcpu_may_have_become(VCPU_CREATED, VCPU_RUNNING));
	assert_true(vcpu_may_have_become(VCPU_RUNNING, VCPU_STOPPED));
	assert_true(vcpu_may_have_become(VCPU_WAITING, VCPU_OFF));
	assert_true(vcpu_may_have_become(VCPU_OFF, VCPU_RUNNING));
	assert_false(vcpu_may_have_become(VCPU_ABORTED, VCPU_RUNNING));
	assert_false(vcpu_may_have_become(VCPU_STOPPED, VCPU_WAITING));
	assert_false(vcpu_may_have_become(VCPU_RUNNING, VCPU_STARTING));
	for (unsigned from = 0; from < VCPU_STATE_COUNT; from++)
		for (unsigned to = 0; to < VCPU_STATE_COUNT; to++)
			if (oracle_vcpu_legal(from, to, true))
				assert_true(vcpu_may_have_become(from, to));
}

static void numbers_that_are_no_state_are_refused(void **state)
{
	enum vm_state to = VM_HALTED;

	assert_false(vm_move_is_legal((enum vm_state)VM_STATE_COUNT, VM_NULL));
	assert_false(vm_move_is_legal(VM_NULL, (enum vm_state)VM_STATE_COUNT));
	assert_false(vcpu_move_is_legal((enum vcpu_state)VCPU_STATE_COUNT, VCPU_OFF));
	assert_false(vcpu_may_be_forced((enum vcpu_state)VCPU_STATE_COUNT, VCPU_ABORTED));
	assert_true(vm_step((enum vm_state)VM_STATE_COUNT, VM_EV_START, &to) < 0);
	assert_true(vm_step(VM_NULL, VM_EVENT_COUNT, &to) < 0);
	assert_int_equal(to, VM_HALTED);
}

/* Begun lives minus ended lives is 0 in NULL and 1 elsewhere, along every path of events. */
static void walk(enum vm_state s, int open, int depth)
{
	assert_int_equal(open, s != VM_NULL);
	for (unsigned e = 0; depth > 0 && e < VM_EVENT_COUNT; e++) {
		enum vm_state to;
		int begun = e == VM_EV_START || e == VM_EV_RESTARTED, ended = e == VM_EV_RETIRED || e == VM_EV_RESTARTED;

		if (vm_step(s, e, &to) == 0)
			walk(to, open + begun - ended, depth - 1);
	}
}

static void every_life_that_begins_ends_once(void **state)
{
	walk(VM_NULL, 0, 9);
}

static void no_state_but_null_and_aborting_is_left_for_null(void **state)
{
	for (unsigned from = 0; from < VM_STATE_COUNT; from++)
		assert_int_equal(vm_move_is_legal(from, VM_NULL), from == VM_NULL || from == VM_ABORTING);
}

/* Said once more: only a VM that runs is paused, only one that is being paused is paused, and every pause can end. */
static void a_pause_goes_by_its_table(void **state)
{
	for (unsigned from = 0; from <= VM_SUBSTATE_COUNT; from++) {
		for (unsigned e = 0; e <= VM_PAUSE_EVENT_COUNT; e++) {
			enum vm_substate to = VM_SUB_NONE, wanted = VM_SUB_NONE;

			if (e == VM_PAUSE_EV_PAUSE && from == VM_SUB_RUNNING)
				wanted = VM_SUB_PAUSING;
			if (e == VM_PAUSE_EV_PAUSED && from == VM_SUB_PAUSING)
				wanted = VM_SUB_PAUSED;
			if (e == VM_PAUSE_EV_STAYS && from == VM_SUB_RUNNING)
				wanted = VM_SUB_PAUSED;
			if (e == VM_PAUSE_EV_RESUME && (from == VM_SUB_PAUSING || from == VM_SUB_PAUSED))
				wanted = VM_SUB_RUNNING;
			assert_int_equal(vm_pause_step(from, e, &to) == 0, wanted != VM_SUB_NONE);
			assert_int_equal(to, wanted);
		}
	}
}

static void every_operation_has_its_rank(void **state)
{
	static const enum operation order[] = { OP_NONE, OP_PAUSE, OP_START, OP_RESTART, OP_STOP, OP_ABORT, OP_DESTROY };

	assert_int_equal(sizeof(order) / sizeof(*order), OPERATION_COUNT);
	for (unsigned i = 0; i < OPERATION_COUNT; i++)
		assert_int_equal(operation_rank(order[i]), i);
	assert_int_equal(operation_rank((enum operation)OPERATION_COUNT), 0);
}

/* ---- availability: what must hold whatever the single cells say ---- */

static void an_answer_of_0_always_leads_on(void **state)
{
	struct debt_arc a;

	for (unsigned face = FACE_CREATING; face <= FACE_CREATING_UNSURE; face++) {
		assert_int_equal(debt_step(face, DEBT_EV_ACK, &a), 0);
		assert_int_equal(a.to, DEBT_KNOWN);
		assert_int_equal(a.how, HOW_ANSWERED);
	}
	assert_int_equal(debt_step(FACE_DESTROYING, DEBT_EV_ACK, &a), 0);
	assert_int_equal(a.to, DEBT_SETTLED);
	assert_int_equal(a.how, HOW_ANSWERED);
}

/* RETRY, INTERRUPTED, BUSY, IDLE, ABORTED, BROKEN: the same again later, never the end. */
static void what_is_not_an_answer_is_sent_again(void **state)
{
	static const enum debt_event again[] = { DEBT_EV_RETRY, DEBT_EV_INTERRUPTED, DEBT_EV_BUSY, DEBT_EV_IDLE,
		DEBT_EV_ABORTED, DEBT_EV_BROKEN };
	static const enum debt_face faces[] = { FACE_CREATING, FACE_CREATING_DIRTY, FACE_CREATING_UNSURE, FACE_DESTROYING };

	for (unsigned f = 0; f < 4; f++) {
		for (unsigned e = 0; e < sizeof(again) / sizeof(*again); e++) {
			struct debt_arc a;

			assert_int_equal(debt_step(faces[f], again[e], &a), 0);
			assert_int_equal(a.to, faces[f] == FACE_DESTROYING ? DEBT_DESTROYING : DEBT_CREATING);
			assert_true(a.effects & FX_BACKOFF);
		}
	}
}

/* spec: a CREATED that the SP accepted, or may have accepted, is driven to 0 or the SP restarted. */
static void an_accepted_created_is_never_given_up(void **state)
{
	for (unsigned e = 0; e < DEBT_EV_ANNOUNCE; e++) {
		for (unsigned face = FACE_CREATING_DIRTY; face <= FACE_CREATING_UNSURE; face++) {
			struct debt_arc a;

			assert_int_equal(debt_step(face, e, &a), 0);
			assert_true(a.to == DEBT_CREATING || a.to == DEBT_KNOWN);
		}
	}
	for (unsigned face = FACE_CREATING_DIRTY; face <= FACE_CREATING_UNSURE; face++) {
		struct debt_arc a;

		assert_true(debt_step(face, DEBT_EV_RETIRE, &a) < 0);
		assert_true(debt_step(face, DEBT_EV_RETIRE_SILENT, &a) < 0);
	}
}

static void only_named_ways_settle(void **state)
{
	for (unsigned face = 0; face < FACE_COUNT; face++) {
		for (unsigned e = 0; e < DEBT_EVENT_COUNT; e++) {
			struct debt_arc a;

			if (debt_step(face, e, &a) < 0 || a.to != DEBT_SETTLED)
				continue;
			assert_true(a.how == HOW_ANSWERED || a.how == HOW_SP_UNKNOWN || a.how == HOW_SP_GONE ||
				a.how == HOW_NOT_SUBSCRIBED || (e == DEBT_EV_FORGOT && a.how == HOW_FORGOT));
		}
	}
}

static void nothing_leaves_settled(void **state)
{
	struct debt_arc a;

	for (unsigned e = 0; e < DEBT_EVENT_COUNT; e++)
		assert_true(debt_step(FACE_SETTLED, e, &a) < 0);
}

/* A refusal that proves the SP knows nothing costs no VM_DESTROYED; the life ends. */
static void a_clean_refusal_owes_nothing(void **state)
{
	static const enum debt_event refusals[] = { DEBT_EV_DENIED, DEBT_EV_INVALID, DEBT_EV_UNKNOWN_SP, DEBT_EV_UNSUPPORTED,
		DEBT_EV_REFUSED };

	for (unsigned e = 0; e < sizeof(refusals) / sizeof(*refusals); e++) {
		struct debt_arc a;

		assert_int_equal(debt_step(FACE_CREATING, refusals[e], &a), 0);
		assert_int_equal(a.to, DEBT_NONE);
		assert_int_equal(a.how, HOW_REJECTED);
		assert_true(a.effects & FX_FAIL);
	}
}

/* ---- names ---- */

LIFECYCLE_NAME_TABLE(vm_names, VM_STATES);
LIFECYCLE_NAME_TABLE(sub_names, VM_SUBSTATES);
LIFECYCLE_NAME_TABLE(vcpu_names, VCPU_STATES);
LIFECYCLE_NAME_TABLE(cause_names, CAUSES);
LIFECYCLE_NAME_TABLE(debt_names, DEBT_STATES);
LIFECYCLE_NAME_TABLE(how_names, DEBT_HOWS);
LIFECYCLE_NAME_TABLE(operation_names, OPERATIONS);
LIFECYCLE_NAME_TABLE(wait_names, WAITS);

static void are_whole_and_different(const char *const *names, size_t count, size_t expected)
{
	assert_int_equal(count, expected);
	for (size_t i = 0; i < count; i++) {
		assert_non_null(names[i]);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(names[i], names[j]);
	}
}

#define WHOLE(names, expected) are_whole_and_different(names, sizeof(names) / sizeof(*names), expected)

static void every_number_has_one_name(void **state)
{
	WHOLE(vm_names, VM_STATE_COUNT);
	WHOLE(sub_names, VM_SUBSTATE_COUNT);
	WHOLE(vcpu_names, VCPU_STATE_COUNT);
	WHOLE(cause_names, CAUSE_COUNT);
	WHOLE(debt_names, DEBT_STATE_COUNT);
	WHOLE(how_names, DEBT_HOW_COUNT);
	WHOLE(operation_names, OPERATION_COUNT);
	WHOLE(wait_names, WAIT_COUNT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vm_moves_are_those_of_the_second_statement),
		cmocka_unit_test(vcpu_moves_are_those_of_the_second_statement),
		cmocka_unit_test(a_vcpu_is_believed_where_legal_moves_lead),
		cmocka_unit_test(numbers_that_are_no_state_are_refused),
		cmocka_unit_test(every_life_that_begins_ends_once),
		cmocka_unit_test(no_state_but_null_and_aborting_is_left_for_null),
		cmocka_unit_test(a_pause_goes_by_its_table),
		cmocka_unit_test(every_operation_has_its_rank),
		cmocka_unit_test(an_answer_of_0_always_leads_on),
		cmocka_unit_test(what_is_not_an_answer_is_sent_again),
		cmocka_unit_test(an_accepted_created_is_never_given_up),
		cmocka_unit_test(only_named_ways_settle),
		cmocka_unit_test(nothing_leaves_settled),
		cmocka_unit_test(a_clean_refusal_owes_nothing),
		cmocka_unit_test(every_number_has_one_name),
	};

	return cmocka_run_group_tests_name("model tables", tests, NULL, NULL);
}
