/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a VM's row that says what its lives owe, and where each message stands. */
#include "engine/rows.h"

#include <stdlib.h>
#include <string.h>

static enum debt_place place_of(const struct sp *sp, const struct life *l, const struct debt *d)
{
	static const uint8_t places[DEBT_QUEUE_COUNT] = {
		[QUEUE_WAITING] = PLACE_LINE,
		[QUEUE_READY] = PLACE_READY,
		[QUEUE_BACKOFF] = PLACE_BACKOFF,
		[QUEUE_STUCK] = PLACE_PROBE,
	};

	if (sp->open_life == l->number && sp->out)
		return PLACE_SENT;
	if (sp->open_life == l->number && (sp->collect || (sp->open.has_target && !sp->unsure)))
		return PLACE_OPEN; /* also of a debt that is queued to ask again: what is open is run first */
	return (enum debt_place)places[d->queue];
}

static uint64_t at(const struct deadline *d)
{
	return heap_node_is_out(&d->node) ? 0 : d->node.at;
}

/* Patience: of VM_CREATED its own, of VM_DESTROYED the life's active phase. */
static uint64_t until(const struct life *l, const struct debt *d)
{
	if (d->state == DEBT_DESTROYING && l->now.substate == VM_SUB_RETIRING)
		return at(&l->timer);
	return at(&d->patience);
}

static void write_debt(struct debt_row *row, const struct sp *sp, const struct life *l)
{
	const struct debt *d = &l->debt[sp->index];
	enum debt_place place = place_of(sp, l, d);

	*row = (struct debt_row){ .sp = sp->info.id,
		.state = d->state,
		.how = d->how,
		.stuck = d->stuck,
		.tries = d->tries,
		.sent = d->sent,
		.reply = d->reply,
		.place = (uint8_t)place,
		.endpoint = l->begun.endpoint,
		.ticket = place == PLACE_LINE ? d->ticket : 0,
		.life = l->number,
		.since = d->since,
		.next = place == PLACE_OPEN ? at(&sp->resume) : debt_speaks_at(sp, d),
		.until = until(l, d) };
}

/* Without memory fewer are shown, and it is said how many are not. */
static uint32_t make_room(struct vm_row *v, uint32_t wanted)
{
	struct debt_row *block;

	if (wanted <= v->debt_room)
		return wanted;
	block = realloc(v->debt, wanted * sizeof(*block));
	if (!block)
		return v->debt_room;
	v->debt = block;
	v->debt_room = wanted;
	return wanted;
}

static uint32_t count_old(const struct model *m, const struct vm *vm)
{
	const struct life *old;
	uint32_t n = 0;

	list_for_each(old, &vm->old, of_vm)
		for (size_t i = 0; i < m->sp_count; i++)
			n += !debt_is_done(&old->debt[i]);
	return n;
}

/* One each SP, and the SPMC if the life is to have a bitmap there. */
static bool is_shown(const struct sp *sp, const struct life *l)
{
	return !sp_is_spmc(sp) || l->begun.notifications;
}

static uint32_t count_now(const struct model *m, const struct life *l)
{
	uint32_t n = 0;

	for (size_t i = 0; l && i < m->sp_count; i++)
		n += is_shown(&m->sp[i], l);
	return n;
}

void debts_write(struct vm_row *v, const struct model *m, const struct vm *vm)
{
	uint32_t all = count_now(m, vm->life) + count_old(m, vm), room = make_room(v, all), n = 0;
	const struct life *old;

	for (size_t i = 0; vm->life && i < m->sp_count && n < room; i++)
		if (is_shown(&m->sp[i], vm->life))
			write_debt(&v->debt[n++], &m->sp[i], vm->life);
	v->debt_count = n;
	list_for_each(old, &vm->old, of_vm)
		for (size_t i = 0; i < m->sp_count && n < room; i++)
			if (!debt_is_done(&old->debt[i]))
				write_debt(&v->debt[n++], &m->sp[i], old);
	v->old_debt_count = n - v->debt_count;
	v->debts_left_out = all - n;
}

static size_t count_orphaned(const struct model *m)
{
	const struct life *l;
	size_t n = 0;

	list_for_each(l, &m->orphans, of_vm)
		for (size_t i = 0; i < m->sp_count; i++)
			n += !debt_is_done(&l->debt[i]);
	return n;
}

/* They have no VM that could be touched, and are few: written at each refresh. Without memory as many as there is room for. */
void orphans_write(struct orphan_rows *o, const struct model *m)
{
	size_t wanted = count_orphaned(m);
	struct orphan_row *more = wanted > o->room ? realloc(o->at, wanted * sizeof(*more)) : NULL;
	const struct life *l;

	if (more) {
		o->at = more;
		o->room = wanted;
	}
	o->count = 0;
	list_for_each(l, &m->orphans, of_vm) {
		for (size_t i = 0; i < m->sp_count && o->count < o->room; i++) {
			if (debt_is_done(&l->debt[i]))
				continue;
			write_debt(&o->at[o->count].debt, &m->sp[i], l);
			o->at[o->count].life = old_life_row(l);
			memcpy(o->at[o->count++].name, l->begun.name, sizeof(l->begun.name));
		}
	}
}
