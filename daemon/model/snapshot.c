/* SPDX-License-Identifier: Apache-2.0 */
/* The whole stored model as changes that build it from nothing. */
#include "model/model.h"

#include "base/mutant.h"

struct writer {
	const struct model *model;
	int (*each)(void *arg, const struct change *c);
	void *arg;
};

static int put(const struct writer *w, struct change c)
{
	c.seq = w->model->seq;
	return w->each(w->arg, &c);
}

static int put_sp(const struct writer *w, const struct sp *sp)
{
	int r = put(w, (struct change){ .kind = CHANGE_SP, .sp = sp->info });

	if (r || sp->open.kind == CALL_NONE)
		return r;
	return put(w, (struct change){ .kind = CHANGE_OPEN, .life = sp->open_life, .open = sp->open });
}

static int put_debts(const struct writer *w, const struct life *l)
{
	for (size_t i = 0; i < w->model->sp_count; i++) {
		const struct debt *d = &l->debt[i];
		struct change c = { .kind = CHANGE_DEBT,
			.life = l->number,
			.debt = { .sp = w->model->sp[i].info.id,
				.old_state = d->state,
				.state = d->state,
				.how = d->how,
				.extra = d->extra,
				.tries = d->tries,
				.deadline = d->state == DEBT_CREATING ? d->announce_by : 0 } };
		int r = d->state == DEBT_NONE && d->how == HOW_NONE ? 0 : put(w, c);

		if (r)
			return r;
	}
	return 0;
}

static int put_leases(const struct writer *w, const struct life *l)
{
	const struct lease *k;
	int r = 0;

	list_for_each(k, &l->leases, link)
		if (!r && !MUTANT(MUTANT_P4_LEASE_LOST))
			r = put(w, (struct change){ .kind = CHANGE_LEASE, .life = l->number, .lease = k->is });
	return r;
}

static int put_life(const struct writer *w, const struct life *l)
{
	struct change begun = { .kind = CHANGE_LIFE, .vm = l->vm ? l->vm->number : 0, .life = l->number, .begun = l->begun };
	int r;

	begun.begun.old = l->vm && l->vm->life != l;
	r = put(w, begun);
	if (!r)
		r = put(w, (struct change){ .kind = CHANGE_STATE, .life = l->number, .state = l->now });
	if (!r)
		r = put(w, (struct change){ .kind = CHANGE_VMM, .life = l->number, .vmm = l->vmm });
	if (!r)
		r = put_leases(w, l);
	return r ? r : put_debts(w, l);
}

static int put_vm(const struct writer *w, const struct vm *vm)
{
	const struct life *l;
	int r = put(w, (struct change){ .kind = CHANGE_VM, .vm = vm->number, .definition = vm->definition });

	if (!r && (vm->pending || vm->removal) && !MUTANT(MUTANT_P4_PENDING_LOST))
		r = put(w, (struct change){ .kind = CHANGE_PENDING,
				   .vm = vm->number,
				   .pending = { vm->pending, vm->removal ? PENDING_REMOVAL : PENDING_CHANGE } });
	list_for_each(l, &vm->old, of_vm)
		if (!r)
			r = put_life(w, l);
	if (!r && vm->life)
		r = put_life(w, vm->life);
	if (!r && (vm->operation.operation != OP_NONE || vm->operation.outcome != OUTCOME_NONE))
		r = put(w, (struct change){ .kind = CHANGE_OPERATION, .vm = vm->number, .operation = vm->operation });
	if (!r && vm->bound.active)
		r = put(w, (struct change){ .kind = CHANGE_BOUND, .vm = vm->number, .bound = vm->bound });
	if (!r && (vm->end_life || vm->end.cause)) /* also that of a start which came to no life */
		r = put(w, (struct change){ .kind = CHANGE_END, .vm = vm->number, .life = vm->end_life, .end = vm->end });
	return r;
}

/* The longest free first. As runs: what was never used is one of them, and what was used in turn is another. */
static int put_ids(const struct writer *w)
{
	struct change c = { .kind = CHANGE_IDS };
	uint16_t last = 0;
	int r = 0;

	while (!r && !MUTANT(MUTANT_P2_ID_ORDER_LOST) && (last = ids_print(&w->model->ids, last, c.ids.order, sizeof(c.ids.order))))
		r = put(w, c);
	return r;
}

int model_snapshot(const struct model *m, int (*each)(void *arg, const struct change *c), void *arg)
{
	struct writer w = { m, each, arg };
	const struct life *l;
	const struct vm *vm;
	int r = 0;

	if (m->world_known)
		r = put(&w, (struct change){ .kind = CHANGE_WORLD, .world = m->world });
	if (!r && m->shutdown.active)
		r = put(&w, (struct change){ .kind = CHANGE_SHUTDOWN, .shutdown = m->shutdown });
	if (!r && m->autostart.done)
		r = put(&w, (struct change){ .kind = CHANGE_AUTOSTART, .autostart = m->autostart });
	for (size_t i = 0; i < m->sp_count && !r; i++)
		r = put_sp(&w, &m->sp[i]);
	list_for_each(vm, &m->vms, all)
		if (!r)
			r = put_vm(&w, vm);
	list_for_each(l, &m->lives, all)
		if (!r && !l->vm)
			r = put_life(&w, l);
	for (size_t i = 0; i < m->burned.count && !r && !MUTANT(MUTANT_P2_BURN_LOST); i++)
		r = put(&w, (struct change){ .kind = CHANGE_BURNED, .life = m->burned.at[i].life, .burned = m->burned.at[i].what });
	if (!r)
		r = put_ids(&w);
	return r;
}
