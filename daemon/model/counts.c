/* SPDX-License-Identifier: Apache-2.0 */
/* Counting what is shown of the secure side and of all lives. Whatever is counted here is counted in the turn that decided it. */
#include "model/step.h"

#include "base/mutant.h"

void count_queue(struct sp *sp, const struct debt *d, enum debt_queue to)
{
	if (d->queue != QUEUE_NONE)
		sp->counts.queued[d->queue]--;
	if (to != QUEUE_NONE)
		sp->counts.queued[to]++;
}

void count_send(struct step *s, struct debt *d)
{
	uint64_t waited = (s->now - d->since) / 1000;

	if (d->tries++ == 0)
		d->first_sent = waited < UINT32_MAX ? (uint32_t)waited : UINT32_MAX;
	d->sent++;
}

void count_reply(struct step *s, struct sp *sp, enum verdict verdict)
{
	struct life *l = model_life(s->m, sp->open_life);

	sp->counts.verdict[verdict]++;
	if (!l)
		return;
	l->debt[sp->index].reply = (uint8_t)(1 + verdict);
	touch(s, l->vm);
}

static struct step_counts *step_of(struct sp *sp, enum debt_state state)
{
	if (state == DEBT_CREATING)
		return &sp->counts.created;
	return state == DEBT_DESTROYING ? &sp->counts.destroyed : NULL;
}

void count_move(struct step *s, const struct debt *d, enum debt_state to, enum debt_how how)
{
	struct sp *sp = &s->m->sp[d->index];
	struct step_counts *step = step_of(sp, (enum debt_state)d->state);
	uint64_t age = (s->now - d->since) / 1000;

	if (to == DEBT_SETTLED || how == HOW_REJECTED)
		sp->counts.how[how]++;
	if (!step || to == (enum debt_state)d->state || d->tries == 0)
		return;
	histogram_add(&step->retries, d->tries - 1);
	histogram_add(&step->latency, age > d->first_sent ? age - d->first_sent : 0);
}

static void count_phase(struct step *s, const struct life *l)
{
	if (s->now > l->now.since)
		histogram_add(&s->m->counts.phase[l->now.substate], (s->now - l->now.since) / 1000);
}

static void count_state(struct step *s, const struct change_state *to, const struct life *l)
{
	if (to->state == to->old_state && to->substate == to->old_substate)
		return;
	count_phase(s, l);
	if (to->state == VM_ABORTING && to->old_state != VM_ABORTING &&
		!(MUTANT(MUTANT_P4_END_UNCOUNTED) && to->cause == CAUSE_USER_ABORT))
		s->m->counts.ended[to->cause]++;
}

void count_change(struct step *s, const struct change *c)
{
	struct model_counts *n = &s->m->counts;
	const struct life *l = c->life ? model_life(s->m, c->life) : NULL;
	const struct vm *vm;

	if (c->kind == CHANGE_LIFE) {
		vm = model_vm(s->m, c->vm);
		n->begun++;
		n->restarted += vm && vm->operation.operation == OP_RESTART;
	}
	if (c->kind == CHANGE_STATE && l)
		count_state(s, &c->state, l);
	if (c->kind == CHANGE_LIFE_GONE && l) {
		count_phase(s, l);
		n->settled++;
	}
}

void count_refused(struct step *s, struct vm *vm)
{
	vm->refused++;
	s->m->counts.refused++;
}
