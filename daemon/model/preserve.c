/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A life is kept for a post-mortem: its vCPUs are out for good, and then nothing more happens. Its VMM stays as it is, or is
 * dead; its memory stays; no SP hears of its end, for an end that was heard gives memory back. It is over when somebody
 * says so, or with limits.preserve-timeout. That it is to be kept is stored with its state.
 */
#include "model/policy.h"

#include "base/mutant.h"
#include "model/vm.h"

uint64_t preserve_until(const struct step *s, const struct life *l)
{
	uint64_t ms = l->vm ? l->vm->definition->limits.preserve_timeout_ms : 0;

	return ms && !MUTANT(MUTANT_P6_PRESERVED_FOREVER) ? s->now + ms * NS_PER_MS : 0;
}

void preserve_begin(struct step *s, struct life *l)
{
	if (l->now.deadline)
		set_deadline(s, &l->timer, l->now.deadline);
	if (MUTANT(MUTANT_P3_PRESERVED_TOLD))
		retire_debts(s, l);
	if (!l->vm || l->vm->life != l)
		return;
	if (l->vm->operation.operation == OP_ABORT) /* that is what was asked for */
		set_operation(s, l->vm, OP_NONE, 0);
	waiter_refuse(s, l->vm, "its last life is kept for a post-mortem: lifecyclectl abort gives it up");
}

/* Before it is quiesced it is a word alone. */
static void mark(struct step *s, struct life *l, bool preserve)
{
	struct change c = { .kind = CHANGE_STATE, .life = l->number, .state = l->now };

	c.state.old_state = l->now.state;
	c.state.old_substate = l->now.substate;
	c.state.preserve = preserve;
	emit(s, &c);
}

void preserve_end(struct step *s, struct life *l)
{
	if (!life_is_kept(l))
		return;
	if (l->now.substate == VM_SUB_PRESERVED)
		life_let_go(s, l);
	else
		mark(s, l, false);
}

/* An abort that keeps what it ends. */
enum refusal ask_preserve(struct step *s, struct vm *vm, struct answer *a)
{
	struct life *l = vm->life;

	if (!l)
		return illegal(s, vm, a, "preserve", "there is no life to keep");
	if (l->now.substate == VM_SUB_PRESERVED)
		return REFUSED_NOT;
	if (life_is_over(l) && l->now.substate != VM_SUB_QUIESCING)
		return illegal(s, vm, a, "preserve", "its end is on its way already");
	if (vm->operation.operation != OP_ABORT && !operation_is_under(vm, OP_ABORT))
		return illegal(s, vm, a, "preserve", "nothing supersedes that");
	set_operation(s, vm, OP_ABORT, 0);
	if (!life_is_over(l))
		life_abort_kept(s, l, CAUSE_USER_ABORT);
	else if (!l->now.preserve)
		mark(s, l, true);
	return REFUSED_NOT;
}
