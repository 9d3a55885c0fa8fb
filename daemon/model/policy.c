/* SPDX-License-Identifier: Apache-2.0 */
#include "model/policy.h"

#include "base/mutant.h"
#include "model/vm.h"

#define RETRY_AFTER_MS 100 /* a start that fails at once must not be tried without a pause */

/* Which policy speaks for a cause. Ends that somebody asked for, and that of the host, have none. */
enum policy { ASKED, POWEROFF, REBOOT, PANIC, WATCHDOG, CRASH, START_FAILURE };
static const uint8_t policy_of[CAUSE_COUNT] = {
	[CAUSE_GUEST_POWEROFF] = POWEROFF,
	[CAUSE_GUEST_REBOOT] = REBOOT,
	[CAUSE_GUEST_PANIC] = PANIC,
	[CAUSE_GUEST_WATCHDOG] = WATCHDOG,
	[CAUSE_VCPU_STALL] = WATCHDOG,
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

static bool says(const struct vm_definition *d, enum vm_cause cause, enum on_end what)
{
	uint8_t policy = policy_of[cause];

	if (MUTANT(MUTANT_P5_PANIC_IS_CRASH) && policy == PANIC)
		policy = CRASH;
	return policy != ASKED && ((const uint8_t *)&d->policies)[key_of[policy]] == what;
}

/* What somebody asked for meanwhile comes before what the definition says. */
bool policy_preserves(const struct step *s, const struct life *l, enum vm_cause cause)
{
	const struct vm *vm = l->vm;

	return vm && vm->life == l && !s->m->shutdown.active &&
		operation_rank((enum operation)vm->operation.operation) < operation_rank(OP_STOP) &&
		says(vm->definition, cause, ON_END_PRESERVE) && !MUTANT(MUTANT_P5_PRESERVE_IGNORED);
}

/* The restarts that are counted, and what the next one has to know. */
static bool count(struct step *s, struct vm *vm, bool healthy)
{
	const struct vm_policies *p = &vm->definition->policies;
	struct change c = { .kind = CHANGE_END, .vm = vm->number, .life = vm->end_life, .end = vm->end };

	if (!c.end.window || s->now - c.end.window > p->restart_window_ms * NS_PER_MS) {
		c.end.window = s->now;
		c.end.restarts = 0;
	}
	if (p->restart_limit && c.end.restarts >= p->restart_limit && !MUTANT(MUTANT_P5_NO_LIMIT))
		return false;
	c.end.restarts++;
	c.end.backoff = healthy ? 1 : c.end.backoff + !MUTANT(MUTANT_P5_BACKOFF_FLAT);
	emit(s, &c);
	return true;
}

/* The n-th in a row, from 1 on. */
static uint64_t delay(struct step *s, const struct vm *vm, uint32_t n)
{
	const struct vm_policies *p = &vm->definition->policies;
	uint64_t ms = p->restart_delay_ms, cap;

	if (policy_of[vm->end.cause] == START_FAILURE && ms < RETRY_AFTER_MS)
		ms = RETRY_AFTER_MS;
	cap = ms > p->restart_delay_max_ms ? ms : p->restart_delay_max_ms;
	for (; n > 1 && p->restart_factor > 1 && ms && ms < cap; n--)
		ms *= p->restart_factor;
	return pace_jitter(s->m, p->restart_jitter, (ms < cap ? ms : cap) * NS_PER_MS);
}

/* A reboot is what the guest asked for: it comes back at once, and is not counted. */
bool policy_restart(struct step *s, struct vm *vm, const struct life *l, uint64_t *ret_at)
{
	const struct vm_policies *p = &vm->definition->policies;
	bool healthy = l && l->begun.entered && s->now - l->begun.entered >= p->restart_healthy_ms * NS_PER_MS;
	uint64_t wait;

	if (s->m->shutdown.active && !MUTANT(MUTANT_P5_SHUTDOWN_RESTARTS))
		return false;
	if (vm->removal || !says(vm->definition, (enum vm_cause)vm->end.cause, ON_END_RESTART))
		return false;
	if (policy_of[vm->end.cause] == REBOOT) {
		*ret_at = 0;
		return true;
	}
	if (!count(s, vm, healthy && !MUTANT(MUTANT_P5_HEALTH_IGNORED)))
		return false;
	wait = delay(s, vm, vm->end.backoff);
	*ret_at = wait ? s->now + wait : 0;
	return true;
}

uint64_t model_next_start(const struct vm *vm)
{
	bool waits = vm->operation.operation == OP_START || vm->operation.operation == OP_RESTART;

	if (MUTANT(MUTANT_P6_NEXT_UNSAID) || !waits || (vm->life && !life_is_over(vm->life)))
		return 0;
	return vm->operation.deadline;
}
