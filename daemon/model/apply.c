/* SPDX-License-Identifier: Apache-2.0 */
/* The one place where the stored part of the model changes, in a turn and at load. */
#include "model/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mutant.h"

static uint64_t *held(struct model *m, const struct life *l)
{
	return l->begun.huge ? &m->huge_held : &m->memory_held;
}

static void change_reserved(struct model *m, uint16_t old, uint16_t new)
{
	if (old)
		ids_unreserve(&m->ids, old);
	if (new)
		ids_reserve(&m->ids, new);
}

static void list_requiring(struct model *m, struct vm *vm)
{
	list_remove(&vm->requiring);
	if (vm->definition->requires_count)
		list_append(&m->requiring, &vm->requiring);
}

static void put_in_force(struct model *m, struct vm *vm, struct vm_definition *d)
{
	change_reserved(m, vm->definition->ffa_id, d->ffa_id);
	model_bury(m, vm->definition);
	vm->definition = d;
	list_requiring(m, vm);
}

static int apply_vm(struct model *m, struct change *c)
{
	struct vm *vm = model_vm(m, c->vm);
	uint16_t id = c->definition ? c->definition->ffa_id : 0;

	if (!c->definition || id > FFA_ID_VM_LAST)
		return -EBADMSG;
	if (!vm) {
		if (model_vm_named(m, c->definition->name))
			return -EBADMSG;
		if (!m->spare_vm)
			return -ENOMEM;
		vm = take_ptr(&m->spare_vm);
		vm->number = c->vm;
		vm->definition = take_ptr(&c->definition);
		map_put(&m->vms_by_number, &vm->by_number, vm->number);
		map_put(&m->vms_by_name, &vm->by_name, hash_string(vm->definition->name));
		list_append(&m->vms, &vm->all);
		m->vm_count++;
		change_reserved(m, 0, id);
		list_requiring(m, vm);
		return 0;
	}
	if (strcmp(vm->definition->name, c->definition->name) != 0)
		return -EBADMSG;
	put_in_force(m, vm, take_ptr(&c->definition));
	return 0;
}

/* The id that it asks for is kept for it from now on. */
static void put_off(struct model *m, struct vm *vm, struct vm_definition *d)
{
	change_reserved(m, vm->pending ? vm->pending->ffa_id : 0, d ? d->ffa_id : 0);
	model_bury(m, vm->pending);
	vm->pending = d;
}

static int apply_pending(struct model *m, struct change *c)
{
	struct vm *vm = model_vm(m, c->vm);
	struct vm_definition *d = c->pending.definition;

	if (!vm || c->pending.what >= PENDING_COUNT || (c->pending.what == PENDING_CHANGE) != (d != NULL))
		return -EBADMSG;
	if (d && (strcmp(vm->definition->name, d->name) != 0 || d->ffa_id > FFA_ID_VM_LAST))
		return -EBADMSG;
	if (c->pending.what == PENDING_TAKEN) {
		if (!vm->pending)
			return -EBADMSG;
		change_reserved(m, vm->pending->ffa_id, 0);
		put_in_force(m, vm, take_ptr(&vm->pending));
		return 0;
	}
	put_off(m, vm, take_ptr(&c->pending.definition));
	vm->removal = c->pending.what == PENDING_REMOVAL;
	return 0;
}

static int apply_vm_gone(struct model *m, const struct change *c)
{
	struct vm *vm = model_vm(m, c->vm);
	struct life *l, *next;

	if (!vm || vm->life)
		return -EBADMSG;
	list_for_each_safe(l, next, &vm->old, of_vm) {
		list_remove(&l->of_vm);
		list_append(&m->orphans, &l->of_vm);
		l->vm = NULL;
	}
	heap_remove(&m->deadlines, &vm->timer.node);
	heap_remove(&m->deadlines, &vm->dependency.node);
	heap_remove(&m->deadlines, &vm->turn.node);
	heap_remove(&m->deadlines, &vm->binding.node);
	list_remove(&vm->requiring);
	list_remove(&vm->touched);
	list_remove(&vm->called);
	list_remove(&vm->order);
	list_remove(&vm->all);
	map_remove(&m->vms_by_number, &vm->by_number);
	map_remove(&m->vms_by_name, &vm->by_name);
	m->vm_count--;
	change_reserved(m, vm->definition->ffa_id, 0);
	change_reserved(m, vm->pending ? vm->pending->ffa_id : 0, 0);
	list_append(&m->graves, &vm->all);
	return 0;
}

static int apply_life(struct model *m, const struct change *c)
{
	struct vm *vm = model_vm(m, c->vm);
	uint16_t id = c->begun.endpoint;
	struct life *l;

	if (id < FFA_ID_VM_FIRST || id > FFA_ID_VM_LAST || m->endpoint[id] || model_life(m, c->life))
		return -EBADMSG;
	if (c->begun.vcpu_count < 1 || c->begun.vcpu_count > VM_VCPU_MAX)
		return -EBADMSG;
	if (!m->spare_life)
		return -ENOMEM;
	l = take_ptr(&m->spare_life);
	l->number = c->life;
	l->begun = c->begun;
	l->vm = vm;
	l->now = (struct change_state){ .state = VM_CREATED,
		.substate = VM_SUB_ALLOCATING,
		.since = c->begun.since,
		.deadline = c->begun.deadline };
	memset(l->vcpu, VCPU_NULL, sizeof(l->vcpu));
	l->begun.old = false;
	if (!vm) {
		list_append(&m->orphans, &l->of_vm);
	} else if (c->begun.old) {
		list_append(&vm->old, &l->of_vm);
	} else {
		if (vm->life)
			list_append(&vm->old, &vm->life->of_vm);
		vm->life = l;
	}
	map_put(&m->lives_by_number, &l->by_number, l->number);
	list_append(&m->lives, &l->all);
	m->life_count++;
	m->directory++;
	m->endpoint[id] = l;
	ids_take(&m->ids, id);
	*held(m, l) += l->begun.memory_bytes;
	return 0;
}

static void uncount_debt(struct sp *sp, const struct debt *d)
{
	sp->creating -= d->state == DEBT_CREATING;
	sp->owed -= !debt_is_done(d);
}

static int apply_life_gone(struct model *m, const struct change *c)
{
	struct life *l = model_life(m, c->life);

	if (!l)
		return -EBADMSG;
	for (unsigned i = 0; i < MODEL_SP_MAX; i++) {
		if (!debt_is_done(&l->debt[i]) && !MUTANT(MUTANT_P6_SLOT_LOST)) /* a log lost what it became */
			uncount_debt(&m->sp[i], &l->debt[i]);
		list_remove(&l->debt[i].link);
		heap_remove(&m->deadlines, &l->debt[i].again.node);
		heap_remove(&m->deadlines, &l->debt[i].patience.node);
	}
	heap_remove(&m->deadlines, &l->timer.node);
	heap_remove(&m->deadlines, &l->ladder.node);
	leases_forget(m, l);
	if (l->vm && l->vm->life == l)
		l->vm->life = NULL;
	list_remove(&l->of_vm);
	list_remove(&l->all);
	map_remove(&m->lives_by_number, &l->by_number);
	m->life_count--;
	if (life_is_calling(l))
		m->calling -= l->begun.vcpu_count;
	m->notified -= l->notifications != NULL;
	m->directory++;
	if (m->endpoint[l->begun.endpoint] == l)
		m->endpoint[l->begun.endpoint] = NULL;
	model_give_back_id(m, l->begun.endpoint);
	*held(m, l) -= l->begun.memory_bytes;
	life_free(l);
	return 0;
}

static int apply_debt(struct model *m, const struct change *c)
{
	struct life *l = model_life(m, c->life);
	struct sp *sp = model_sp(m, c->debt.sp);
	struct debt *d;

	if (!l || !sp)
		return -EBADMSG;
	d = &l->debt[sp->index];
	uncount_debt(sp, d);
	d->state = c->debt.state;
	d->how = c->debt.how;
	d->extra = c->debt.extra;
	if (d->state == DEBT_KNOWN && d->announce_by && !MUTANT(MUTANT_P6_ANNOUNCE_STALE))
		d->announce_by = 0; /* that announce is over: the next one has a time of its own */
	if (d->state == DEBT_CREATING) {
		d->announce_by = c->debt.deadline;
		sp->creator = l->number;
		sp->creating++;
	}
	sp->owed += !debt_is_done(d);
	return 0;
}

static int apply_sp(struct model *m, const struct change *c)
{
	struct sp *sp = model_sp(m, c->sp.id);

	if (!c->sp.id)
		return -EBADMSG;
	if (!sp) {
		if (m->sp_count == MODEL_SP_MAX)
			return -EBADMSG;
		sp = &m->sp[m->sp_count++];
	}
	sp->info = c->sp;
	m->directory++;
	return 0;
}

static int apply_open(struct model *m, const struct change *c)
{
	struct sp *sp = model_sp(m, c->open.sp);

	if (!sp)
		return -EBADMSG;
	sp->open = c->open;
	sp->open_life = c->life;
	return 0;
}

/* Changes of one life or one VM that only copy what they carry. */
static int apply_to_life(struct model *m, const struct change *c)
{
	struct life *l = model_life(m, c->life);

	if (!l)
		return -EBADMSG;
	if (c->kind == CHANGE_STATE) {
		if (c->state.state == VM_RUNNING && !l->begun.entered)
			l->begun.entered = c->state.since;
		l->now = c->state;
	} else {
		l->vmm = c->vmm;
		l->features = c->vmm.features;
	}
	return 0;
}

static int apply_to_vm(struct model *m, const struct change *c)
{
	struct vm *vm = model_vm(m, c->vm);

	if (!vm)
		return -EBADMSG;
	if (c->kind == CHANGE_OPERATION) {
		vm->operation = c->operation;
	} else {
		vm->end = c->end;
		vm->end_life = c->life;
	}
	return 0;
}

static int apply_bound(struct model *m, const struct change *c)
{
	struct vm *vm = model_vm(m, c->vm);

	if (!vm)
		return -EBADMSG;
	vm->bound = c->bound;
	vm->bound_end = 0;
	heap_remove(&m->deadlines, &vm->binding.node);
	return 0;
}

static int apply_ids(struct model *m, const struct change_ids *c)
{
	if (c->next)
		ids_begin_at(&m->ids, c->next);
	return ids_place(&m->ids, c->order);
}

static int apply(struct model *m, struct change *c)
{
	switch ((enum change_kind)c->kind) {
	case CHANGE_VM:
		return apply_vm(m, c);
	case CHANGE_VM_GONE:
		return apply_vm_gone(m, c);
	case CHANGE_LIFE:
		return apply_life(m, c);
	case CHANGE_STATE:
	case CHANGE_VMM:
		return apply_to_life(m, c);
	case CHANGE_DEBT:
		return apply_debt(m, c);
	case CHANGE_OPERATION:
	case CHANGE_END:
		return apply_to_vm(m, c);
	case CHANGE_SP:
		return apply_sp(m, c);
	case CHANGE_OPEN:
		return apply_open(m, c);
	case CHANGE_WORLD:
		m->world = c->world;
		m->world_known = true;
		return 0;
	case CHANGE_LIFE_GONE:
		return apply_life_gone(m, c);
	case CHANGE_IDS:
		return apply_ids(m, &c->ids);
	case CHANGE_BURNED:
		return apply_burned(m, c);
	case CHANGE_PENDING:
		return apply_pending(m, c);
	case CHANGE_BOUND:
		return apply_bound(m, c);
	case CHANGE_SHUTDOWN:
		m->shutdown = c->shutdown;
		return 0;
	case CHANGE_AUTOSTART:
		m->autostart = c->autostart;
		return 0;
	case CHANGE_LEASE:
		return apply_lease(m, c);
	}
	return -EBADMSG;
}

static void mark_changed(struct model *m, const struct change *c)
{
	struct life *l = c->life ? model_life(m, c->life) : NULL;
	struct vm *vm = c->vm ? model_vm(m, c->vm) : l ? l->vm : NULL;

	if (vm)
		vm->changed_at = c->seq;
	if (vm && c->kind == CHANGE_LEASE)
		vm->leases_at = c->seq;
}

int model_apply(struct model *m, struct change *c)
{
	int r = apply(m, c);

	if (r < 0)
		return r;
	if (c->seq > m->seq)
		m->seq = c->seq;
	mark_changed(m, c);
	return 0;
}
