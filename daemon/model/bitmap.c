/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM's notification bitmap at the SPMC, made by FFA_NOTIFICATION_BITMAP_CREATE and taken back by ..._DESTROY (FF-A v1.2
 * s.16.4): the SPMC is one more debtor, with the queues and the table of an SP. What differs is here: when it is its turn,
 * and what DENIED means.
 *
 * The bitmap comes after every SP has answered VM_CREATED, and goes before any hears VM_DESTROYED: an OP-TEE that is its own
 * SPMC keeps it with what it knows of the VM, and no other SPMC minds.
 */
#include "model/step.h"

#include "base/mutant.h"

struct sp *bitmap_spmc(struct model *m)
{
	for (size_t i = 0; i < m->sp_count; i++)
		if (sp_is_spmc(&m->sp[i]))
			return &m->sp[i];
	return NULL;
}

/* Every SP that is to know the VM has answered, or has refused a VM that runs. */
static bool is_its_turn(const struct model *m, const struct life *l)
{
	if (MUTANT(MUTANT_P3_BITMAP_EARLY))
		return true;
	for (size_t i = 0; i < m->sp_count; i++) {
		const struct debt *d = &l->debt[i];

		if (!sp_is_spmc(&m->sp[i]) && (d->state == DEBT_CREATING || d->queue == QUEUE_WAITING))
			return false;
	}
	return true;
}

bool bitmap_is_put_aside(const struct sp *sp, const struct life *l)
{
	const struct debt *d = &l->debt[sp->index];

	return sp_is_spmc(sp) && d->state == DEBT_CREATING && d->queue == QUEUE_NONE && !(sp->out && sp->open_life == l->number);
}

void bitmap_announce(struct step *s, struct life *l)
{
	struct sp *spmc = bitmap_spmc(s->m);
	struct debt *d = spmc ? &l->debt[spmc->index] : NULL;

	if (!d || s->m->hold || life_is_over(l) || l->now.substate == VM_SUB_ALLOCATING)
		return;
	if (d->queue != QUEUE_NONE || !is_its_turn(s->m, l))
		return;
	if (d->state == DEBT_NONE && sp_wants_of(spmc, l, FFA_PROP_VM_CREATED))
		queue_debt(s, spmc, d, QUEUE_WAITING);
	else if (bitmap_is_put_aside(spmc, l))
		queue_debt(s, spmc, d, QUEUE_READY);
	else
		return;
	pump(s, spmc);
}

/*
 * Nothing is ever left open at the SPMC, so an answer that was lost keeps nobody else from it. A life that an SP has to be
 * told of anew meanwhile is put aside until that SP knows it; one that is over, until it retires.
 */
struct debt *bitmap_next(struct step *s, struct sp *spmc)
{
	struct debt *d;

	spmc->unsure = false;
	while ((d = list_first(&spmc->ready, struct debt, link)) && d->state == DEBT_CREATING &&
		(life_is_over(debt_life(d)) || !is_its_turn(s->m, debt_life(d))))
		queue_debt(s, spmc, d, QUEUE_NONE);
	return d;
}

bool bitmap_is_owed(const struct model *m, const struct life *l)
{
	for (size_t i = 0; i < m->sp_count; i++)
		if (sp_is_spmc(&m->sp[i]) && !debt_is_done(&l->debt[i]))
			return !MUTANT(MUTANT_P3_BITMAP_OUTLIVES);
	return false;
}

/*
 * One that may have been made is destroyed as one that was: the answer tells which it is, so BITMAP_CREATE need not come to
 * its end first.
 */
void bitmap_retire(struct step *s, struct life *l)
{
	struct sp *spmc = bitmap_spmc(s->m);
	struct debt *d = spmc ? &l->debt[spmc->index] : NULL;

	if (!d || (spmc->out && spmc->open_life == l->number))
		return;
	if (d->state == DEBT_CREATING && (d->dirty || d->unsure)) {
		d->tries = 0;
		d->backoff = 0;
		debt_move(s, l, d, DEBT_DESTROYING, HOW_NONE);
		queue_debt(s, spmc, d, QUEUE_READY);
	} else {
		retire_debt(s, l, spmc);
	}
	pump(s, spmc);
}

void bitmap_resume(struct step *s, struct life *l)
{
	if (!life_is_over(l))
		bitmap_announce(s, l);
	else if (bitmap_is_owed(s->m, l))
		life_advance_retire(s, l);
}

/*
 * DENIED to BITMAP_DESTROY: there is no bitmap, or something is pending in it, which FF-A does not tell apart.
 * FFA_NOTIFICATION_GET does: it takes out what is pending at each vCPU, or finds no bitmap.
 */
bool bitmap_drained(struct step *s, struct sp *sp, struct debt *d, enum verdict verdict)
{
	if (!sp_is_spmc(sp) || d->state != DEBT_DESTROYING)
		return false;
	if (!d->drain && verdict == VERDICT_DENIED) {
		d->drain = (uint8_t)debt_life(d)->begun.vcpu_count;
		if (d->drained) /* and it was set again: an SP that does so without end is not asked without end */
			send_again(s, sp, d, false);
		else
			queue_debt(s, sp, d, QUEUE_READY);
		d->drained = true;
		return true;
	}
	if (d->drain && verdict == VERDICT_ACK) {
		d->drain--;
		queue_debt(s, sp, d, QUEUE_READY);
		return true;
	}
	if (verdict == VERDICT_INVALID || verdict == VERDICT_UNSUPPORTED)
		d->drain = 0;
	return false;
}
