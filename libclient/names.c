/* SPDX-License-Identifier: Apache-2.0 */

/* Words for numbers and back. The public numbers are those of proto/, held together by the asserts at the end. */

#include <errno.h>
#include <string.h>

#include "include/lifecycle.h"
#include "proto/event-stream.h"
#include "proto/errors.h"
#include "proto/lifecycle.h"

static const char *name_of(const char *const *table, int count, int number)
{
	return number >= 0 && number < count && table[number] ? table[number] : "unknown";
}

static int number_of(const char *const *table, int count, const char *name)
{
	for (int i = 0; name && i < count; i++)
		if (table[i] && strcmp(table[i], name) == 0)
			return i;
	return -EINVAL;
}

/* WORDS(state, VM_STATES) defines the table and the two public functions over it. */
#define WORDS(word, LIST)                                                                                              \
	LIFECYCLE_NAME_TABLE(word##_table, LIST);                                                                      \
	const char *lifecycle_##word##_name(int word)                                                                  \
	{                                                                                                              \
		return name_of(word##_table, (int)(sizeof(word##_table) / sizeof(*word##_table)), word);               \
	}                                                                                                              \
	int lifecycle_##word##_from_name(const char *name)                                                             \
	{                                                                                                              \
		return number_of(word##_table, (int)(sizeof(word##_table) / sizeof(*word##_table)), name);             \
	}

WORDS(state, VM_STATES)
WORDS(substate, VM_SUBSTATES)
WORDS(vcpu_state, VCPU_STATES)
WORDS(cause, CAUSES)
WORDS(debt, DEBT_STATES)
WORDS(how, DEBT_HOWS)
WORDS(operation, OPERATIONS)
WORDS(outcome, OUTCOMES)
WORDS(wait, WAITS)
WORDS(lease_state, LEASE_STATES)

struct refusal_row {
	const char *name;
	int error, code;
};

#define REFUSAL_ROW(symbol, word, number, exit_code) [symbol] = { word, number, exit_code },
static const struct refusal_row refusals[] = { REFUSALS(REFUSAL_ROW) };

static const struct refusal_row *refusal_row(int refusal)
{
	static const struct refusal_row unreachable = { "Unreachable", ENOTCONN, EXIT_NO_DAEMON };
	static const struct refusal_row no_answer = { "NoAnswer", ETIMEDOUT, EXIT_FAILED };
	static const struct refusal_row local = { "Local", EIO, EXIT_FAILED };

	if (refusal >= 0 && refusal < REFUSAL_COUNT)
		return &refusals[refusal];
	if (refusal == LIFECYCLE_UNREACHABLE)
		return &unreachable;
	return refusal == LIFECYCLE_NO_ANSWER ? &no_answer : &local;
}

const char *lifecycle_refusal_name(int refusal)
{
	return refusal_row(refusal)->name;
}

int lifecycle_refusal_from_name(const char *name)
{
	for (int i = 0; name && i < REFUSAL_COUNT; i++)
		if (strcmp(refusals[i].name, name) == 0)
			return i;
	return -EINVAL;
}

int lifecycle_refusal_errno(int refusal)
{
	return refusal_row(refusal)->error;
}

int lifecycle_refusal_exit_code(int refusal)
{
	return refusal_row(refusal)->code;
}

#define SAME(public_name, proto_name)                                                                                  \
	_Static_assert((int)LIFECYCLE_##public_name == (int)(proto_name), "lifecycle.h and proto/ disagree")
SAME(STATE_HALTED, VM_HALTED);
SAME(STATE_ABORTING, VM_ABORTING);
SAME(SUB_BOOTING, VM_SUB_BOOTING);
SAME(SUB_RETIRING, VM_SUB_RETIRING);
SAME(SUB_PRESERVED, VM_SUB_PRESERVED);
SAME(VCPU_BLOCKED_INTERRUPT, VCPU_BLOCKED_INTERRUPT);
SAME(VCPU_ABORTED, VCPU_ABORTED);
SAME(CAUSE_OOM, CAUSE_OOM);
SAME(CAUSE_USER_DESTROY, CAUSE_USER_DESTROY);
SAME(CAUSE_HOST_REBOOT, CAUSE_HOST_REBOOT);
SAME(DEBT_SETTLED, DEBT_SETTLED);
SAME(HOW_WORLD_GONE, HOW_WORLD_GONE);
SAME(HOW_REJECTED, HOW_REJECTED);
SAME(OP_DESTROY, OP_DESTROY);
SAME(OP_PAUSE, OP_PAUSE);
SAME(OUTCOME_UNHEARD, OUTCOME_UNHEARD);
SAME(OUTCOME_TIMED_OUT, OUTCOME_TIMED_OUT);
SAME(OUTCOME_DEVICE_STOPPED, OUTCOME_DEVICE_STOPPED);
SAME(WAIT_OLD_LIFE, WAIT_OLD_LIFE);
SAME(WAIT_GUEST, WAIT_GUEST);
SAME(WAIT_OPERATOR, WAIT_OPERATOR);
SAME(WAIT_LEASE, WAIT_LEASE);
SAME(LEASE_REVOKED, LEASE_REVOKED);
SAME(LEASE_UNCLAIMED, LEASE_UNCLAIMED);
SAME(REFUSED_NO_SUCH_VM, REFUSED_NO_SUCH_VM);
SAME(REFUSED_WRONG_LIFE, REFUSED_WRONG_LIFE);
SAME(REFUSED_NO_HUGE_PAGES, REFUSED_NO_HUGE_PAGES);
SAME(REFUSED_ACCESS, REFUSED_ACCESS);
SAME(REFUSED_CYCLE, REFUSED_CYCLE);
SAME(REFUSED_INTERNAL, REFUSED_INTERNAL);
SAME(REFUSED_OTHER_SOURCE, REFUSED_OTHER_SOURCE);
SAME(REFUSED_NOT_BOUND, REFUSED_NOT_BOUND);
SAME(REFUSED_NO_SUCH_LEASE, REFUSED_NO_SUCH_LEASE);
SAME(EVENT_GAP, EVENT_GAP);
SAME(EVENT_WORLD, EVENT_WORLD);
SAME(NAME_MAX, VM_NAME_MAX);
_Static_assert(LIFECYCLE_CAUSE_HOST_REBOOT + 1 == CAUSE_COUNT && LIFECYCLE_WAIT_LEASE + 1 == WAIT_COUNT &&
	LIFECYCLE_SUB_PRESERVED + 1 == VM_SUBSTATE_COUNT && LIFECYCLE_HOW_REJECTED + 1 == DEBT_HOW_COUNT &&
	LIFECYCLE_VCPU_ABORTED + 1 == VCPU_STATE_COUNT && LIFECYCLE_STATE_HALTED + 1 == VM_STATE_COUNT &&
	LIFECYCLE_OP_PAUSE + 1 == OPERATION_COUNT && LIFECYCLE_REFUSED_NO_SUCH_LEASE + 1 == REFUSAL_COUNT &&
	LIFECYCLE_LEASE_UNCLAIMED + 1 == LEASE_STATE_COUNT &&
	LIFECYCLE_DEBT_SETTLED + 1 == DEBT_STATE_COUNT && LIFECYCLE_OUTCOME_DEVICE_STOPPED + 1 == OUTCOME_COUNT, "lifecycle.h lacks a row of proto/");
