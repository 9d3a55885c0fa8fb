/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/journal.h"

#include <string.h>

#include "base/message.h"

LIFECYCLE_NAME_TABLE(states, VM_STATES);
LIFECYCLE_NAME_TABLE(substates, VM_SUBSTATES);
LIFECYCLE_NAME_TABLE(causes, CAUSES);
LIFECYCLE_NAME_TABLE(hows, DEBT_HOWS);
LIFECYCLE_NAME_TABLE(debts, DEBT_STATES);
LIFECYCLE_NAME_TABLE(operations, OPERATIONS);
LIFECYCLE_NAME_TABLE(outcomes, OUTCOMES);

#define WORD(table, number) ((number) < sizeof(table) / sizeof(table[0]) && table[number] ? table[number] : "?")
#define ANY 0xff

/* Nobody wished that these lives end. */
static const bool is_failure[CAUSE_COUNT] = {
	[CAUSE_GUEST_PANIC] = true,
	[CAUSE_GUEST_WATCHDOG] = true,
	[CAUSE_VCPU_STALL] = true,
	[CAUSE_VCPU_ERROR] = true,
	[CAUSE_MEMORY_FAULT] = true,
	[CAUSE_VMM_EXIT] = true,
	[CAUSE_VMM_SIGNAL] = true,
	[CAUSE_VMM_PROTOCOL] = true,
	[CAUSE_VMM_GONE] = true,
	[CAUSE_OOM] = true,
	[CAUSE_START_FAILED] = true,
	[CAUSE_SECURE_REJECTED] = true,
	[CAUSE_SECURE_TIMEOUT] = true,
};

/* Which step of a life is told as what: the first row that fits. */
static const struct {
	uint8_t old_state, old_substate, new_state, new_substate;
	enum message kind;
} moves[] = {
	{ ANY, ANY, VM_NULL, ANY, MESSAGE_LIFE_SETTLED },
	{ ANY, ANY, VM_CREATED, VM_SUB_ALLOCATING, MESSAGE_LIFE_BEGUN },
	{ VM_CREATED, ANY, VM_RUNNING, ANY, MESSAGE_LIFE_RUNNING },
	{ VM_RUNNING, VM_SUB_PAUSING, VM_RUNNING, VM_SUB_PAUSED, MESSAGE_LIFE_PAUSED },
	{ VM_RUNNING, VM_SUB_PAUSED, VM_RUNNING, VM_SUB_RUNNING, MESSAGE_LIFE_RESUMED },
	{ VM_CREATED, ANY, VM_ABORTING, ANY, MESSAGE_LIFE_ENDED },
	{ VM_RUNNING, ANY, VM_ABORTING, ANY, MESSAGE_LIFE_ENDED },
	{ VM_HALTED, ANY, VM_ABORTING, ANY, MESSAGE_LIFE_ENDED },
	{ VM_ABORTING, ANY, VM_ABORTING, VM_SUB_PRESERVED, MESSAGE_LIFE_PRESERVED },
	{ ANY, ANY, ANY, ANY, MESSAGE_LIFE_MOVED },
};

static bool fits(uint8_t wanted, uint8_t is)
{
	return wanted == ANY || wanted == is;
}

static enum message kind_of_move(const struct event_record *e)
{
	size_t i = 0;

	while (!fits(moves[i].old_state, e->old_state) || !fits(moves[i].old_substate, e->old_substate) ||
		!fits(moves[i].new_state, e->new_state) || !fits(moves[i].new_substate, e->new_substate))
		i++;
	if (moves[i].kind == MESSAGE_LIFE_ENDED && e->cause < CAUSE_COUNT && is_failure[e->cause])
		return MESSAGE_LIFE_FAILED;
	return moves[i].kind;
}

static void add_uuid(struct log_fields *f, const uint8_t u[16])
{
	log_field(f, "VM_UUID", "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1], u[2], u[3],
		u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
}

/* What every line of a VM has. The row is gone where the VM is. */
static struct log_fields *begin(struct log_fields *f, const struct published *what, const struct event_record *e)
{
	const struct vm_row *row = *e->name ? rows_vm(what->rows, e->name) : NULL;

	f->length = 0;
	f->text[0] = '\0';
	if (*e->name)
		log_life(f, e->name, e->life);
	if (row)
		add_uuid(f, row->uuid);
	if (e->endpoint)
		log_field(f, "FFA_ID", "0x%04x", e->endpoint);
	log_field(f, "SEQUENCE", "%llu", (unsigned long long)e->seq);
	return f;
}

static void add_states(struct log_fields *f, const struct event_record *e)
{
	log_field(f, "STATE", "%s", WORD(states, e->new_state));
	log_field(f, "SUBSTATE", "%s", WORD(substates, e->new_substate));
	log_field(f, "OLD_STATE", "%s", WORD(states, e->old_state));
	log_field(f, "OLD_SUBSTATE", "%s", WORD(substates, e->old_substate));
	if (e->cause)
		log_field(f, "CAUSE", "%s", WORD(causes, e->cause));
}

/* What is known of the end beside its cause; "" before that is stored, or of another life. */
static const char *end_text(const struct published *what, const struct event_record *e)
{
	const struct vm_row *row = rows_vm(what->rows, e->name);

	return row && row->end_life == e->life ? row->end_text : "";
}

static void tell_end(const struct published *what, const struct event_record *e, enum message kind,
	const struct log_fields *f)
{
	const char *text = end_text(what, e);

	log_message(kind, f, "%s: life %llu ends: %s%s%s", e->name, (unsigned long long)e->life, WORD(causes, e->cause),
		*text ? ": " : "", text);
}

static void tell_state(const struct published *what, const struct event_record *e)
{
	enum message kind = kind_of_move(e);
	unsigned long long life = e->life;
	struct log_fields f;

	add_states(begin(&f, what, e), e);
	if (kind == MESSAGE_LIFE_ENDED || kind == MESSAGE_LIFE_FAILED)
		tell_end(what, e, kind, &f);
	else if (kind == MESSAGE_LIFE_BEGUN)
		log_message(kind, &f, "%s: life %llu begins, FF-A id 0x%04x", e->name, life, e->endpoint);
	else if (kind == MESSAGE_LIFE_SETTLED)
		log_message(kind, &f, "%s: life %llu is settled", e->name, life);
	else
		log_message(kind, &f, "%s: life %llu is %s, %s", e->name, life, WORD(states, e->new_state),
			WORD(substates, e->new_substate));
}

static enum message kind_of_debt(const struct event_record *e)
{
	if (e->how == HOW_REJECTED)
		return MESSAGE_SP_REJECTED;
	if (e->new_state == DEBT_KNOWN)
		return MESSAGE_SP_KNOWS;
	if (e->new_state != DEBT_SETTLED)
		return MESSAGE_DEBT_MOVED;
	return e->how == HOW_ANSWERED || e->how == HOW_NOT_SUBSCRIBED ? MESSAGE_DEBT_SETTLED : MESSAGE_DEBT_LAPSED;
}

static void tell_debt(const struct published *what, const struct event_record *e)
{
	struct log_fields f;

	log_sp(begin(&f, what, e), e->sp);
	log_field(&f, "DEBT_STATE", "%s", WORD(debts, e->new_state));
	log_field(&f, "OLD_DEBT_STATE", "%s", WORD(debts, e->old_state));
	log_field(&f, "HOW", "%s", WORD(hows, e->how));
	log_field(&f, "TRIES", "%u", e->tries);
	log_message(kind_of_debt(e), &f, "%s: life %llu at SP 0x%04x: %s, %s, after %u messages", e->name,
		(unsigned long long)e->life, e->sp, WORD(debts, e->new_state), WORD(hows, e->how), e->tries);
}

static struct log_fields *begin_operation(
	struct log_fields *f, const struct published *what, const struct event_record *e, uint8_t operation)
{
	begin(f, what, e);
	log_field(f, "OPERATION", "%s", WORD(operations, operation));
	log_field(f, "OUTCOME", "%s", WORD(outcomes, e->outcome));
	return f;
}

/* It came about, or was taken back, or is not to be any more: what the VM has come to says which. */
static void tell_over(const struct published *what, const struct event_record *e)
{
	const char *operation = WORD(operations, e->old_state);
	struct log_fields f;

	begin_operation(&f, what, e, e->old_state);
	if (e->operation != OP_NONE)
		log_message(MESSAGE_OPERATION_OVER, &f, "%s: %s is over, %s takes its place", e->name, operation,
			WORD(operations, e->operation));
	else if (e->kind == EVENT_VM_GONE)
		log_message(MESSAGE_OPERATION_OVER, &f, "%s: %s is over, and the VM with it", e->name, operation);
	else
		log_message(MESSAGE_OPERATION_OVER, &f, "%s: %s is over, the VM is %s", e->name, operation, WORD(states, e->new_state));
}

/* Each that begins is over once; to be given another deadline is neither. A resume is none, and may fail. */
static void tell_operation(const struct published *what, const struct event_record *e)
{
	struct log_fields f;

	if (e->outcome != OUTCOME_NONE)
		log_message(MESSAGE_OPERATION_FAILED, begin_operation(&f, what, e, e->old_state),
			"%s: what was asked did not come about: %s", e->name, WORD(outcomes, e->outcome));
	else if (e->old_state != OP_NONE && e->old_state != e->operation)
		tell_over(what, e);
	if (e->operation != OP_NONE && e->operation != e->old_state)
		log_message(MESSAGE_OPERATION_BEGUN, begin_operation(&f, what, e, e->operation), "%s: %s is under way", e->name,
			WORD(operations, e->operation));
}

static void tell_vm(const struct published *what, const struct event_record *e)
{
	struct log_fields f;

	log_message(MESSAGE_VM_DEFINED, begin(&f, what, e), "%s: defined", e->name);
}

static void tell_vm_gone(const struct published *what, const struct event_record *e)
{
	struct log_fields f;

	if (e->old_state != OP_NONE)
		tell_over(what, e);
	log_message(MESSAGE_VM_GONE, begin(&f, what, e), "%s: not defined any more", e->name);
}

static void tell_sp(const struct published *what, const struct event_record *e)
{
	static const enum message kinds[] = {
		[SP_OK] = MESSAGE_SP_MET,
		[SP_DEGRADED] = MESSAGE_SP_DEGRADED,
		[SP_GONE] = MESSAGE_SP_GONE,
	};
	static const char *const words[] = {
		[SP_OK] = "is there",
		[SP_DEGRADED] = "is degraded",
		[SP_GONE] = "is gone",
	};
	struct log_fields f;

	if (e->new_state < sizeof(kinds) / sizeof(kinds[0]))
		log_message(kinds[e->new_state], log_sp(begin(&f, what, e), e->sp), "SP 0x%04x %s", e->sp, words[e->new_state]);
}

static void tell_world(const struct published *what, const struct event_record *e)
{
	struct log_fields f;

	log_message(MESSAGE_WORLD_MET, begin(&f, what, e), "a secure world was met");
}

static void (*const tell[])(const struct published *what, const struct event_record *e) = {
	[EVENT_VM] = tell_vm,
	[EVENT_VM_GONE] = tell_vm_gone,
	[EVENT_STATE] = tell_state,
	[EVENT_DEBT] = tell_debt,
	[EVENT_SP] = tell_sp,
	[EVENT_OPERATION] = tell_operation,
	[EVENT_WORLD] = tell_world,
};

static void journal_publish(void *who, const struct published *what)
{
	for (size_t i = 0; i < what->count; i++)
		if (what->event[i].kind < sizeof(tell) / sizeof(tell[0]) && tell[what->event[i].kind])
			tell[what->event[i].kind](what, &what->event[i]);
}

const struct publish_ops journal_publish_ops = { journal_publish };
