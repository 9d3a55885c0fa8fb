/* SPDX-License-Identifier: Apache-2.0 */
#include "model/policy.h"

#include <string.h>

/* Which policy speaks for a cause. Ends that somebody asked for, and starts that failed, have none. */
enum policy { ASKED, POWEROFF, REBOOT, CRASH };
static const uint8_t policy_of[CAUSE_COUNT] = {
	[CAUSE_GUEST_POWEROFF] = POWEROFF,
	[CAUSE_GUEST_REBOOT] = REBOOT,
	[CAUSE_GUEST_PANIC] = CRASH,
	[CAUSE_GUEST_WATCHDOG] = CRASH,
	[CAUSE_VCPU_STALL] = CRASH,
	[CAUSE_VCPU_ERROR] = CRASH,
	[CAUSE_MEMORY_FAULT] = CRASH,
	[CAUSE_VMM_EXIT] = CRASH,
	[CAUSE_VMM_SIGNAL] = CRASH,
	[CAUSE_VMM_PROTOCOL] = CRASH,
	[CAUSE_VMM_GONE] = CRASH,
	[CAUSE_OOM] = CRASH,
};

bool policy_wants_restart(const struct vm_definition *d, enum vm_cause cause)
{
	switch ((enum policy)policy_of[cause]) {
	case POWEROFF:
		return d->policies.on_poweroff == ON_END_RESTART;
	case REBOOT:
		return d->policies.on_reboot == ON_END_RESTART;
	case CRASH:
		return d->policies.on_crash == ON_END_RESTART;
	case ASKED:
		break;
	}
	return false;
}

/* A reboot is what the guest asked for: it is not counted. */
bool policy_may_restart(struct step *s, struct vm *vm)
{
	const struct vm_policies *p = &vm->definition->policies;
	struct change c = { .kind = CHANGE_END, .vm = vm->number, .life = vm->end_life, .end = vm->end };

	if (policy_of[vm->end.cause] == REBOOT)
		return true;
	if (!vm->restart_window || s->now - vm->restart_window > p->restart_window_ms * NS_PER_MS) {
		vm->restart_window = s->now;
		c.end.restarts = 0;
	}
	if (p->restart_limit && c.end.restarts >= p->restart_limit)
		return false;
	c.end.restarts++;
	emit(s, &c);
	return true;
}

/* A reboot comes back at once, what broke down after a while. */
uint64_t policy_delay(const struct vm *vm)
{
	enum policy p = (enum policy)policy_of[vm->end.cause];

	return p == CRASH || p == POWEROFF ? vm->definition->policies.restart_delay_ms * NS_PER_MS : 0;
}

/* The first VM of `after` that does not run; NULL: none, it may start. */
const char *policy_unmet_order(const struct model *m, const struct vm *vm)
{
	for (unsigned i = 0; i < vm->definition->after_count; i++) {
		const struct vm *first = model_vm_named(m, vm->definition->after[i]);

		if (!first || !first->life || first->life->now.state != VM_RUNNING)
			return vm->definition->after[i];
	}
	return NULL;
}

/* Each VM is looked at once: `mark` tells which were. */
static bool leads_to(struct model *m, const struct vm_definition *d, const char *name)
{
	for (unsigned i = 0; i < d->after_count; i++) {
		struct vm *next = model_vm_named(m, d->after[i]);

		if (strcmp(d->after[i], name) == 0)
			return true;
		if (!next || next->mark == m->mark)
			continue;
		next->mark = m->mark;
		if (leads_to(m, next->definition, name))
			return true;
	}
	return false;
}

bool policy_has_cycle(struct model *m, const struct vm_definition *d)
{
	m->mark++;
	return leads_to(m, d, d->name);
}
