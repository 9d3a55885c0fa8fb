/* SPDX-License-Identifier: Apache-2.0 */
/* What users ask. Each request is answered in the turn that takes it: success means the change is stored. */
#include "model/step.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mutant.h"
#include "model/order.h"
#include "model/vm.h"

LIFECYCLE_NAME_TABLE(state_names, VM_STATES);
LIFECYCLE_NAME_TABLE(operation_names, OPERATIONS);

static void put_operation(struct step *s, struct vm *vm, enum operation op, uint64_t deadline, enum outcome outcome)
{
	struct change c = { .kind = CHANGE_OPERATION, .vm = vm->number };
	bool came = order_is_coming(vm);

	c.operation.operation = (uint8_t)op;
	c.operation.since = s->now;
	c.operation.deadline = deadline;
	c.operation.outcome = (uint8_t)outcome;
	if (op != OP_START) {
		clear_deadline(s, &vm->timer);
		vm->partition_by = 0;
	}
	if (op != OP_START && op != OP_RESTART)
		list_remove(&vm->order);
	c.operation.partition_by = vm->partition_by;
	emit(s, &c);
	if (came && !order_is_coming(vm) && !MUTANT(MUTANT_P6_ENDED_UNSAID))
		order_ended(s, vm);
	if (op == OP_NONE && !vm->life)
		bound_over(s, vm);
}

void set_operation(struct step *s, struct vm *vm, enum operation op, uint64_t deadline)
{
	if (vm->operation.operation != (uint8_t)op || vm->operation.deadline != deadline ||
		(op == OP_START && vm->operation.partition_by != vm->partition_by))
		put_operation(s, vm, op, deadline, OUTCOME_NONE);
}

void end_operation(struct step *s, struct vm *vm, enum outcome outcome)
{
	put_operation(s, vm, OP_NONE, 0, outcome);
}

bool operation_is_under(const struct vm *vm, enum operation op)
{
	return operation_rank((enum operation)vm->operation.operation) < operation_rank(op);
}

static enum vm_state state_of(const struct vm *vm)
{
	return vm->life ? (enum vm_state)vm->life->now.state : VM_NULL;
}

enum refusal illegal(struct step *s, struct vm *vm, struct answer *a, const char *verb, const char *remedy)
{
	count_refused(s, vm);
	if (MUTANT(MUTANT_P5_REFUSED_CHANGES))
		set_operation(s, vm, OP_ABORT, 0);
	touch(s, vm);
	if (vm->operation.operation != OP_NONE)
		snprintf(a->text, sizeof(a->text), "cannot %s %s: it is %s and its %s is under way; %s", verb,
			vm->definition->name, state_names[state_of(vm)], operation_names[vm->operation.operation], remedy);
	else
		snprintf(a->text, sizeof(a->text), "cannot %s %s: it is %s; %s", verb, vm->definition->name,
			state_names[state_of(vm)], remedy);
	return REFUSED_ILLEGAL_TRANSITION;
}

/* ---- the verbs ---- */

static bool starts_nothing(const struct step *s, struct answer *a)
{
	const char *why = model_starts_nothing(s->m);

	if (why)
		snprintf(a->text, sizeof(a->text), "%s", why);
	return why;
}

static enum refusal ask_start(struct step *s, struct vm *vm, struct answer *a)
{
	enum refusal refusal;

	if (starts_nothing(s, a))
		return REFUSED_SHUTTING_DOWN;
	if ((state_of(vm) == VM_CREATED || state_of(vm) == VM_RUNNING) && vm->operation.operation != OP_STOP)
		return REFUSED_NOT;
	if (life_is_kept(vm->life))
		return illegal(s, vm, a, "start", "it is kept for a post-mortem, abort gives it up, or restart it");
	if (state_of(vm) != VM_NULL)
		return illegal(s, vm, a, "start", "wait until it is null, or restart it");
	refusal = order_pull(s, vm, a->text, sizeof(a->text));
	if (refusal == REFUSED_NOT)
		refusal = vm_start(s, vm, a->text, sizeof(a->text));
	if (refusal == REFUSED_ILLEGAL_TRANSITION) {
		count_refused(s, vm);
		touch(s, vm);
	}
	if (refusal == REFUSED_NOT) {
		vm->waiter_began = false; /* it is this user's wish now, too */
		set_operation(s, vm, OP_START, 0);
	}
	return refusal;
}

/* Who binds it has to be who starts it. */
static enum refusal ask_start_bound(struct step *s, const struct bind_request *bind, struct vm *vm, struct answer *a)
{
	enum refusal refusal;

	if (vm->life || vm->operation.operation != OP_NONE)
		return illegal(s, vm, a, "bind", "a client binds what it starts itself, end it first");
	refusal = ask_start(s, vm, a);
	if (refusal == REFUSED_NOT)
		bound_begin(s, vm, bind);
	return refusal;
}

/* A guest that does not run yet cannot hear: it ends at once. */
static enum refusal ask_stop(struct step *s, struct vm *vm, struct answer *a)
{
	if (cancel_start(s, vm))
		return REFUSED_NOT;
	if (state_of(vm) == VM_NULL)
		return illegal(s, vm, a, "stop", "there is no life to end");
	if (life_is_kept(vm->life))
		return illegal(s, vm, a, "stop", "it is kept for a post-mortem, abort gives it up");
	if (!operation_is_under(vm, OP_STOP))
		return REFUSED_NOT;
	if (state_of(vm) == VM_RUNNING) {
		stop_begin(s, vm);
		command_vmm(s, vm->life, COMMAND_STOP); /* a VMM that is not connected gets it when it is back */
		return REFUSED_NOT;
	}
	set_operation(s, vm, OP_STOP, 0);
	if (state_of(vm) != VM_ABORTING)
		life_abort(s, vm->life, CAUSE_USER_STOP, "stopped before its guest ran", false);
	return REFUSED_NOT;
}

static enum refusal ask_abort(struct step *s, struct vm *vm, struct answer *a)
{
	if (cancel_start(s, vm))
		return REFUSED_NOT;
	if (state_of(vm) == VM_NULL && MUTANT(MUTANT_P5_ILLEGAL_RESTART)) {
		set_operation(s, vm, OP_ABORT, 0);
		return REFUSED_NOT;
	}
	if (state_of(vm) == VM_NULL)
		return illegal(s, vm, a, "abort", "there is no life to end");
	if (operation_is_under(vm, OP_ABORT))
		set_operation(s, vm, OP_ABORT, 0);
	if (state_of(vm) != VM_ABORTING)
		life_abort(s, vm->life, CAUSE_USER_ABORT, "", false);
	preserve_end(s, vm->life);
	return REFUSED_NOT;
}

static enum refusal ask_restart(struct step *s, struct vm *vm, struct answer *a)
{
	if (state_of(vm) == VM_NULL)
		return ask_start(s, vm, a);
	if (starts_nothing(s, a))
		return REFUSED_SHUTTING_DOWN;
	if (!operation_is_under(vm, OP_STOP))
		return illegal(s, vm, a, "restart", "start it again when it is null");
	if (vm->removal)
		return illegal(s, vm, a, "restart", "its definition was removed, and it goes with this life; define it again first");
	set_operation(s, vm, OP_RESTART, 0);
	if (state_of(vm) != VM_ABORTING)
		life_abort(s, vm->life, CAUSE_USER_RESTART, "", false);
	preserve_end(s, vm->life);
	start_beside(s, vm);
	return REFUSED_NOT;
}

static enum refusal ask_destroy(struct step *s, struct vm *vm)
{
	struct change c = { .kind = CHANGE_VM_GONE, .vm = vm->number };

	if (state_of(vm) == VM_NULL) {
		order_ended(s, vm);
		emit(s, &c);
		return REFUSED_NOT;
	}
	set_operation(s, vm, OP_DESTROY, 0);
	if (state_of(vm) != VM_ABORTING)
		life_abort(s, vm->life, CAUSE_USER_DESTROY, "", false);
	preserve_end(s, vm->life);
	return REFUSED_NOT;
}

static enum refusal ask_pause(struct step *s, struct vm *vm, struct answer *a)
{
	if (state_of(vm) != VM_RUNNING)
		return illegal(s, vm, a, "pause", "it can be paused while it runs");
	if (pause_why_not(vm->life) && !MUTANT(MUTANT_P5_PAUSE_UNKNOWN))
		return illegal(s, vm, a, "pause", pause_why_not(vm->life));
	if (!operation_is_under(vm, OP_START))
		return illegal(s, vm, a, "pause", "wait until that is over");
	if (vm->life->now.substate == VM_SUB_RUNNING)
		pause_begin(s, vm->life);
	return REFUSED_NOT;
}

static enum refusal ask_resume(struct step *s, struct vm *vm, struct answer *a)
{
	if (state_of(vm) != VM_RUNNING)
		return illegal(s, vm, a, "resume", "only a VM that is paused can go on");
	if (vm->life->now.substate != VM_SUB_RUNNING && pause_why_not(vm->life))
		return illegal(s, vm, a, "resume", pause_why_not(vm->life));
	pause_end(s, vm->life, OUTCOME_NONE);
	return REFUSED_NOT;
}

static enum refusal ask(struct step *s, const struct request *r, struct vm *vm, struct answer *a)
{
	switch (r->verb) {
	case REQUEST_START:
		return r->bind.end ? ask_start_bound(s, &r->bind, vm, a) : ask_start(s, vm, a);
	case REQUEST_STOP:
		return ask_stop(s, vm, a);
	case REQUEST_ABORT:
		return r->preserve ? ask_preserve(s, vm, a) : ask_abort(s, vm, a);
	case REQUEST_RESTART:
		return ask_restart(s, vm, a);
	case REQUEST_DESTROY:
		return ask_destroy(s, vm);
	case REQUEST_PAUSE:
		return ask_pause(s, vm, a);
	case REQUEST_RESUME:
		return ask_resume(s, vm, a);
	case REQUEST_UNDEFINE:
		return ask_undefine(s, vm, r, a);
	case REQUEST_LEASE:
		return ask_lease(s, r, vm, a);
	case REQUEST_CANCEL:
		return ask_cancel(s, vm, a);
	case REQUEST_RECLAIM_LEASE:
	case REQUEST_RELEASE_LEASE:
	case REQUEST_DEFINE:
	case REQUEST_BIND_AGAIN:
	case REQUEST_UNBIND:
	case REQUEST_SHUTDOWN:
	case REQUEST_FORGET:
		break;
	}
	return REFUSED_INVALID_ARGUMENT;
}

/* What ends a life ends the wait for one, too. */
static bool ends_wait(enum request_verb verb)
{
	return verb == REQUEST_ABORT || verb == REQUEST_DESTROY || verb == REQUEST_STOP || verb == REQUEST_CANCEL;
}

static enum refusal to_vm(struct step *s, const struct request *r, struct answer *a)
{
	struct vm *vm = model_vm_named(s->m, r->name);
	enum refusal refusal;

	if (!vm) {
		snprintf(a->text, sizeof(a->text), "no VM is named %s; define it, or see what there is with list", r->name);
		return REFUSED_NO_SUCH_VM;
	}
	if (r->life && (!vm->life || vm->life->number != r->life)) {
		snprintf(a->text, sizeof(a->text), "life %llu of %s is over; its life now is %llu",
			(unsigned long long)r->life, r->name, (unsigned long long)(vm->life ? vm->life->number : 0));
		return REFUSED_WRONG_LIFE;
	}
	refusal = ask(s, r, vm, a);
	if (refusal == REFUSED_NOT && ends_wait(r->verb))
		waiter_refuse(s, vm, "its start was cancelled");
	return refusal;
}

static enum refusal take(struct step *s, struct request *r, struct answer *a)
{
	if (r->verb == REQUEST_DEFINE)
		return ask_define(s, r, a);
	if (r->verb == REQUEST_BIND_AGAIN)
		return ask_bind_again(s, r, a);
	if (r->verb == REQUEST_UNBIND)
		return ask_unbind(s, r);
	if (r->verb == REQUEST_SHUTDOWN)
		return ask_shutdown(s, r->host);
	if (r->verb == REQUEST_RECLAIM_LEASE)
		return ask_reclaim_lease(s, r, a);
	if (r->verb == REQUEST_RELEASE_LEASE)
		return ask_release_lease(s, r, a);
	return r->verb == REQUEST_FORGET ? ask_forget(s, r, a) : to_vm(s, r, a);
}

void step_request(struct step *s, struct request *r)
{
	struct answer a = { .token = r->token };
	uint64_t before = s->m->seq;
	const struct vm *vm;
	char name[VM_NAME_MAX + 1];

	snprintf(name, sizeof(name), "%s", r->verb == REQUEST_DEFINE ? r->definition->name : r->name);
	a.refusal = take(s, r, &a);
	a.seq = s->m->seq == before ? 0 : s->m->seq;
	vm = model_vm_named(s->m, name);
	if (vm) {
		a.vm = vm->number;
		a.life = vm->life ? vm->life->number : 0;
	}
	if (a.refusal == REFUSED_NOT && !a.forgot)
		a.text[0] = '\0';
	if (r->token)
		s->o->answer[s->o->answers++] = a;
}
