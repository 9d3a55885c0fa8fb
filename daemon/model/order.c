/* SPDX-License-Identifier: Apache-2.0 */
/* Order: who waits for whom, who starts with whom, who ends with whom. */
#include "model/order.h"

#include <stdio.h>
#include <string.h>

#include "base/mutant.h"

/* ---- who has to be there first ---- */

static unsigned first_count(const struct vm_definition *d)
{
	return d->requires_count + d->after_count;
}

static const char *first_name(const struct vm_definition *d, unsigned i)
{
	return i < d->requires_count ? d->requires[i] : d->after[i - d->requires_count];
}

static bool runs(const struct vm *vm)
{
	return vm && vm->life && vm->life->now.state == VM_RUNNING;
}

const char *order_unmet(const struct model *m, const struct vm *vm)
{
	const struct vm_definition *d = vm->definition;

	for (unsigned i = 0; i < first_count(d) && !MUTANT(MUTANT_P5_ORDER_IGNORED); i++)
		if (!runs(model_vm_named(m, first_name(d, i))))
			return first_name(d, i);
	return NULL;
}

/* An SP that answered outside the protocol, or died and was not met again, is not in order. */
static bool is_there(const struct model *m, const struct wanted_partition *p)
{
	for (size_t i = 0; i < m->sp_count && m->secure_up; i++) {
		const struct change_sp *sp = &m->sp[i].info;

		if (sp->status == SP_OK && (p->id ? sp->id == p->id : !memcmp(sp->uuid, p->uuid, sizeof(p->uuid))))
			return true;
	}
	return false;
}

const struct wanted_partition *order_unmet_partition(const struct model *m, const struct vm *vm)
{
	for (unsigned i = 0; i < vm->definition->partition_count; i++)
		if (!is_there(m, &vm->definition->partition[i]))
			return &vm->definition->partition[i];
	return NULL;
}

uint64_t order_partition_until(const struct model *m, const struct vm *vm)
{
	return vm->partition_by > m->meets_by ? vm->partition_by : m->meets_by;
}

void order_wait(struct step *s, struct vm *vm)
{
	if (list_is_empty(&vm->order))
		list_append(&s->m->waiting_for_order, &vm->order);
	if (!MUTANT(MUTANT_P6_WAITS_IN_VAIN))
		set_deadline(s, &vm->dependency, s->now); /* what it requires may have ended for good before it came to wait */
}

void order_wake(struct step *s)
{
	struct vm *vm, *next;

	list_for_each_safe(vm, next, &s->m->waiting_for_order, order)
		set_deadline(s, &vm->timer, s->now);
}

/* ---- circles ---- */

#define CIRCLE_NAMED 16 /* VMs of it that the text names */

struct circle {
	const char *name[CIRCLE_NAMED]; /* the last one first */
	unsigned count;
};

static void found(struct circle *c, const char *name)
{
	if (c->count < CIRCLE_NAMED)
		c->name[c->count] = name;
	c->count++;
}

/* Each VM is looked at once: `mark` tells which were. */
static bool leads_to(struct model *m, const struct vm_definition *d, const char *name, struct circle *c)
{
	for (unsigned i = 0; i < first_count(d); i++) {
		struct vm *next = model_vm_named(m, first_name(d, i));
		bool back = strcmp(first_name(d, i), name) == 0;

		if (!back && (!next || next->mark == m->mark))
			continue;
		if (!back) {
			next->mark = m->mark;
			back = leads_to(m, next->definition, name, c);
		}
		if (back) {
			found(c, d->name);
			return true;
		}
	}
	return false;
}

bool order_has_cycle(struct model *m, const struct vm_definition *d, char *text, size_t size)
{
	struct circle c = { .count = 0 };
	size_t used;

	m->mark++;
	if (!leads_to(m, d, d->name, &c))
		return false;
	snprintf(text, size, "order would be a circle: ");
	for (unsigned i = c.count; i > 0; i--) {
		used = strlen(text);
		snprintf(text + used, size - used, "%s -> ", i > CIRCLE_NAMED ? "..." : c.name[i - 1]);
	}
	used = strlen(text);
	snprintf(text + used, size - used, "%s; take one out of after or requires", d->name);
	return true;
}

/* ---- who starts with it ---- */

struct pull {
	struct vm *vm[ORDER_PULL_MAX];
	unsigned count;
	bool after_boot; /* whose life went with the last boot comes back */
	char *text;
	size_t size;
};

static bool is_ending(const struct vm *vm)
{
	if (!vm->life)
		return false;
	if (life_is_over(vm->life))
		return vm->operation.operation != OP_RESTART;
	return vm->operation.operation >= OP_STOP;
}

/* Its life went with the host's last boot and still settles: nothing that was asked then keeps it from its next one. */
static bool may_come_back(const struct vm *vm)
{
	return vm->life && life_is_over(vm->life) && !life_is_kept(vm->life) && !vm->removal && vm->operation.operation != OP_DESTROY &&
		!MUTANT(MUTANT_P4_AUTOSTART_SETTLES);
}

static enum refusal collect(struct step *s, const struct vm *vm, struct pull *p)
{
	const struct vm_definition *d = vm->definition;
	enum refusal refusal = REFUSED_NOT;

	for (unsigned i = 0; i < d->requires_count && refusal == REFUSED_NOT; i++) {
		struct vm *first = model_vm_named(s->m, d->requires[i]);
		bool comes_back = first && p->after_boot && may_come_back(first);

		if (!first) {
			snprintf(p->text, p->size, "%s requires %s, and no VM has that name: define it first", d->name,
				d->requires[i]);
			return REFUSED_NO_SUCH_VM;
		}
		if (is_ending(first) && !comes_back) {
			snprintf(p->text, p->size, "%s requires %s, which is on its way out: start it again when that is null",
				d->name, d->requires[i]);
			return REFUSED_ILLEGAL_TRANSITION;
		}
		if (first->mark == s->m->mark)
			continue;
		first->mark = s->m->mark;
		if (first->life && !life_is_over(first->life)) /* it is not asked anew what it requires */
			continue;
		if (p->count == ORDER_PULL_MAX) {
			snprintf(p->text, p->size, "%s requires more than %d VMs, one through the other: start some of them first",
				d->name, ORDER_PULL_MAX);
			return REFUSED_LIMIT;
		}
		if (comes_back ? first->operation.operation != OP_RESTART : !first->life && first->operation.operation != OP_START)
			p->vm[p->count++] = first;
		refusal = collect(s, first, p);
	}
	return refusal;
}

/* A life begins in an input of its own: one is all there is room for. Or it follows the one that settles. */
static void start_soon(struct step *s, struct vm *vm)
{
	if (vm->life) {
		set_operation(s, vm, OP_RESTART, 0);
		return;
	}
	set_operation(s, vm, OP_START, 0);
	set_deadline(s, &vm->timer, s->now);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): collect() writes there */
static enum refusal pull(struct step *s, struct vm *vm, bool after_boot, char *text, size_t size)
{
	struct pull p = { .after_boot = after_boot, .text = text, .size = size };
	enum refusal refusal;

	s->m->mark++;
	refusal = collect(s, vm, &p);
	for (unsigned i = 0; i < p.count && refusal == REFUSED_NOT; i++)
		start_soon(s, p.vm[i]);
	return refusal;
}

enum refusal order_pull(struct step *s, struct vm *vm, char *text, size_t size)
{
	return pull(s, vm, false, text, size);
}

/* One whose last life still settles comes back once it has: if what it requires does not, that start fails then. */
static void start_with_host(struct step *s, struct vm *vm)
{
	char text[END_TEXT_MAX + 1] = "";
	bool settles = may_come_back(vm);

	if (!settles && (vm->life || vm->operation.operation != OP_NONE))
		return;
	if (!settles || vm->operation.operation != OP_RESTART)
		start_soon(s, vm);
	if (pull(s, vm, true, text, sizeof(text)) != REFUSED_NOT && !settles)
		start_failed(s, vm, CAUSE_START_FAILED, text);
}

void order_autostart(struct step *s)
{
	struct change c = { .kind = CHANGE_AUTOSTART, .autostart.done = true };
	struct vm *vm;

	if (s->m->autostart.done || s->m->shutting_down) /* then it is the next daemon's to do */
		return;
	emit(s, &c);
	if (model_starts_nothing(s->m))
		return;

	list_for_each(vm, &s->m->vms, all)
		if (vm->definition->autostart)
			start_with_host(s, vm);
}

/* ---- who ends with it ---- */

static bool requires(const struct vm *vm, const char *name)
{
	for (unsigned i = 0; i < vm->definition->requires_count; i++)
		if (strcmp(vm->definition->requires[i], name) == 0)
			return true;
	return false;
}

bool order_is_coming(const struct vm *vm)
{
	if (!vm)
		return false;
	if (!vm->life || life_is_over(vm->life))
		return vm->operation.operation == OP_START || vm->operation.operation == OP_RESTART;
	return true;
}

void order_ended(struct step *s, const struct vm *vm)
{
	struct vm *other;

	list_for_each(other, &s->m->requiring, requiring) {
		if (!requires(other, vm->definition->name) || MUTANT(MUTANT_P5_DEPENDENCY_OUTLIVED))
			continue;
		if (!vm->life && other->life && !life_is_over(other->life)) /* it came before it was said to require this one */
			continue;
		set_deadline(s, &other->dependency, s->now);
		touch(s, other);
	}
	list_for_each(other, &s->m->waiting_for_order, order)
		touch(s, other); /* whom it waits for */
}

void order_requires_timer(struct step *s, struct vm *vm)
{
	bool lives = vm->life && !life_is_over(vm->life);
	const struct vm *missing = NULL;
	char text[END_TEXT_MAX + 1];
	const char *name = NULL;

	if (!lives && (vm->life || vm->operation.operation != OP_START))
		return;
	for (unsigned i = 0; i < vm->definition->requires_count && !name; i++) {
		missing = model_vm_named(s->m, vm->definition->requires[i]);
		if (lives ? !runs(missing) : !order_is_coming(missing))
			name = vm->definition->requires[i];
	}
	if (!name)
		return;
	snprintf(text, sizeof(text), "%s, which it requires, has ended", name);
	if (!lives) {
		start_failed(s, vm, CAUSE_DEPENDENCY, text);
		return;
	}
	life_abort(s, vm->life, CAUSE_DEPENDENCY, text, false);
	if (order_is_coming(missing) && !s->m->shutdown.active && vm->operation.operation == OP_NONE && !vm->removal)
		set_operation(s, vm, OP_RESTART, 0);
}
