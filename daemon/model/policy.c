/* SPDX-License-Identifier: Apache-2.0 */
#include "model/policy.h"

#include <string.h>

#include "base/mutant.h"

#define RETRY_AFTER_MS 100 /* a start that fails at once must not be tried without a pause */

/* Which policy speaks for a cause. Ends that somebody asked for, and that of the host, have none. */
enum policy { ASKED, POWEROFF, REBOOT, PANIC, WATCHDOG, CRASH, START_FAILURE };
static const uint8_t policy_of[CAUSE_COUNT] = {
	[CAUSE_GUEST_POWEROFF] = POWEROFF,
	[CAUSE_GUEST_REBOOT] = REBOOT,
	[CAUSE_GUEST_PANIC] = PANIC,
	[CAUSE_GUEST_WATCHDOG] = WATCHDOG,
	[CAUSE_VCPU_STALL] = CRASH,
	[CAUSE_VCPU_ERROR] = CRASH,
	[CAUSE_MEMORY_FAULT] = CRASH,
	[CAUSE_VMM_EXIT] = CRASH,
	[CAUSE_VMM_SIGNAL] = CRASH,
	[CAUSE_VMM_PROTOCOL] = CRASH,
	[CAUSE_VMM_GONE] = CRASH,
	[CAUSE_OOM] = CRASH,
	[CAUSE_START_FAILED] = START_FAILURE,
	[CAUSE_SECURE_REJECTED] = START_FAILURE,
	[CAUSE_SECURE_TIMEOUT] = START_FAILURE,
};

static const size_t key_of[] = {
	[POWEROFF] = offsetof(struct vm_policies, on_poweroff),
	[REBOOT] = offsetof(struct vm_policies, on_reboot),
	[PANIC] = offsetof(struct vm_policies, on_panic),
	[WATCHDOG] = offsetof(struct vm_policies, on_watchdog),
	[CRASH] = offsetof(struct vm_policies, on_crash),
	[START_FAILURE] = offsetof(struct vm_policies, on_start_failure),
};

bool policy_wants_restart(const struct vm_definition *d, enum vm_cause cause)
{
	uint8_t policy = policy_of[cause];

	if (MUTANT(MUTANT_P5_PANIC_IS_CRASH) && policy == PANIC)
		policy = CRASH;
	return policy != ASKED && ((const uint8_t *)&d->policies)[key_of[policy]] == ON_END_RESTART;
}

/* A reboot is what the guest asked for: it is not counted. */
bool policy_may_restart(struct step *s, struct vm *vm)
{
	const struct vm_policies *p = &vm->definition->policies;
	struct change c = { .kind = CHANGE_END, .vm = vm->number, .life = vm->end_life, .end = vm->end };

	if (policy_of[vm->end.cause] == REBOOT)
		return true;
	if (!c.end.window || s->now - c.end.window > p->restart_window_ms * NS_PER_MS) {
		c.end.window = s->now;
		c.end.restarts = 0;
	}
	if (p->restart_limit && c.end.restarts >= p->restart_limit && !MUTANT(MUTANT_P5_NO_LIMIT))
		return false;
	c.end.restarts++;
	emit(s, &c);
	return true;
}

/* A reboot comes back at once, what broke down after a while. */
uint64_t policy_delay(const struct vm *vm)
{
	uint64_t ms = vm->definition->policies.restart_delay_ms;

	if (policy_of[vm->end.cause] == REBOOT)
		return 0;
	if (policy_of[vm->end.cause] == START_FAILURE && ms < RETRY_AFTER_MS)
		ms = RETRY_AFTER_MS;
	return ms * NS_PER_MS;
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
