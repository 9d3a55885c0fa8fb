/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pause: every vCPU leaves the guest and stands, and the VM is paused once the VMM said so of all. Sub-state, operation
 * and deadline are stored, so a new daemon goes on with it. What a VMM has to be told is told again when it comes back.
 */
#include "model/step.h"

#include "base/mutant.h"
#include "model/vm.h"

static bool move_on(struct step *s, struct life *l, enum vm_pause_event event, uint64_t deadline)
{
	enum vm_substate to;

	if (l->now.state != VM_RUNNING || !l->vm || l->vm->life != l ||
		vm_pause_step((enum vm_substate)l->now.substate, event, &to) < 0)
		return false;
	life_substate(s, l, to, deadline);
	return true;
}

static void pause_is_over(struct step *s, struct life *l, enum outcome outcome)
{
	if (l->vm->operation.operation == OP_PAUSE)
		end_operation(s, l->vm, outcome);
}

void pause_begin(struct step *s, struct life *l)
{
	uint64_t until = s->now + PAUSE_PATIENCE;

	if (!move_on(s, l, VM_PAUSE_EV_PAUSE, MUTANT(MUTANT_P6_PAUSE_FOREVER) ? 0 : until))
		return;
	set_operation(s, l->vm, OP_PAUSE, until);
	command_vmm(s, l, COMMAND_PAUSE); /* a VMM that is not connected gets it when it is back */
	if (MUTANT(MUTANT_P3_PAUSED_EARLY))
		pause_done(s, l);
}

void pause_done(struct step *s, struct life *l)
{
	if (move_on(s, l, VM_PAUSE_EV_PAUSED, 0))
		pause_is_over(s, l, OUTCOME_NONE);
}

/* It is stored that they may go on before they do: so nobody reads "paused" of a guest that runs. */
void pause_end(struct step *s, struct life *l, enum outcome outcome)
{
	if (!move_on(s, l, VM_PAUSE_EV_RESUME, 0))
		return;
	pause_is_over(s, l, outcome);
	command_vmm(s, l, COMMAND_RESUME);
}

void pause_again(struct step *s, struct life *l, bool paused)
{
	if (l->now.substate == VM_SUB_PAUSING) {
		command_vmm(s, l, COMMAND_PAUSE);
	} else if (l->now.substate == VM_SUB_PAUSED && !paused) { /* somebody let it go: once more, and said as it is */
		pause_end(s, l, OUTCOME_NONE);
		pause_begin(s, l);
	} else if (l->now.substate == VM_SUB_RUNNING && paused && !MUTANT(MUTANT_P4_RESUME_LOST)) {
		command_vmm(s, l, COMMAND_RESUME);
	}
}

/* Not even kicks took them out: then it is no pause, and the guest goes on. */
void pause_timer(struct step *s, struct life *l)
{
	pause_end(s, l, OUTCOME_TIMED_OUT);
}
