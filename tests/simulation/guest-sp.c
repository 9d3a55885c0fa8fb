/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Guests' requests to SPs, seen from the SPs and from the wire: a request leaves once at most, for an SP that was told of
 * its VM, and nobody's id and memory go while an SP has his call. What a guest hears of it is judged in guest.c.
 */

#include <inttypes.h>
#include <string.h>

#include "tests/simulation/guest-sp.h"
#include "tests/simulation/sim.h"

bool guest_call_is_lost(const struct fake_sp *sp)
{
	return sp->guest_lost || sp->doubtful || sp->hostile;
}

/* The SP gets to the end of it. */
void guest_served(struct world *w, struct fake_sp *sp, uint32_t token)
{
	struct message *m = guest_message(w, token);

	if (m && m->responded)
		fail(w, "P5", "request %u comes to SP %04x twice", token, sp->id);
	if (m)
		m->delivered = m->responded = true;
}

/* An answer to a guest's call that is none of the SP: of it, or of an instance, or of the way there, something is lost. */
void guest_refused(struct world *w, const struct secure_call *c, const struct secure_reply *r)
{
	bool broken = r->verdict == VERDICT_ABORTED || r->verdict == VERDICT_BROKEN || r->verdict == VERDICT_IDLE ||
		(c->run && r->kind == CALL_NONE);

	for (size_t i = 0; i < SIM_MESSAGES_MAX && broken; i++)
		if (w->message[i].token && w->message[i].to == c->sp && w->message[i].life == c->life)
			w->message[i].may_abort = true;
}

/* Who waits for the answer of this SP may wait in vain: it restarted, or the link broke. */
void guest_answers_lost(struct world *w, const struct fake_sp *sp)
{
	for (size_t i = 0; i < SIM_MESSAGES_MAX; i++)
		if (w->message[i].token && w->message[i].to == sp->id)
			w->message[i].may_abort = true;
}

/* One of this VM's lives that are over had a call there, which may go on. */
bool guest_left_for(const struct world *w, const struct fake_sp *sp, const struct vm_row *row)
{
	for (size_t i = 0; i < SIM_MESSAGES_MAX; i++) {
		const struct message *m = &w->message[i];
		const struct life *life = m->gone_out && m->to == sp->id ? world_life((struct world *)w, m->life) : NULL;

		if (life && !strcmp(life->name, row->name) && life->state == VM_ABORTING)
			return true;
	}
	return sp_is_the_spmc(sp) && notify_left_for_spmc((struct world *)w, row);
}

void oracle_guest_call(struct world *w, struct fake_sp *sp, struct life *life, const struct secure_call *c)
{
	const struct pair *p = life ? &life->pair[sp - w->sp] : NULL;
	struct message *m = guest_message(w, (uint32_t)c->x[3]);

	if (c->run) /* of what may be nobody's any more; sp.c sees whether there is one */
		return;
	if (!life || life->gone || c->endpoint != life->endpoint) {
		fail(w, "P2", "a call of life %" PRIu64 " as id %u leaves for SP %04x", c->life, c->endpoint, sp->id);
		return;
	}
	if ((uint32_t)c->x[1] != ((uint32_t)life->endpoint << 16 | sp->id) || (uint32_t)c->x[2])
		fail(w, "P5", "life %" PRIu64 " says %x %x to SP %04x", c->life, (uint32_t)c->x[1], (uint32_t)c->x[2], sp->id);
	if (p->stored != DEBT_KNOWN && sp_wants(sp, FFA_PROP_VM_CREATED))
		fail(w, "P3", "life %" PRIu64 " calls SP %04x, which was not told of it", c->life, sp->id);
	if (p->stored != DEBT_KNOWN && sp_wants(sp, FFA_PROP_VM_DESTROYED))
		fail(w, "P1", "life %" PRIu64 " calls SP %04x, which is not owed its end", c->life, sp->id);
	if (m && m->gone_out++ && w->link.up)
		fail(w, "P5", "request %u leaves for SP %04x again", m->token, sp->id);
}

/* Nothing of a life is with an SP when it goes; what was lost with a link or a daemon nobody knows of. */
bool oracle_has_call(const struct fake_sp *sp, const struct life *life)
{
	const struct frame *f = &sp->frame;
	bool open = sp->open.open && sp->open.kind == CALL_GUEST && sp->open.life == life->number;

	return (open && !guest_call_is_lost(sp)) || (f->active && f->call.kind == CALL_GUEST && f->call.life == life->number);
}
