/* SPDX-License-Identifier: Apache-2.0 */

/*
 * P3, order: who may enter when, what may go over the wire when. Read from the SPs' books and the VMMs themselves. What
 * an SP did that the daemon was not told of, or had no time to think about, is not held against it.
 */

#include <inttypes.h>

#include "tests/simulation/guest-sp.h"
#include "tests/simulation/sim.h"

static bool restart_is_known(const struct fake_sp *sp)
{
	return !sp->hostile && sp->known == sp->instance && sp->told == sp->instance;
}

void oracle_enter(struct world *w, struct life *life)
{
	for (size_t i = 0; i < w->sp_count; i++) {
		const struct fake_sp *sp = &w->sp[i];
		const struct book_entry *e = sp_entry(sp, life->number);

		if (sp_is_to_know(sp, life) && restart_is_known(sp) && (!e || e->state == BOOK_FRESH))
			fail(w, "P3", "life %" PRIu64 " may enter, SP %04x has not answered VM_CREATED with 0",
				life->number, sp->id);
	}
	if (life->proven && fleet_has_vmm(w, life->number, true))
		fail(w, "P3", "life %" PRIu64 " may enter after it was quiesced for good", life->number);
	life->enter_at = w->now;
	life->enter = true;
	sp_learns(w, life->number);
}

/* The daemon knows that the SP restarted or left: it must not count a live VM as known there any more. */
void oracle_known(struct world *w, struct fake_sp *sp)
{
	size_t i = (size_t)(sp - w->sp);

	for (size_t k = 0; k < w->life_count; k++) {
		const struct life *life = w->life[k];
		const struct pair *p = &life->pair[i];

		if (life->state != VM_RUNNING || p->shown != DEBT_KNOWN || p->how == HOW_UNTOLD)
			continue;
		if (!sp->known || (restart_is_known(sp) && p->created_in != sp->instance))
			fail(w, "P3", "SP %04x restarted or left, and life %" PRIu64 " still counts as known there",
				sp->id, life->number);
	}
}

void oracle_entry(struct world *w, struct life *life)
{
	if (!life->enter)
		fail(w, "P3", "vCPU 0 of life %" PRIu64 " enters uncommanded", life->number);
	for (size_t i = 0; i < w->sp_count; i++) {
		const struct fake_sp *sp = &w->sp[i];
		const struct book_entry *e = sp_entry(sp, life->number);

		if (sp_is_to_know(sp, life) && restart_is_known(sp) && sp->known_since < life->enter_at &&
			(!e || e->state != BOOK_AVAILABLE))
			fail(w, "P3", "vCPU 0 of life %" PRIu64 " enters, SP %04x does not have it", life->number,
				sp->id);
	}
}

/* A liar's 0 may have been for another call, and its image changes as it likes: then it is asked again. */
static void check_created(struct world *w, const struct fake_sp *sp, const struct life *life, const struct pair *p)
{
	if (sp->hostile)
		return;
	if (p->created_ok && !p->unsure && p->created_in == sp->instance)
		fail(w, "P1", "VM_CREATED of life %" PRIu64 " goes to SP %04x again, which answered 0", life->number,
			sp->id);
}

static void check_destroyed(struct world *w, const struct fake_sp *sp, const struct life *life, const struct pair *p)
{
	/* An OP-TEE-like SP counts: before a VM_CREATED of unknown outcome is sent again, its object goes. */
	bool undoes = sp->profile == PROFILE_OPTEE && p->stored == DEBT_CREATING;

	if (p->stored == DEBT_CREATING && !undoes)
		fail(w, "P3", "VM_DESTROYED of life %" PRIu64 " goes to SP %04x, VM_CREATED has not come to 0",
			life->number, sp->id);
	if (p->created_retry && p->created_in == sp->instance)
		fail(w, "P3", "VM_DESTROYED of life %" PRIu64 " goes to SP %04x, VM_CREATED is at RETRY", life->number,
			sp->id);
	if (p->destroyed_ok && !p->unsure && !p->doubled && !undoes)
		fail(w, "P1", "VM_DESTROYED of life %" PRIu64 " goes to SP %04x again, which answered 0", life->number,
			sp->id);
	/* A VMM that was never told ENTER has no vCPU that could be in the guest. */
	if (life->enter && !life->proven && fleet_has_vmm(w, life->number, true))
		fail(w, "P3", "VM_DESTROYED of life %" PRIu64 " goes to SP %04x before the quiesce is proven",
			life->number, sp->id);
	if (!undoes && !sp_is_the_spmc(sp) && (sp->properties & FFA_PROP_VM_CREATED) && restart_is_known(sp) && p->created_in != sp->instance)
		fail(w, "P3", "SP %04x restarted and hears of life %" PRIu64 "'s end before its creation", sp->id,
			life->number);
}

/*
 * A bitmap is asked for once every SP knows the VM, and is gone before any hears of its end. One that came once the life was
 * over, which is kept for a post-mortem, is not told of it any more.
 */
static void check_bitmap(struct world *w, const struct fake_sp *sp, const struct life *life, const struct secure_call *c)
{
	bool undoes = sp->profile == PROFILE_OPTEE && life->pair[sp - w->sp].stored == DEBT_CREATING;

	for (size_t i = 0; i < w->sp_count; i++) {
		const struct fake_sp *other = &w->sp[i];
		const struct book_entry *e = sp_entry(other, life->number);

		if (sp_is_the_spmc(sp) && c->kind == CALL_CREATED && life->state != VM_ABORTING && other != sp && sp_is_to_know(other, life) &&
			restart_is_known(other) && (!e || e->state == BOOK_FRESH) && !life->pair[i].created_refused)
			fail(w, "P3", "a notification bitmap is asked for life %" PRIu64 ", which SP %04x does not know yet",
				life->number, other->id);
		if (sp_is_the_spmc(other) && other != sp && c->kind == CALL_DESTROYED && !undoes && e &&
			!oracle_was_forgotten(&life->pair[i]))
			fail(w, "P3", "SP %04x hears of the end of life %" PRIu64 ", whose notification bitmap is there still",
				sp->id, life->number);
	}
}

void oracle_call(struct world *w, struct committed proof, const struct secure_call *c)
{
	struct fake_sp *sp = link_sp(w, c->sp);
	struct life *life = world_life(w, c->life);
	struct pair *p = life ? &life->pair[sp - w->sp] : NULL;

	oracle_act(w, proof);
	if (c->kind == CALL_GUEST && sp_is_the_spmc(sp)) {
		oracle_notification_call(w, life, c);
		return;
	}
	if (c->kind == CALL_GUEST) {
		oracle_guest_call(w, sp, life, c);
		return;
	}
	if (!p) {
		fail(w, "P4", "a frame leaves for life %" PRIu64 ", which is not stored", c->life);
		return;
	}
	if (!c->run && c->endpoint != life->endpoint) /* FFA_RUN names no VM: its life may be gone with an instance */
		fail(w, "P1", "life %" PRIu64 " has id %u, a frame names %u", c->life, life->endpoint, c->endpoint);
	if (c->run || oracle_was_forgotten(p)) /* its call may be open there: it is repeated until it is over */
		return;
	check_bitmap(w, sp, life, c);
	if (c->kind == CALL_DRAINED) {
		if (p->stored != DEBT_DESTROYING)
			fail(w, "P4", "notifications of life %" PRIu64 " are taken, the intent is not stored", c->life);
		return;
	}
	if (c->kind == CALL_CREATED) {
		if (sp->doubtful && p->created_ok) { /* nobody can know whether it is told twice */
			p->unsure = true;
			p->unsure_in = p->created_in;
		}
		check_created(w, sp, life, p);
		if (p->stored != DEBT_CREATING)
			fail(w, "P4", "VM_CREATED of life %" PRIu64 " leaves, its intent is not stored", c->life);
		if (!w->link.up)
			return; /* it reaches nobody */
		/* A guest that runs cannot be told gone to make sure: an OP-TEE-like SP may count it twice until its
		 * end. */
		p->doubled = sp->profile == PROFILE_OPTEE && (p->doubled || p->unsure);
		p->created_in = sp->instance;
		if (!p->first_in)
			p->first_in = sp->tells_generation ? sp->told : sp->instance;
		p->world = w->world_instance;
		p->created_ok = p->created_refused = p->destroyed_ok = p->destroyed_unknown = false;
	} else {
		check_destroyed(w, sp, life, p);
		if (p->stored == DEBT_DESTROYING) /* it is the end, and does not make way for another VM_CREATED */
			oracle_leases_end(w, life->number);
		if (p->stored != DEBT_DESTROYING && sp->profile != PROFILE_OPTEE)
			fail(w, "P4", "VM_DESTROYED of life %" PRIu64 " leaves, its intent is not stored", c->life);
	}
}
