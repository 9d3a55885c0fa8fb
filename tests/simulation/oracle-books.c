/* SPDX-License-Identifier: Apache-2.0 */

/*
 * At the end, when nothing is under way: what each SP knows is what the daemon believes, what lives is known where it
 * has to be, and nothing is left of what is over. P1, and P3 where an SP was not told again.
 *
 * Excepted is, and nothing else: what an operator forgot (the SP may know it, its id is burned); an SP that restarted
 * with nobody to tell of it; one that lies, whose book says nothing; one that is never told of ends.
 */

#include <inttypes.h>
#include <string.h>

#include "tests/simulation/guest-sp.h"
#include "tests/simulation/sim.h"

static bool is_live(const struct life *life)
{
	return life->state == VM_RUNNING || (life->state == VM_CREATED && life->substate == VM_SUB_READY);
}

/* A book holds who lives, once, and nobody else. */
static void check_book(struct world *w, const struct fake_sp *sp)
{
	for (size_t i = 0; !sp->hostile && i < sp->book_count; i++) {
		struct life *life = world_life(w, sp->book[i].life);

		if (!(sp->properties & FFA_PROP_VM_DESTROYED) || (life && oracle_was_forgotten(&life->pair[sp - w->sp])))
			continue;
		if (!life || !is_live(life))
			fail(w, "P1", "SP %04x still has life %" PRIu64 ", which is over", sp->id, sp->book[i].life);
	}
	if (sp->slot.taken && !oracle_was_forgotten(&world_life(w, sp->slot.life)->pair[sp - w->sp]))
		fail(w, "P1", "SP %04x still creates life %" PRIu64, sp->id, sp->slot.life);
	if (sp->open.open && !(sp->open.kind == CALL_GUEST && guest_call_is_lost(sp))) /* nobody may have met it since */
		fail(w, "P1", "a call of ours is still open at SP %04x", sp->id);
}

/* The daemon says of each life whether the SP knows it: so does the SP. */
static void check_beliefs(struct world *w, size_t i)
{
	const struct fake_sp *sp = &w->sp[i];
	bool told = sp->properties & FFA_PROP_VM_CREATED;

	for (size_t k = 0; k < w->life_count; k++) {
		const struct life *life = w->life[k];
		const struct pair *p = &life->pair[i];
		const struct book_entry *e = sp_entry(sp, life->number);
		bool believed = p->shown == DEBT_KNOWN && p->how != HOW_UNTOLD;

		if (believed && (!e || e->state != BOOK_AVAILABLE))
			fail(w, "P3", "the daemon believes that SP %04x knows life %" PRIu64 ", which %s", sp->id,
				life->number, e ? "it has not finished with" : "it does not");
		if (told && e && !believed && !oracle_was_forgotten(p))
			fail(w, "P1", "SP %04x knows life %" PRIu64 ", the daemon believes that it does not", sp->id,
				life->number);
		if (e && e->objects > 1 && !p->doubled)
			fail(w, "P1", "SP %04x has %u objects of life %" PRIu64, sp->id, e->objects, life->number);
	}
}

/* A VMM without a life waits for something that is under way: an older life that goes, or a start. */
static void check_waiters(struct world *w)
{
	for (size_t i = 0; i < w->vmm_count; i++) {
		const struct fake_vmm *v = w->vmm[i];
		const struct vm_row *row = rows_vm(engine_rows(w->engine), v->name);

		if (v->at == VMM_NEW && v->connected && !v->refused && !v->life && (!row || (!row->life && !row->operation)))
			fail(w, "P6", "a VMM of %s waits for a life, and its VM for nothing", v->name);
	}
}

void oracle_settled(struct world *w)
{
	check_waiters(w);
	oracle_guests(w);
	oracle_notifications(w);
	for (size_t i = 0; i < w->sp_count; i++) {
		struct fake_sp *sp = &w->sp[i];

		check_book(w, sp);
		if (!sp->hostile && sp->told == sp->instance && (sp->properties & FFA_PROP_VM_DESTROYED))
			check_beliefs(w, i);
		for (size_t k = 0; k < w->life_count; k++)
			if (is_live(w->life[k]) && sp_is_to_know(sp, w->life[k]) && sp->told == sp->instance &&
				!sp_entry(sp, w->life[k]->number) && !w->life[k]->pair[i].created_refused)
				fail(w, "P3", "SP %04x restarted and was never told of life %" PRIu64 " again", sp->id,
					w->life[k]->number);
	}
	if (!w->autostarted)
		fail(w, "P4", "no daemon of this boot has started who is to start with the host");
	for (size_t k = 0; k < w->life_count; k++)
		if (!is_live(w->life[k]) && w->life[k]->memory)
			fail(w, "P2", "memory of life %" PRIu64 " is never given back", w->life[k]->number);
}

void oracle_empty(struct world *w)
{
	oracle_settled(w);
	for (size_t k = 0; k < w->life_count; k++)
		if (is_live(w->life[k]))
			fail(w, "P1", "life %" PRIu64 " outlives its VM", w->life[k]->number);
	if (rows_vm_count(engine_rows(w->engine)))
		fail(w, "P4", "%zu VMs are left after all were destroyed", rows_vm_count(engine_rows(w->engine)));
}
