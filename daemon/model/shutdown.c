/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shutdown: nothing starts, every guest is asked to power off and ended by force if it does not, each after those that
 * need it (`after`, `requires`); those that have nothing to do with each other at the same time. It is over when no guest
 * can run any more. That it is under way is stored, so a new daemon goes on with it.
 */
#include "model/step.h"

#include <string.h>

#include "base/mutant.h"

static bool needs(const struct vm_definition *d, const char *name)
{
	for (unsigned i = 0; i < d->after_count; i++)
		if (strcmp(d->after[i], name) == 0)
			return true;
	for (unsigned i = 0; i < d->requires_count; i++)
		if (strcmp(d->requires[i], name) == 0)
			return true;
	return false;
}

static bool may_run(const struct vm *vm)
{
	return vm->life && !(life_is_over(vm->life) && vm->life->now.quiesced);
}

const struct vm *shutdown_waits_for(const struct model *m, const struct vm *vm)
{
	const struct vm *other;

	if (!m->shutdown.active || MUTANT(MUTANT_P5_SHUTDOWN_UNORDERED))
		return NULL;
	list_for_each(other, &m->vms, all)
		if (other != vm && may_run(other) && needs(other->definition, vm->definition->name))
			return other;
	return NULL;
}

static void put(struct step *s, bool active, bool host)
{
	struct change c = { .kind = CHANGE_SHUTDOWN };

	c.shutdown.active = active;
	c.shutdown.host = host;
	c.shutdown.since = !active ? 0 : s->m->shutdown.active ? s->m->shutdown.since : s->now;
	emit(s, &c);
}

static void look_whether_it_is_over(struct step *s)
{
	const struct vm *vm;

	list_for_each(vm, &s->m->vms, all)
		if (may_run(vm) || vm->operation.operation == OP_START || vm->operation.operation == OP_RESTART)
			return;
	put(s, false, false);
}

/* Each in an input of its own, so to say: there is room for one. */
void shutdown_look(struct step *s)
{
	struct vm *vm;

	if (!s->m->shutdown.active)
		return;
	list_for_each(vm, &s->m->vms, all)
		set_deadline(s, &vm->turn, s->now);
	if (!s->m->vm_count)
		put(s, false, false);
}

void shutdown_quiesced(struct step *s, struct vm *vm)
{
	const struct vm_definition *d = vm->definition;

	if (!s->m->shutdown.active)
		return;
	for (unsigned i = 0; i < d->after_count + d->requires_count; i++) {
		struct vm *other = model_vm_named(s->m, i < d->after_count ? d->after[i] : d->requires[i - d->after_count]);

		if (other)
			set_deadline(s, &other->turn, s->now);
	}
	set_deadline(s, &vm->turn, s->now);
}

static void end_guest(struct step *s, struct vm *vm)
{
	if (vm->life->now.state == VM_RUNNING) {
		stop_begin(s, vm);
		command_vmm(s, vm->life, COMMAND_STOP); /* a VMM that is not connected gets it when it is back */
	} else {
		set_operation(s, vm, OP_STOP, 0);
		life_abort(s, vm->life, CAUSE_USER_STOP, "stopped before its guest ran", false);
	}
}

void shutdown_timer(struct step *s, struct vm *vm)
{
	if (!s->m->shutdown.active)
		return;
	touch(s, vm);
	waiter_refuse(s, vm, model_starts_nothing(s->m));
	if (!vm->life) {
		(void)cancel_start(s, vm);
	} else if (life_is_over(vm->life)) {
		preserve_end(s, vm->life);
		if (operation_is_under(vm, OP_STOP))
			set_operation(s, vm, OP_STOP, 0);
	} else if (operation_is_under(vm, OP_STOP) && !shutdown_waits_for(s->m, vm)) {
		end_guest(s, vm);
	}
	look_whether_it_is_over(s);
}

enum refusal ask_shutdown(struct step *s, bool host)
{
	if (!s->m->shutdown.active || (host && !s->m->shutdown.host))
		put(s, true, host);
	shutdown_look(s);
	return REFUSED_NOT;
}
