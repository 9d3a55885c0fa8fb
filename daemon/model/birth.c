/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A VMM and a life find each other. Where the daemon started the VMM, the life was there first. Where somebody else did
 * (systemctl start), the VMM is: then it is a start as any other, and the VMM waits with its connection kept, for the VMs
 * before it and for an older life that is not settled. Who waits is not stored: it does not outlive the daemon.
 */
#include "model/step.h"

#include <string.h>

#include "model/order.h"

static void refuse(struct step *s, uint64_t connection, const char *reason)
{
	struct output *out = put_output(s, OUT_VMM_REFUSE, 0);

	out->connection = connection;
	out->reason = reason;
}

void waiter_refuse(struct step *s, struct vm *vm, const char *reason)
{
	if (vm->waiter)
		refuse(s, vm->waiter, reason);
	vm->waiter = 0;
	vm->waiter_began = false;
}

/* ---- a life waits for a VMM ---- */

static bool waits_for_vmm(const struct life *l)
{
	return l && l->now.substate == VM_SUB_ALLOCATING && !l->vmm.pid;
}

/* The fleet made the life's files and locked them for this very process: it is stored whose life it is, then born. */
static void give_life(struct step *s, struct life *l, const struct newborn *n)
{
	struct change c = { .kind = CHANGE_VMM };

	if (!waits_for_vmm(l)) {
		refuse(s, n->connection, "no life of this VM waits for a VMM");
		return;
	}
	c.life = l->number;
	c.vmm.pid = n->pid;
	c.vmm.start_time = n->start_time;
	c.vmm.features = n->features;
	memcpy(c.vmm.invocation, n->invocation, sizeof(c.vmm.invocation));
	emit(s, &c);
	l->connected = true;
	l->unreachable = false;
	put_output(s, OUT_VMM_BIRTH, l->number)->connection = n->connection;
}

/* ---- a VMM waits for a life ---- */

static const char *const why_not[REFUSAL_COUNT] = {
	[REFUSED_NO_MEMORY] = "guest memory has no room for it: lifecyclectl start says how much is held",
	[REFUSED_NO_HUGE_PAGES] = "it wants reserved huge pages, and the daemon has none (--huge-dir)",
	[REFUSED_NO_SUCH_VM] = "it requires a VM that is not defined: lifecyclectl start says which",
	[REFUSED_ILLEGAL_TRANSITION] = "it requires a VM that is on its way out: lifecyclectl start says which",
	[REFUSED_NO_FREE_ID] = "its FF-A id, or every one, belongs to a life that has debts",
};

void waiter_start(struct step *s, struct vm *vm)
{
	bool asked = vm->operation.operation == OP_START;
	char text[END_TEXT_MAX + 1];
	enum refusal refusal;

	if (model_starts_nothing(s->m)) {
		waiter_refuse(s, vm, model_starts_nothing(s->m));
		return;
	}
	refusal = order_pull(s, vm, text, sizeof(text));

	if (refusal == REFUSED_NOT)
		refusal = vm_start(s, vm, text, sizeof(text));
	if (refusal != REFUSED_NOT) {
		waiter_refuse(s, vm, why_not[refusal] ? why_not[refusal] : "it cannot be started now");
		return;
	}
	vm->waiter_began = vm->waiter && !asked;
	set_operation(s, vm, OP_START, 0);
}

static const char *may_not_wait(const struct step *s, const struct vm *vm)
{
	if (!vm)
		return "no VM has this name: define it first";
	if (model_starts_nothing(s->m))
		return model_starts_nothing(s->m);
	if (vm->operation.operation == OP_DESTROY)
		return "this VM is being destroyed";
	if (life_is_kept(vm->life))
		return "its last life is kept for a post-mortem: lifecyclectl abort gives it up";
	if (vm->removal)
		return "this VM's definition was removed: it goes with its life";
	if (vm->waiter)
		return "another VMM waits for a life of this VM";
	if (vm->life && !life_is_over(vm->life) && !waits_for_vmm(vm->life))
		return "this VM's life has a VMM";
	return NULL;
}

static void take_waiter(struct step *s, const struct newborn *n)
{
	struct vm *vm = model_vm_named(s->m, n->name);
	const char *reason = may_not_wait(s, vm);

	if (reason) {
		refuse(s, n->connection, reason);
		return;
	}
	if (waits_for_vmm(vm->life)) {
		put_output(s, OUT_VMM_START, vm->life->number)->connection = n->connection;
		return;
	}
	vm->waiter = n->connection;
	if (!vm->life)
		waiter_start(s, vm);
}

/* A start that was nobody else's wish goes with it. */
static void waiter_left(struct step *s, const struct newborn *n)
{
	struct vm *vm = model_vm_named(s->m, n->name);

	if (!vm || vm->waiter != n->connection)
		return;
	if (vm->waiter_began && !vm->life && vm->operation.operation == OP_START)
		set_operation(s, vm, OP_NONE, 0);
	vm->waiter = 0;
	vm->waiter_began = false;
}

void step_newborn(struct step *s, const struct input *in)
{
	if (in->kind == IN_VMM_LEFT)
		waiter_left(s, &in->newborn);
	else if (in->life)
		give_life(s, model_life(s->m, in->life), &in->newborn);
	else
		take_waiter(s, &in->newborn);
}
