/* SPDX-License-Identifier: Apache-2.0 */
/* Counting what is shown of the secure side. Whatever is counted here is counted in the turn that decided it. */
#include "model/step.h"

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
