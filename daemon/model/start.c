/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a life comes to begin: what its VM waits for before, the memory and the id that it needs, and what becomes of a start
 * that fails.
 */
#include "model/step.h"

#include <stdio.h>

#include "model/order.h"
#include "model/policy.h"
#include "model/vm.h"

static enum refusal check_memory(const struct step *s, const struct vm_definition *d, char *text, size_t size)
{
	bool huge = d->huge_pages == HUGE_PAGES_RESERVED;
	uint64_t held = huge ? s->m->huge_held : s->m->memory_held;
	uint64_t limit = huge ? s->m->huge_limit : s->m->memory_limit;

	if (huge && !limit) {
		snprintf(text, size, "%s asks for reserved huge pages and no hugetlbfs place is configured (--huge-dir)", d->name);
		return REFUSED_NO_HUGE_PAGES;
	}
	if (limit && !d->limits.overcommit && (d->memory_bytes > limit || held > limit - d->memory_bytes)) {
		snprintf(text, size,
			"%s needs %llu MiB; lives here, old ones included, hold %llu of %llu MiB: end some, enlarge the memory place, or set memory.overcommit",
			d->name, (unsigned long long)(d->memory_bytes >> 20), (unsigned long long)(held >> 20),
			(unsigned long long)(limit >> 20));
		return REFUSED_NO_MEMORY;
	}
	return REFUSED_NOT;
}

enum refusal life_begin(struct step *s, struct vm *vm, char *text, size_t size)
{
	const struct vm_definition *d = vm->pending ? vm->pending : vm->definition;
	struct change c = { .kind = CHANGE_LIFE, .vm = vm->number };
	enum refusal refusal = check_memory(s, d, text, size);
	enum vm_state to;

	if (refusal != REFUSED_NOT)
		return refusal;
	c.begun.endpoint = model_pick_id(s->m, d->ffa_id);
	if (!c.begun.endpoint) {
		say_no_id(s, d, text, size);
		return REFUSED_NO_FREE_ID;
	}
	if (vm_step(vm->life ? (enum vm_state)vm->life->now.state : VM_NULL,
		    vm->life ? VM_EV_RESTARTED : VM_EV_START, &to) < 0)
		return REFUSED_ILLEGAL_TRANSITION;
	c.begun.vcpu_count = d->vcpu_count;
	c.begun.fixed_id = d->ffa_id != 0;
	c.begun.huge = d->huge_pages == HUGE_PAGES_RESERVED;
	c.begun.notifications = d->notifications;
	c.begun.memory_bytes = d->memory_bytes;
	c.begun.since = s->now;
	c.begun.deadline = s->now + d->limits.build_timeout_ms * NS_PER_MS;
	snprintf(c.begun.name, sizeof(c.begun.name), "%s", d->name);
	pending_take(s, vm);
	emit(s, &c);
	list_remove(&vm->order);
	set_deadline(s, &vm->life->timer, c.begun.deadline);
	put_output(s, OUT_VMM_START, c.life)->connection = vm->waiter;
	vm->waiter = 0;
	vm->waiter_began = false;
	return REFUSED_NOT;
}

/* `after`, `requires` and `wants-partition`. For an SP it waits so long, for a VM without limit. */
static bool waits_for_order(struct step *s, struct vm *vm)
{
	bool for_vm = order_unmet(s->m, vm) != NULL;

	if (for_vm || !order_unmet_partition(s->m, vm)) {
		vm->partition_by = 0;
		return for_vm;
	}
	if (!vm->partition_by)
		vm->partition_by = s->now + vm->definition->limits.partition_timeout_ms * NS_PER_MS;
	set_deadline(s, &vm->timer, order_partition_until(s->m, vm));
	return true;
}

/* Of whom the lives were that the log has lost is not known before SPs are met: their ids are kept back until then. */
bool waits_for_ids(const struct model *m, const struct vm *vm)
{
	return model_waits_for_ids(m, (vm->pending ? vm->pending : vm->definition)->ffa_id);
}

/* One may be free now that was not. */
void wake_for_ids(struct step *s)
{
	if (s->m->burned.unmet)
		order_wake(s);
}

static void say_partition(const struct vm *vm, const struct wanted_partition *p, char *text, size_t size)
{
	if (p->id)
		snprintf(text, size, "secure partition 0x%04x was not there before limits.partition-timeout", p->id);
	else
		snprintf(text, size, "entry %td of wants-partition was not there before limits.partition-timeout",
			p - vm->definition->partition + 1);
}

enum refusal vm_start(struct step *s, struct vm *vm, char *text, size_t size)
{
	if (waits_for_order(s, vm)) {
		if (vm->partition_by && order_partition_until(s->m, vm) <= s->now) {
			say_partition(vm, order_unmet_partition(s->m, vm), text, size);
			return REFUSED_ILLEGAL_TRANSITION;
		}
		order_wait(s, vm);
		touch(s, vm);
		if (vm->operation.operation == OP_START) /* until when is stored; else with the operation */
			set_operation(s, vm, OP_START, vm->operation.deadline);
		return REFUSED_NOT;
	}
	if (waits_for_ids(s->m, vm)) {
		order_wait(s, vm); /* SPs that are met wake it */
		touch(s, vm);
		return REFUSED_NOT;
	}
	list_remove(&vm->order);
	return life_begin(s, vm, text, size);
}

/* The start failed before there was a life. */
static bool start_again(struct step *s, struct vm *vm)
{
	uint64_t at;

	if (!policy_restart(s, vm, NULL, &at))
		return false;
	set_operation(s, vm, OP_START, at);
	set_deadline(s, &vm->timer, at);
	return true;
}

void start_failed(struct step *s, struct vm *vm, enum vm_cause cause, const char *text)
{
	struct change c = { .kind = CHANGE_END, .vm = vm->number, .life = vm->end_life, .end = vm->end };

	c.end.cause = (uint8_t)cause;
	c.end.at = s->realtime;
	snprintf(c.end.text, sizeof(c.end.text), "%s", text);
	emit(s, &c);
	vm->partition_by = 0;
	list_remove(&vm->order);
	waiter_refuse(s, vm, "it cannot be started now: lifecyclectl status says why");
	if (!start_again(s, vm))
		set_operation(s, vm, OP_NONE, 0);
}

/* A restart delay is over, or a VM that this one waits for runs now. */
static void start_timer(struct step *s, struct vm *vm)
{
	char text[END_TEXT_MAX + 1] = "";

	touch(s, vm); /* it waits for this time no more */
	if (vm->life && vm->life->stuck)
		life_leave_behind(s, vm->life);
	if (vm->life || vm->operation.operation != OP_START)
		return;
	if (model_starts_nothing(s->m)) { /* the next daemon's to do; until then whom it waits for is shown, and may end */
		order_wait(s, vm);
		return;
	}
	if (vm_start(s, vm, text, sizeof(text)) != REFUSED_NOT)
		start_failed(s, vm, CAUSE_START_FAILED, text);
}

void start_beside(struct step *s, struct vm *vm)
{
	if (vm->life && vm->life->stuck && vm->operation.operation == OP_RESTART)
		set_deadline(s, &vm->timer, s->now);
}

void vm_timer(struct step *s, struct vm *vm)
{
	if (vm->operation.operation == OP_STOP)
		stop_timer(s, vm);
	else
		start_timer(s, vm);
}
