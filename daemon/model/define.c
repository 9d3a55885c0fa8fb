/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Definitions come and go. A life keeps what it was built from: what a new definition says of that waits for the next one.
 * Policies, time limits and order are the manager's own, and are in force at once. One source has a VM: a file in vm.d, or
 * D-Bus.
 */
#include "model/step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mutant.h"
#include "model/order.h"

/* ---- may it be defined ---- */

/* One of another VM's two definitions, that in force or that of its next life. */
static enum refusal check_beside(const struct vm_definition *o, const struct vm_definition *d, struct answer *a)
{
	if (o && memcmp(o->uuid, d->uuid, sizeof(d->uuid)) == 0) {
		snprintf(a->text, sizeof(a->text), "%s and %s have the same uuid: give one of them another", d->name, o->name);
		return REFUSED_EXISTS;
	}
	if (o && d->ffa_id && o->ffa_id == d->ffa_id) {
		snprintf(a->text, sizeof(a->text), "%s and %s ask for the same ffa-id %u: give one of them another", d->name,
			o->name, d->ffa_id);
		return REFUSED_EXISTS;
	}
	return REFUSED_NOT;
}

static enum refusal check_source(const struct vm *vm, const struct vm_definition *d, struct answer *a)
{
	if (vm->removal || !vm->definition->from_file == !d->from_file)
		return REFUSED_NOT;
	if (d->from_file)
		snprintf(a->text, sizeof(a->text), "%s was defined over D-Bus, and its file is not used: undefine it, then reload",
			d->name);
	else
		snprintf(a->text, sizeof(a->text), "%s is defined by a file in vm.d: change that and reload", d->name);
	return REFUSED_OTHER_SOURCE;
}

static enum refusal check(struct step *s, const struct vm *vm, const struct vm_definition *d, struct answer *a)
{
	enum refusal refusal = vm ? check_source(vm, d, a) : REFUSED_NOT;
	const struct vm *other;

	if (refusal == REFUSED_NOT && vm && memcmp(vm->definition->uuid, d->uuid, sizeof(d->uuid)) != 0) {
		snprintf(a->text, sizeof(a->text), "%s is defined with another uuid: destroy it first", d->name);
		refusal = REFUSED_EXISTS;
	}
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): that `vm` may be NULL does not mean that `other` may */
	list_for_each(other, &s->m->vms, all) {
		if (other == vm || refusal != REFUSED_NOT)
			continue;
		refusal = check_beside(other->definition, d, a);
		if (refusal == REFUSED_NOT)
			refusal = check_beside(other->pending, d, a);
	}
	if (refusal != REFUSED_NOT)
		return refusal;
	if (is_id_of_others(s, d, a->text, sizeof(a->text)))
		return REFUSED_INVALID_DEFINITION;
	return order_has_cycle(s->m, d, a->text, sizeof(a->text)) ? REFUSED_CYCLE : REFUSED_NOT;
}

/* ---- what is in force at once, and what waits ---- */

#define TAKE_MEMBER(member) memcpy(&now->member, &d->member, sizeof(now->member));

/* The definition in force, with what of `d` a life under way is no hindrance to. */
static struct vm_definition *merge(const struct vm *vm, const struct vm_definition *d)
{
	struct vm_definition *now = malloc(sizeof(*now));

	if (!now)
		return NULL;
	*now = *vm->definition;
	DEFINITION_AT_ONCE(TAKE_MEMBER)
	return now;
}

static bool is_same(const struct vm_definition *a, const struct vm_definition *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static void put_in_force(struct step *s, struct vm *vm, struct vm_definition **d)
{
	struct change c = { .kind = CHANGE_VM, .vm = vm ? vm->number : 0, .definition = take_ptr(d) };

	emit(s, &c);
	wake_for_ids(s);
	shutdown_look(s); /* so may be the order of their ends */
	if (vm && !list_is_empty(&vm->order)) /* its `after` may be another now */
		set_deadline(s, &vm->timer, s->now);
	if (vm) /* and what it says of a life that is stuck */
		start_beside(s, vm);
}

static void put_off(struct step *s, struct vm *vm, enum pending_kind what, struct vm_definition *d)
{
	struct change c = { .kind = CHANGE_PENDING, .vm = vm->number, .pending = { d, (uint8_t)what } };

	emit(s, &c);
}

/* A VM that has a life. */
static enum refusal define_for_next(struct step *s, struct vm *vm, struct vm_definition **d, struct answer *a)
{
	_cleanup_(freep) struct vm_definition *now = merge(vm, *d);

	if (!now) {
		snprintf(a->text, sizeof(a->text), "the daemon is out of memory; nothing was changed, try again");
		return REFUSED_NO_MEMORY;
	}
	if (is_same(now, *d) || MUTANT(MUTANT_P5_PENDING_EARLY)) {
		if (!is_same(vm->definition, *d))
			put_in_force(s, vm, d);
		if (vm->pending || vm->removal)
			put_off(s, vm, PENDING_NONE, NULL);
		return REFUSED_NOT;
	}
	if (!is_same(vm->definition, now))
		put_in_force(s, vm, &now);
	if (!vm->pending || !is_same(vm->pending, *d))
		put_off(s, vm, PENDING_CHANGE, take_ptr(d));
	return REFUSED_NOT;
}

enum refusal ask_define(struct step *s, struct request *r, struct answer *a)
{
	_cleanup_(freep) struct vm_definition *d = take_ptr(&r->definition);
	struct vm *vm = model_vm_named(s->m, d->name);
	enum refusal refusal = check(s, vm, d, a);

	if (refusal != REFUSED_NOT || r->rehearsal)
		return refusal;
	if (vm && vm->life)
		return define_for_next(s, vm, &d, a);
	if (!vm || !is_same(vm->definition, d))
		put_in_force(s, vm, &d);
	return REFUSED_NOT;
}

void pending_take(struct step *s, struct vm *vm)
{
	if (!vm->pending || MUTANT(MUTANT_P5_PENDING_KEPT))
		return;
	put_off(s, vm, PENDING_TAKEN, NULL);
}

/* ---- the end of a definition ---- */

/* It goes with its life, and no other follows. */
static void remove_later(struct step *s, struct vm *vm)
{
	if (!vm->removal)
		put_off(s, vm, PENDING_REMOVAL, NULL);
	waiter_refuse(s, vm, "its definition was removed");
	if (vm->operation.operation == OP_RESTART)
		set_operation(s, vm, OP_NONE, 0);
}

enum refusal ask_undefine(struct step *s, struct vm *vm, const struct request *r, struct answer *a)
{
	struct change c = { .kind = CHANGE_VM_GONE, .vm = vm->number };

	if (r->by_file && !vm->definition->from_file) /* it was defined over D-Bus meanwhile */
		return REFUSED_NOT;
	if (!r->by_file && vm->definition->from_file && !vm->removal) {
		snprintf(a->text, sizeof(a->text), "%s is defined by a file in vm.d: remove that and reload", vm->definition->name);
		return REFUSED_OTHER_SOURCE;
	}
	if (vm->life && !r->pending)
		return illegal(s, vm, a, "undefine", "end its life first, or say that it goes with it (--pending)");
	if (vm->life) {
		remove_later(s, vm);
		return REFUSED_NOT;
	}
	waiter_refuse(s, vm, "its definition was removed");
	order_ended(s, vm);
	emit(s, &c);
	return REFUSED_NOT;
}
