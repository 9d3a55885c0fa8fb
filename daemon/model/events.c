/* SPDX-License-Identifier: Apache-2.0 */
/* What followers are told of each change. The model is looked at before the change is applied. */
#include "model/model.h"

#include <stdio.h>

#include "base/mutant.h"
#include "proto/event-stream.h"

static void of_life(struct event_record *e, const struct life *l)
{
	if (!l)
		return;
	e->life = l->number;
	e->endpoint = l->begun.endpoint;
	snprintf(e->name, sizeof(e->name), "%s", l->begun.name);
}

static void of_vm(struct event_record *e, const struct vm *vm)
{
	if (vm)
		snprintf(e->name, sizeof(e->name), "%s", vm->definition->name);
}

/* What is under way until this change, or with it goes; and where the VM is. */
static void of_operation(struct event_record *e, const struct vm *vm)
{
	if (vm)
		e->old_state = vm->operation.operation;
	if (vm && vm->life)
		e->new_state = vm->life->now.state;
	if (MUTANT(MUTANT_P4_END_UNNAMED) && e->operation == OP_NONE)
		e->old_state = OP_NONE;
}

static void set_states(struct event_record *e, uint8_t old_state, uint8_t old_sub, uint8_t state, uint8_t sub)
{
	e->old_state = old_state;
	e->old_substate = old_sub;
	e->new_state = state;
	e->new_substate = sub;
}

/* A life begins: out of NULL, or out of the ABORTING of the life before it (restart). */
static void begun(const struct model *m, const struct change *c, struct event_record *e)
{
	const struct vm *vm = model_vm(m, c->vm);
	bool restart = vm && vm->operation.operation == OP_RESTART;

	e->kind = EVENT_STATE;
	e->life = c->life;
	e->endpoint = c->begun.endpoint;
	snprintf(e->name, sizeof(e->name), "%s", c->begun.name);
	set_states(e, restart ? VM_ABORTING : VM_NULL, VM_SUB_NONE, VM_CREATED, VM_SUB_ALLOCATING);
}

bool model_event(const struct model *m, const struct change *c, uint64_t realtime, struct event_record *e)
{
	const struct life *l = c->life ? model_life(m, c->life) : NULL;

	*e = (struct event_record){ .version = EVENT_STREAM_VERSION,
		.size = sizeof(*e),
		.seq = c->seq,
		.realtime = realtime };
	of_life(e, l);
	switch ((enum change_kind)c->kind) {
	case CHANGE_VM:
		e->kind = EVENT_VM;
		snprintf(e->name, sizeof(e->name), "%s", c->definition->name);
		return true;
	case CHANGE_PENDING:
		e->kind = EVENT_VM;
		of_vm(e, model_vm(m, c->vm));
		return true;
	case CHANGE_VM_GONE:
		e->kind = EVENT_VM_GONE;
		of_vm(e, model_vm(m, c->vm));
		of_operation(e, model_vm(m, c->vm));
		return true;
	case CHANGE_LIFE:
		begun(m, c, e);
		return true;
	case CHANGE_STATE:
		e->kind = EVENT_STATE;
		e->cause = c->state.cause;
		set_states(e, c->state.old_state, c->state.old_substate, c->state.state, c->state.substate);
		return true;
	case CHANGE_LIFE_GONE:
		e->kind = EVENT_STATE;
		e->cause = l ? l->now.cause : CAUSE_NONE;
		set_states(e, VM_ABORTING, VM_SUB_RECLAIMING, VM_NULL, VM_SUB_NONE);
		if (l && l->vm && l->vm->life == l) /* OP_RESTART: the next life begins in this very turn */
			e->operation = l->vm->operation.operation;
		return true;
	case CHANGE_DEBT:
		e->kind = EVENT_DEBT;
		e->sp = c->debt.sp;
		set_states(e, c->debt.old_state, 0, c->debt.state, 0);
		e->how = c->debt.how;
		e->tries = c->debt.tries;
		return true;
	case CHANGE_OPERATION:
		e->kind = EVENT_OPERATION;
		e->operation = c->operation.operation;
		e->outcome = c->operation.outcome;
		of_vm(e, model_vm(m, c->vm));
		of_operation(e, model_vm(m, c->vm));
		return true;
	case CHANGE_SP:
		e->kind = EVENT_SP;
		e->sp = c->sp.id;
		e->new_state = c->sp.status;
		return true;
	case CHANGE_WORLD:
		e->kind = EVENT_WORLD;
		return true;
	case CHANGE_VMM:
	case CHANGE_OPEN:
	case CHANGE_END:
	case CHANGE_IDS:
	case CHANGE_BURNED:
	case CHANGE_SHUTDOWN:
	case CHANGE_AUTOSTART:
	case CHANGE_BOUND:
	case CHANGE_LEASE:
		return false;
	}
	return false;
}
