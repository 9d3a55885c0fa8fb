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

/*
 * Its number is known once the turn is over: at least what was given out so far, and more than any turn's before.
 * The last word of a turn is the one that leaves, for all of a turn have one number, and an answer names what it answers by
 * it. A VMM that is not connected gets it when it is back.
 */
static void tell(struct step *s, struct life *l, enum vmm_command command)
{
	size_t kept = 0;

	l->told_from = s->m->seq;
	for (size_t i = 0; i < s->o->outputs; i++) {
		const struct output *out = &s->o->output[i];

		if (out->kind != OUT_VMM_COMMAND || out->life != l->number ||
			(out->command != COMMAND_PAUSE && out->command != COMMAND_RESUME))
			s->o->output[kept++] = *out;
	}
	s->o->outputs = kept;
	command_vmm(s, l, command);
}

void pause_begin(struct step *s, struct life *l)
{
	uint64_t until = s->now + PAUSE_PATIENCE;

	if (!move_on(s, l, VM_PAUSE_EV_PAUSE, MUTANT(MUTANT_P6_PAUSE_FOREVER) ? 0 : until))
		return;
	tell(s, l, COMMAND_PAUSE);
	set_operation(s, l->vm, OP_PAUSE, until);
	if (MUTANT(MUTANT_P3_PAUSED_EARLY))
		pause_done(s, l, l->told_from);
}

/* Its word may have waited behind a RESUME and the next PAUSE: then it is about to go on, and to stand once more. */
void pause_done(struct step *s, struct life *l, uint64_t command)
{
	if (command < l->told_from && !MUTANT(MUTANT_P3_PAUSED_BEFORE))
		return;
	if (move_on(s, l, VM_PAUSE_EV_PAUSED, 0))
		pause_is_over(s, l, OUTCOME_NONE);
}

/* What became of an earlier resume is of no interest any more. */
static void forget_outcome(struct step *s, struct vm *vm)
{
	if (vm->operation.operation == OP_NONE && vm->operation.outcome == OUTCOME_DEVICE_STOPPED)
		end_operation(s, vm, OUTCOME_NONE);
}

/* It is stored that they may go on before they do: so nobody reads "paused" of a guest that runs. */
void pause_end(struct step *s, struct life *l, enum outcome outcome)
{
	if (!move_on(s, l, VM_PAUSE_EV_RESUME, 0))
		return;
	pause_is_over(s, l, outcome);
	forget_outcome(s, l->vm);
	tell(s, l, COMMAND_RESUME);
}

/* The devices were led back; the vCPUs wait for a word. */
void pause_refused(struct step *s, struct life *l, uint64_t command)
{
	if (command >= l->told_from && l->now.substate == VM_SUB_PAUSING && !MUTANT(MUTANT_P6_REFUSAL_UNHEARD))
		pause_end(s, l, OUTCOME_DEVICE_REFUSED);
}

/* No vCPU went on, for it might touch that device. A stop under way goes on to its deadline. */
void pause_stays(struct step *s, struct life *l, uint64_t command)
{
	if (command < l->told_from || MUTANT(MUTANT_P4_STANDS_UNSAID) || !move_on(s, l, VM_PAUSE_EV_STAYS, 0))
		return;
	if (l->vm->operation.operation == OP_NONE)
		end_operation(s, l->vm, OUTCOME_DEVICE_STOPPED);
}

void pause_again(struct step *s, struct life *l, bool paused)
{
	if (l->now.substate == VM_SUB_PAUSING) {
		tell(s, l, COMMAND_PAUSE);
	} else if (l->now.substate == VM_SUB_PAUSED && !paused) { /* somebody let it go: once more, and said as it is */
		pause_end(s, l, OUTCOME_NONE);
		pause_begin(s, l);
	} else if (l->now.substate == VM_SUB_RUNNING && paused && !MUTANT(MUTANT_P4_RESUME_LOST)) {
		tell(s, l, COMMAND_RESUME);
	}
}

/* Not even kicks took them out: then it is no pause, and the guest goes on. */
void pause_timer(struct step *s, struct life *l)
{
	pause_end(s, l, OUTCOME_TIMED_OUT);
}

const char *pause_why_not(const struct life *l)
{
	if (l->stale)
		return "its VMM is stale, this daemon cannot speak with it; stop and abort end it, restart gives it a new one";
	return l->features & VMM_FEATURE_PAUSE ? NULL
						   : "its VMM is of a version that knows no pause; restart gives it a new one";
}
