/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What could be asked of a VM now and would change something: for who shows it, and does not want to offer what is refused. The
 * verbs themselves look again; the tests hold both against each other. That order, memory or a shutdown may be in the way of a start
 * is not looked at: it changes without the VM.
 */
#include "model/step.h"

#include "base/mutant.h"

static bool is_over(const struct vm *vm)
{
	return vm->life && life_is_over(vm->life);
}

static enum operation op(const struct vm *vm)
{
	return (enum operation)vm->operation.operation;
}

/* It begins, or begins before its delay is over. */
static bool start(const struct vm *vm)
{
	return !vm->life && (op(vm) != OP_START || vm->operation.deadline);
}

static bool stop(const struct vm *vm)
{
	if (!vm->life)
		return op(vm) == OP_START;
	return !life_is_kept(vm->life) && operation_is_under(vm, OP_STOP);
}

static bool abort_it(const struct vm *vm)
{
	if (!vm->life)
		return op(vm) == OP_START;
	return !is_over(vm) || life_is_kept(vm->life) || operation_is_under(vm, OP_ABORT);
}

static bool restart(const struct vm *vm)
{
	if (!vm->life)
		return start(vm);
	if (!operation_is_under(vm, OP_STOP) || vm->removal)
		return false;
	return !is_over(vm) || life_is_kept(vm->life) || op(vm) != OP_RESTART || vm->operation.deadline;
}

static bool destroy(const struct vm *vm)
{
	return !vm->life || op(vm) != OP_DESTROY;
}

static bool can_stand(const struct vm *vm)
{
	return vm->life && vm->life->now.state == VM_RUNNING && !pause_why_not(vm->life);
}

static bool pause_it(const struct vm *vm)
{
	return can_stand(vm) && operation_is_under(vm, OP_START) &&
		(vm->life->now.substate == VM_SUB_RUNNING || MUTANT(MUTANT_P5_CAN_WRONG));
}

static bool resume(const struct vm *vm)
{
	return can_stand(vm) && vm->life->now.substate != VM_SUB_RUNNING;
}

static bool preserve(const struct vm *vm)
{
	const struct life *l = vm->life;

	if (!l || l->now.substate == VM_SUB_PRESERVED || op(vm) == OP_DESTROY)
		return false;
	if (is_over(vm))
		return l->now.substate == VM_SUB_QUIESCING && (!l->now.preserve || op(vm) != OP_ABORT);
	return true;
}

static bool cancel(const struct vm *vm)
{
	return vm->life ? is_over(vm) && op(vm) == OP_RESTART : op(vm) == OP_START;
}

uint16_t model_can(const struct vm *vm)
{
	static bool (*const each[VERB_COUNT])(const struct vm *vm) = {
		[VERB_START] = start, [VERB_STOP] = stop, [VERB_ABORT] = abort_it, [VERB_RESTART] = restart, [VERB_DESTROY] = destroy,
		[VERB_PAUSE] = pause_it, [VERB_RESUME] = resume, [VERB_PRESERVE] = preserve, [VERB_CANCEL] = cancel,
	};
	uint16_t can = 0;

	for (unsigned i = 0; i < VERB_COUNT; i++)
		can |= (uint16_t)(each[i](vm) << i);
	return can;
}
