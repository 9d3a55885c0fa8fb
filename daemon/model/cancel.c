/* SPDX-License-Identifier: Apache-2.0 */
/* Taking back what only waits: a life that is to begin. What has begun is ended, not taken back. */
#include "model/step.h"

#include "base/mutant.h"
#include "model/order.h"

/* For order, or for its delay: there is no life yet. */
bool cancel_start(struct step *s, struct vm *vm)
{
	if (vm->life || vm->operation.operation != OP_START)
		return false;
	if (!MUTANT(MUTANT_P5_STOP_CANCELS_NOT))
		set_operation(s, vm, OP_NONE, 0);
	return true;
}

/* The life before ends as it would have without: those that count on the next one are told now. */
static bool cancel_restart(struct step *s, struct vm *vm)
{
	if (!life_is_over(vm->life) || vm->operation.operation != OP_RESTART)
		return false;
	if (MUTANT(MUTANT_P5_CANCEL_IGNORED))
		return true;
	set_operation(s, vm, OP_NONE, 0);
	return true;
}

static const char *remedy(const struct vm *vm)
{
	if (vm->operation.operation == OP_PAUSE)
		return "resume takes a pause back";
	if (vm->life && vm->life->now.state == VM_CREATED)
		return "its life has begun, abort ends it";
	if (vm->life && vm->operation.operation == OP_STOP && vm->life->now.state == VM_RUNNING)
		return "the guest was asked and may obey at any time, wait until it has or has not";
	if (vm->life && vm->life->now.state == VM_ABORTING)
		return "an end that has begun is not taken back, and no next life waits for it";
	return "nothing waits that could be taken back";
}

/* A VMM that waits for a life is sent away by whoever asks, as with the verbs that end one. */
enum refusal ask_cancel(struct step *s, struct vm *vm, struct answer *a)
{
	if (vm->life ? cancel_restart(s, vm) : cancel_start(s, vm))
		return REFUSED_NOT;
	if (MUTANT(MUTANT_P5_CANCEL_STOPPING) && vm->operation.operation == OP_STOP) {
		set_operation(s, vm, OP_NONE, 0);
		return REFUSED_NOT;
	}
	return vm->waiter ? REFUSED_NOT : illegal(s, vm, a, "cancel", remedy(vm));
}
