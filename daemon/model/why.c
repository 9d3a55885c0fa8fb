/* SPDX-License-Identifier: Apache-2.0 */
/* On whom or what unfinished business waits: always an outside party or a timer (promise P6). */
#include "model/step.h"

#include <stdio.h>

#include "base/mutant.h"
#include "model/guest_sp.h"
#include "model/order.h"
#include "model/outputs.h"

/*
 * Who is in the way of a debt that waits for the SP's single creation slot: the one before it in the line, or for the first
 * of the line the life that holds the slot. So when one leaves the line, one row changes, however long the line is.
 */
static const struct life *ahead(const struct model *m, const struct sp *sp, const struct debt *d)
{
	const struct life *l = model_life(m, sp->creator);

	if (d->link.prev != &sp->waiting)
		return debt_life(container_of(d->link.prev, struct debt, link));
	if (l && l->debt[sp->index].state == DEBT_CREATING)
		return l;
	list_for_each(l, &m->lives, all)
		if (l->debt[sp->index].state == DEBT_CREATING)
			return l;
	return NULL;
}

/* Until VM_CREATED has been tried long enough, or else as long as the sub-state lasts. */
static void on_sp(const struct sp *sp, const struct debt *d, struct wait_reason *r)
{
	r->on = WAIT_SP;
	r->sp = sp->info.id;
	r->tries = d->tries;
	r->since = d->since;
	if (!heap_node_is_out(&d->patience.node))
		r->until = d->patience.node.at;
}

static void on_vm(const char *name, struct wait_reason *r)
{
	r->on = WAIT_VM;
	snprintf(r->name, sizeof(r->name), "%s", name);
}

static bool is_unpaid(const struct sp *sp, const struct life *l)
{
	const struct debt *d = &l->debt[sp->index];

	if (l->now.state == VM_ABORTING)
		return !debt_is_done(d);
	return d->queue == QUEUE_WAITING || d->state == DEBT_CREATING;
}

/* VM_DESTROYED leaves once the bitmap is gone: until then it is the SPMC that is waited for. And it for those that come first. */
static bool waits_for_another(const struct model *m, const struct sp *sp, const struct life *l)
{
	if (bitmap_is_put_aside(sp, l))
		return true;
	return !sp_is_spmc(sp) && l->now.state == VM_ABORTING && l->debt[sp->index].state == DEBT_KNOWN && bitmap_is_owed(m, l);
}

static bool is_any_unpaid(const struct model *m, const struct life *l)
{
	for (size_t i = 0; i < m->sp_count; i++)
		if (is_unpaid(&m->sp[i], l))
			return true;
	return false;
}

static void on_secure_side(const struct model *m, const struct life *l, struct wait_reason *r)
{
	const struct sp *caller = guest_sp_holding(m, l);

	for (size_t i = 0; i < m->sp_count && m->secure_up; i++) {
		const struct sp *sp = &m->sp[i];
		const struct debt *d = &l->debt[i];
		const struct life *holder;

		if (!is_unpaid(sp, l) || waits_for_another(m, sp, l))
			continue;
		if (d->queue == QUEUE_WAITING && (holder = ahead(m, sp, d))) {
			on_vm(holder->begun.name, r);
			r->sp = sp->info.id;
			return;
		}
		on_sp(sp, d, r);
		return;
	}
	r->on = m->secure_up && caller ? WAIT_SP : WAIT_SECURE_LINK;
	if (caller)
		r->sp = caller->info.id;
}

/* The guest of a VMM that is away may not have been asked yet. */
static void of_stop(const struct life *l, struct wait_reason *r)
{
	r->on = l->connected ? WAIT_GUEST : WAIT_VMM;
	r->since = l->vm->operation.since;
	r->until = l->vm->operation.deadline;
}

/* It ends after those that need it. */
static void of_turn(const struct model *m, const struct vm *vm, struct wait_reason *r)
{
	on_vm(shutdown_waits_for(m, vm)->definition->name, r);
	r->since = m->shutdown.since;
}

static void on_lease(const struct life *l, struct wait_reason *r)
{
	const struct lease *k = lease_that_holds(l);

	if (!k || MUTANT(MUTANT_P6_LEASE_UNSAID))
		return;
	r->on = WAIT_LEASE;
	r->tries = k->is.state == LEASE_ASKED && k->holder;
	r->until = k->timer.node.at;
	snprintf(r->name, sizeof(r->name), "%s[%d]", k->is.comm, k->is.pid);
}

static void of_life(const struct model *m, const struct life *l, struct wait_reason *r)
{
	r->since = l->now.since;
	r->until = heap_node_is_out(&l->timer.node) ? 0 : l->timer.node.at;
	switch ((enum vm_substate)l->now.substate) {
	case VM_SUB_ALLOCATING:
	case VM_SUB_READY:
	case VM_SUB_PAUSING:
		r->on = WAIT_VMM;
		break;
	case VM_SUB_QUIESCING:
		r->on = WAIT_VMM;
		r->until = heap_node_is_out(&l->ladder.node) ? 0 : l->ladder.node.at;
		break;
	case VM_SUB_PRESERVED:
		r->on = MUTANT(MUTANT_P6_PRESERVED_UNSAID) ? WAIT_NOTHING : WAIT_OPERATOR;
		break;
	case VM_SUB_LEASES:
		on_lease(l, r);
		break;
	case VM_SUB_ANNOUNCING:
		on_secure_side(m, l, r);
		break;
	case VM_SUB_RETIRING:
		if (!MUTANT(MUTANT_P6_WAITS_UNSAID))
			on_secure_side(m, l, r);
		if (l->stuck)
			r->until = 0;
		break;
	case VM_SUB_RECLAIMING:
		r->on = l->vmm.pid ? WAIT_VMM : WAIT_MEMORY;
		r->until = l->vmm.pid && !heap_node_is_out(&l->ladder.node) ? l->ladder.node.at : 0;
		break;
	default:
		r->since = r->until = 0;
		if (l->vm && l->vm->life == l && l->vm->operation.operation == OP_STOP && !MUTANT(MUTANT_P6_STOP_UNSAID))
			of_stop(l, r);
		else if (l->vm && l->vm->life == l && shutdown_waits_for(m, l->vm) && !MUTANT(MUTANT_P6_SHUTDOWN_UNSAID))
			of_turn(m, l->vm, r);
		else if (is_any_unpaid(m, l)) /* an SP that restarted or came is told of a VM that runs */
			on_secure_side(m, l, r);
		break;
	}
}

/* By its id, or by its UUID in place of a VM's name. */
static void on_partition(const struct wanted_partition *p, uint64_t until, struct wait_reason *r)
{
	r->on = MUTANT(MUTANT_P6_PARTITION_UNSAID) ? WAIT_NOTHING : WAIT_SP;
	r->sp = p->id;
	r->until = until;
	for (size_t i = 0, at = 0; !p->id && i < sizeof(p->uuid); i++) {
		bool dash = i == 4 || i == 6 || i == 8 || i == 10;

		at += (size_t)snprintf(r->name + at, sizeof(r->name) - at, "%s%02x", dash ? "-" : "", p->uuid[i]);
	}
}

static void of_start(const struct model *m, const struct vm *vm, struct wait_reason *r)
{
	const char *first;

	r->since = vm->operation.since;
	first = order_unmet(m, vm);
	if (vm->partition_by && order_unmet_partition(m, vm))
		on_partition(order_unmet_partition(m, vm), order_partition_until(m, vm), r);
	else if (!heap_node_is_out(&vm->timer.node)) {
		r->on = WAIT_TIMER;
		r->until = vm->timer.node.at;
	} else if (first) {
		on_vm(first, r);
	} else if (waits_for_ids(m, vm) && !MUTANT(MUTANT_P6_IDS_UNSAID)) {
		r->on = WAIT_SECURE_LINK;
	}
}

/* What is under way now comes first; then what an older life, which was left behind, still waits for. */
void model_why(const struct model *m, const struct vm *vm, struct wait_reason *r)
{
	const struct life *old;

	*r = (struct wait_reason){ 0 };
	if (vm->life)
		of_life(m, vm->life, r);
	else if (vm->operation.operation == OP_START)
		of_start(m, vm, r);
	list_for_each(old, &vm->old, of_vm)
		if (r->on == WAIT_NOTHING)
			of_life(m, old, r);
}
