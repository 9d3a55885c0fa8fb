/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stop: the guest's power key is pressed, and the guest has until the operation's deadline to end itself. Operation and
 * deadline are stored, so a new daemon goes on with it.
 */
#include "model/step.h"

#include "base/mutant.h"
#include "model/vm.h"

static bool is_stopping(const struct life *l)
{
	return l->vm && l->vm->life == l && l->now.state == VM_RUNNING && l->vm->operation.operation == OP_STOP;
}

void stop_begin(struct step *s, struct vm *vm)
{
	uint64_t deadline = s->now + vm->definition->limits.stop_timeout_ms * NS_PER_MS;

	pause_end(s, vm->life, OUTCOME_NONE); /* a guest that stands cannot hear */
	set_operation(s, vm, OP_STOP, deadline);
	if (!MUTANT(MUTANT_P6_STOP_FOREVER))
		set_deadline(s, &vm->timer, deadline);
}

/* Whoever asked the VMM asked for a stop: from here on it is one like every other. */
void stop_told(struct step *s, struct life *l)
{
	if (l->now.state == VM_RUNNING && l->vm && l->vm->life == l &&
		operation_rank((enum operation)l->vm->operation.operation) < operation_rank(OP_STOP))
		stop_begin(s, l->vm);
}

void stop_deaf(struct step *s, struct life *l)
{
	if (!is_stopping(l) || MUTANT(MUTANT_P6_DEAF_UNSAID))
		return;
	if (s->m->shutdown.active && !MUTANT(MUTANT_P6_SHUTDOWN_DEAF)) /* and yet it must end */
		life_abort(s, l, CAUSE_USER_STOP, "the guest listens to no power key", false);
	else
		end_operation(s, l->vm, OUTCOME_UNHEARD);
}

void stop_again(struct step *s, struct life *l, bool pressed)
{
	if (pressed)
		stop_told(s, l);
	else if (is_stopping(l))
		command_vmm(s, l, COMMAND_STOP);
}

void stop_timer(struct step *s, struct vm *vm)
{
	if (vm->life && is_stopping(vm->life))
		life_abort(s, vm->life, CAUSE_USER_STOP, "the guest did not power off before limits.stop-timeout", false);
}
