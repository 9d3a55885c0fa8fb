/* SPDX-License-Identifier: Apache-2.0 */

/*
 * P1, every debt is settled exactly once, and P2, nothing is reused early: told from the SPs' books, the wire and what
 * the event stream claims. A claim that is false where the outcome was unknown breaks P2 (an id would come back early),
 * else P1.
 */

#include <inttypes.h>
#include <string.h>

#include "tests/simulation/guest-sp.h"
#include "tests/simulation/sim.h"

LIFECYCLE_NAME_TABLE(how_names, DEBT_HOWS);

/* Whoever forgets takes it upon himself that the SP may know the life for ever. What it costs is the id. */
bool oracle_was_forgotten(const struct pair *p)
{
	return p->stored == DEBT_SETTLED && p->stored_how == HOW_FORGOT;
}

/* It has the life in its book, or will have by what it was sent. */
static bool holds(const struct fake_sp *sp, uint64_t life)
{
	const struct frame *f = &sp->frame;

	return sp_entry(sp, life) || (sp->slot.taken && sp->slot.life == life) ||
	       (sp->open.open && sp->open.life == life && sp->open.kind == CALL_CREATED) ||
	       (f->active && !f->executed && f->call.life == life && f->call.kind == CALL_CREATED &&
		       f->instance == sp->instance);
}

/*
 * Whether the SP may still have the life in its book, as far as anybody outside can know. Who gets no end is not asked,
 * nor is one that lies: what it said is all that anybody has.
 */
bool oracle_may_hold(struct world *w, const struct life *life, size_t i)
{
	const struct fake_sp *sp = &w->sp[i];
	const struct pair *p = &life->pair[i];

	if (sp->hostile || !(sp->properties & FFA_PROP_VM_DESTROYED))
		return false;
	return holds(sp, life->number) || (p->unsure && p->unsure_in == sp->instance && sp->present);
}

/* One that is over has no say about the next. */
static void note_announce(struct world *w, struct pair *p, const struct change *c)
{
	if (c->debt.state == DEBT_KNOWN) {
		p->announce_until = 0;
		p->announced = true;
	}
	if (c->debt.state != DEBT_CREATING)
		return;
	if (p->announced && c->debt.deadline && c->debt.deadline == p->announce_by)
		fail(w, "P6", "life %" PRIu64 " is announced to SP %04x anew, with the time of an announce that is over", c->life,
			c->debt.sp);
	p->announced = false;
	p->announce_by = c->debt.deadline;
}

static void note_stored(struct world *w, struct pair *p, const struct change *c)
{
	note_announce(w, p, c);
	p->stored = c->debt.state;
	p->stored_how = c->debt.how;
	p->stored_seq = c->seq;
}

void oracle_stored(struct world *w, const struct turn *turn)
{
	uint64_t last = w->disk.last_seq;

	if (turn->first_seq <= last || turn->last_seq < turn->first_seq)
		fail(w, "P4", "a turn %" PRIu64 "-%" PRIu64 " is stored after %" PRIu64, turn->first_seq,
			turn->last_seq, last);
	oracle_policies(w, turn);
	oracle_definitions(w, turn);
	for (size_t i = 0; i < turn->count; i++) {
		const struct change *c = &turn->change[i];
		struct life *life = world_life(w, c->life);
		struct fake_sp *sp;

		if (c->seq <= last || c->seq > turn->last_seq)
			fail(w, "P4", "change %" PRIu64 " is stored after %" PRIu64, c->seq, last);
		last = c->seq;
		oracle_ids(w, c);
		if (c->kind == CHANGE_LIFE)
			(void)world_add_life(w, c);
		sp = c->kind == CHANGE_DEBT ? link_sp(w, c->debt.sp) : NULL;
		if (c->kind == CHANGE_AUTOSTART)
			w->autostarted = c->autostart.done;
		if (life && c->kind == CHANGE_LIFE_GONE)
			life->gone = true, life->gone_at = c->seq;
		if (life && life->unborn && c->kind == CHANGE_STATE && c->state.cause == CAUSE_VMM_GONE)
			fail(w, "P4", "life %" PRIu64 " is over before a VMM was given it: its start was promised", life->number);
		if (life && c->kind == CHANGE_STATE && c->state.cause == CAUSE_VMM_PROTOCOL && !life->broke)
			fail(w, "P5", "life %" PRIu64 " is ended for what its VMM has not done: %s", life->number, c->state.text);
		if (life && c->kind == CHANGE_STATE) {
			life->stored_quiesced = c->state.quiesced;
			life->stored_substate = c->state.substate;
			life->stored_since = c->state.since;
		}
		if (life && sp && c->debt.state == DEBT_DESTROYING && life->stored_substate == VM_SUB_PRESERVED)
			fail(w, "P3", "SP %04x is to be told of the end of life %" PRIu64 ", which is kept", sp->id, life->number);
		oracle_leases_stored(w, c);
		if (life && sp)
			note_stored(w, &life->pair[sp - w->sp], c);
	}
}

void oracle_reply(struct world *w, const struct secure_call *c, const struct secure_reply *r)
{
	struct fake_sp *sp = link_sp(w, c->sp);
	struct life *life = world_life(w, c->life);
	struct pair *p = life ? &life->pair[sp - w->sp] : NULL;

	if (c->kind == CALL_GUEST)
		guest_refused(w, c, r);
	if (!p)
		return;
	/* What an earlier instance may have taken is gone with it. */
	for (size_t i = 0; r->verdict == VERDICT_ABORTED && i < w->life_count; i++)
		w->life[i]->pair[sp - w->sp].unsure = false;
	if (c->kind == CALL_GUEST || r->kind == CALL_GUEST)
		return;
	if (r->kind == CALL_NONE) {
		if (r->verdict == VERDICT_UNKNOWN_SP) {
			p->created_refused |= c->kind == CALL_CREATED;
			p->unsure = false;
		}
		return;
	}
	if (r->verdict == VERDICT_INTERRUPTED)
		return;
	if (r->kind == CALL_DRAINED) { /* whether there is a bitmap, is all that it says */
		p->destroyed_unknown |= r->verdict == VERDICT_INVALID;
		p->unsure = p->unsure && r->verdict != VERDICT_INVALID;
		return;
	}
	if (r->kind == CALL_CREATED) {
		p->created_retry = r->verdict == VERDICT_RETRY;
		p->created_ok = r->verdict == VERDICT_ACK || (r->verdict == VERDICT_INVALID && p->unsure);
		p->created_refused = !p->created_ok && !p->created_retry;
	} else {
		p->destroyed_ok |= r->verdict == VERDICT_ACK;
		p->destroyed_unknown |= r->verdict == VERDICT_INVALID;
		if (r->verdict == VERDICT_ACK)
			p->created_ok = p->created_retry = false;
	}
	p->unsure = false;
}

void oracle_executed(struct world *w, const struct fake_sp *sp, const struct secure_call *c, uint32_t instance)
{
	for (size_t i = 0; i < sp->book_count; i++)
		if (sp->book[i].objects > 1 && !world_life(w, sp->book[i].life)->pair[sp - w->sp].doubled)
			fail(w, "P1", "SP %04x has %u objects of life %" PRIu64, sp->id, sp->book[i].objects,
				sp->book[i].life);
}

static bool how_is_true(struct world *w, const struct life *life, size_t i, enum debt_how how)
{
	const struct fake_sp *sp = &w->sp[i];
	const struct pair *p = &life->pair[i];

	switch (how) {
	case HOW_ANSWERED:
		return p->destroyed_ok;
	case HOW_SP_UNKNOWN:
		return p->destroyed_unknown;
	case HOW_SP_GONE:
		return sp->hostile || sp->instance != p->created_in || !sp->present ||
		       (sp->instance != p->first_in && !holds(sp, life->number)) || /* the new one took nothing */
		       (sp->died == sp->instance && !sp_entry(sp, life->number));
	case HOW_WORLD_GONE:
		return p->world != w->world_instance;
	case HOW_FORGOT:
		return p->forget_asked;
	case HOW_NOT_SUBSCRIBED:
		return !(sp->properties & FFA_PROP_VM_DESTROYED);
	default:
		return false;
	}
}

/*
 * A claim that is false breaks P2 where the outcome is unknown, P3 where the SP that knew the life restarted or left
 * and the daemon was told and went on as if it had not, else P1.
 */
static const char *which_promise(const struct world *w, const struct life *life, size_t i)
{
	const struct fake_sp *sp = &w->sp[i];
	const struct pair *p = &life->pair[i];

	if (p->unsure)
		return "P2";
	return p->shown == DEBT_KNOWN && (!sp->told || (sp->told == sp->instance && p->created_in != sp->instance))
		       ? "P3"
		       : "P1";
}

static void settled(struct world *w, struct life *life, size_t i, const struct event_record *e)
{
	struct pair *p = &life->pair[i];

	if (p->settled++)
		fail(w, "P1", "life %" PRIu64 " settles twice with SP %04x", life->number, e->sp);
	if (!how_is_true(w, life, i, e->how))
		fail(w, which_promise(w, life, i),
			"life %" PRIu64 " is settled with SP %04x by %s, which did not happen", life->number, e->sp,
			e->how < DEBT_HOW_COUNT ? how_names[e->how] : "?");
	/* A real SP may be so slow that an operator loses patience. */
	if (!w->faults.kinds && e->how != HOW_ANSWERED && e->how != HOW_NOT_SUBSCRIBED &&
		!(e->how == HOW_FORGOT && w->side == &real_side))
		fail(w, "P1", "without a fault, life %" PRIu64 " is settled with SP %04x by %s", life->number, e->sp,
			how_names[e->how]);
	if (e->how < DEBT_HOW_COUNT)
		w->stats.how[e->how]++;
}

/* Own statement of how a debt may move. */
static bool debt_may_move(uint8_t from, uint8_t to)
{
	static const uint8_t to_from[DEBT_STATE_COUNT] = {
		[DEBT_NONE] =
			1 << DEBT_CREATING | 1 << DEBT_KNOWN, /* refused; or the SP is gone and the life goes on */
		[DEBT_CREATING] = 1 << DEBT_NONE | 1 << DEBT_KNOWN,
		[DEBT_KNOWN] = 1 << DEBT_CREATING | 1 << DEBT_NONE,
		[DEBT_DESTROYING] = 1 << DEBT_KNOWN | 1 << DEBT_CREATING,
		[DEBT_SETTLED] = 1 << DEBT_CREATING | 1 << DEBT_KNOWN | 1 << DEBT_DESTROYING,
	};

	return to < DEBT_STATE_COUNT && from < DEBT_STATE_COUNT && (from == to || (to_from[to] & (1 << from)));
}

void oracle_event(struct world *w, const struct event_record *e)
{
	struct life *life = world_life(w, e->life);
	struct fake_sp *sp = link_sp(w, e->sp);
	struct pair *p;

	if (!life || !sp) {
		fail(w, "P4", "event %" PRIu64 " tells of a life or an SP that is not there", e->seq);
		return;
	}
	p = &life->pair[sp - w->sp];
	if (e->old_state != p->shown)
		fail(w, "P4", "event %" PRIu64 " moves a debt from %u, it was at %u", e->seq, e->old_state, p->shown);
	if (!debt_may_move(e->old_state, e->new_state))
		fail(w, "P1", "the debt of life %" PRIu64 " to SP %04x moves from %u to %u", e->life, e->sp,
			e->old_state, e->new_state);
	if (e->new_state == DEBT_KNOWN && e->how == HOW_UNTOLD) {
		p->created_in = sp->known;
		p->world = w->known_world;
	}
	if (e->new_state == DEBT_SETTLED)
		settled(w, life, (size_t)(sp - w->sp), e);
	else if (e->new_state == DEBT_NONE && p->shown != DEBT_NONE && e->seq == p->stored_seq &&
		 oracle_may_hold(w, life, (size_t)(sp - w->sp)))
		fail(w, p->unsure ? "P2" : "P1", "life %" PRIu64 " owes SP %04x nothing any more, which may have it",
			e->life, e->sp);
	p->shown = e->new_state;
	p->how = e->how;
}

/* Memory goes: every SP let go, every VMM is dead. What the stream says of the debt tells which promise broke. */
void oracle_reclaim(struct world *w, struct life *life)
{
	if (life->boot != w->boot)
		return; /* that kernel is no more, nor is the memory */
	if (life->stored_substate == VM_SUB_PRESERVED)
		fail(w, "P2", "memory of life %" PRIu64 " is removed, which is kept", life->number);
	if (fleet_has_vmm(w, life->number, true))
		fail(w, "P2", "memory of life %" PRIu64 " is removed under its living VMM", life->number);
	for (size_t i = 0; i < w->sp_count; i++) {
		const struct pair *p = &life->pair[i];
		bool owed = p->shown == DEBT_CREATING || p->shown == DEBT_KNOWN || p->shown == DEBT_DESTROYING;

		if (oracle_has_call(&w->sp[i], life) && !p->forget_asked)
			fail(w, "P2", "memory of life %" PRIu64 " is removed, SP %04x has a call of it", life->number, w->sp[i].id);
		if (oracle_may_hold(w, life, i) && !oracle_was_forgotten(p))
			fail(w, owed || p->unsure ? "P2" : "P1", "memory of life %" PRIu64 " is removed, SP %04x %s",
				life->number, w->sp[i].id, owed ? "is still owed its end" : "was forgotten");
	}
}
