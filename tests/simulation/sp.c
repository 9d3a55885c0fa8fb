/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The fake SPs: three kinds of receivers of VM availability messages, told here from measurements of real ones, with
 * books of their own. Around them the noise that any direct request meets: preempted, yielded, busy, interrupted.
 *   Trusty-like  never allocates in the call: RETRY, a thread, then 0; one slot for a creation; notifiers before an end
 *   OP-TEE-like  no check for duplicates: a second VM_CREATED makes a second object; VM_DESTROYED is always 0
 *   strict       0 once, INVALID_PARAMETERS for whatever does not fit
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/simulation/guest-sp.h"
#include "tests/simulation/sim.h"

bool sp_wants(const struct fake_sp *sp, uint32_t property)
{
	return sp->present && (sp->properties & FFA_PROP_DIRECT_REQ_RECEIVE) && (sp->properties & property);
}

bool sp_is_the_spmc(const struct fake_sp *sp)
{
	return sp->profile == PROFILE_SPMC;
}

bool sp_is_to_know(const struct fake_sp *sp, const struct life *life)
{
	return sp_wants(sp, FFA_PROP_VM_CREATED) && (!sp_is_the_spmc(sp) || life->notifications);
}

struct book_entry *sp_entry(const struct fake_sp *sp, uint64_t life)
{
	for (size_t i = 0; i < sp->book_count; i++)
		if (sp->book[i].life == life)
			return &sp->book[i];
	return NULL;
}

static struct book_entry *entry_of(struct fake_sp *sp, uint16_t endpoint)
{
	for (size_t i = 0; i < sp->book_count; i++)
		if (sp->book[i].endpoint == endpoint)
			return &sp->book[i];
	return NULL;
}

static struct book_entry *write_down(struct fake_sp *sp, uint16_t endpoint, uint64_t life, enum book_state state)
{
	struct book_entry *e;

	if (sp->book_count == sp->book_size) {
		sp->book_size = sp->book_size ? 2 * sp->book_size : 16;
		sp->book = realloc(sp->book, sp->book_size * sizeof(*sp->book));
		if (!sp->book)
			abort();
	}
	e = &sp->book[sp->book_count++];
	*e = (struct book_entry) { life, endpoint, (uint8_t)state, 1 };
	return e;
}

static void strike_out(struct fake_sp *sp, struct book_entry *e)
{
	*e = sp->book[--sp->book_count];
}

/* The guest may talk to an SP that asked for ends alone from its first instruction on. */
void sp_learns(struct world *w, uint64_t number)
{
	struct life *life = world_life(w, number);

	for (size_t i = 0; i < w->sp_count; i++) {
		struct fake_sp *sp = &w->sp[i];

		if (sp_wants(sp, FFA_PROP_VM_DESTROYED) && !(sp->properties & FFA_PROP_VM_CREATED) &&
			!sp->dead && sp->known == sp->instance && !sp_entry(sp, number))
			(void)write_down(sp, life->endpoint, number, BOOK_AVAILABLE);
	}
}

static void thread_allocates(struct world *w, uint64_t id, uint64_t instance, void *data)
{
	struct fake_sp *sp = link_sp(w, (uint16_t)id);

	if (sp->instance != instance || !sp->slot.taken)
		return;
	(void)write_down(sp, sp->slot.endpoint, sp->slot.life, BOOK_FRESH);
	sp->slot.taken = false;
	if (sp->rings)
		link_doorbell(w, sp);
}

static void thread_notified(struct world *w, uint64_t id_instance, uint64_t life, void *data)
{
	struct fake_sp *sp = link_sp(w, (uint16_t)id_instance);
	struct book_entry *e = sp_entry(sp, life);

	if (sp->instance != id_instance >> 16 || !e || e->state != BOOK_NOTIFYING)
		return;
	e->state = BOOK_NOTIFIED;
	if (sp->rings)
		link_doorbell(w, sp);
}

static uint64_t work(struct world *w)
{
	return w->now + random_between(&w->random, 20 * US, random_chance(&w->random, 50) ? 200 * MS : 2 * MS);
}

static enum verdict trusty_created(struct world *w, struct fake_sp *sp, const struct secure_call *c)
{
	struct book_entry *e = entry_of(sp, c->endpoint);

	if (e && e->state == BOOK_FRESH) {
		e->state = BOOK_AVAILABLE;
		return VERDICT_ACK;
	}
	if (e)
		return VERDICT_INVALID;
	if (!sp->slot.taken) {
		sp->slot.taken = true;
		sp->slot.endpoint = c->endpoint;
		sp->slot.life = c->life;
		queue_put(&w->queue, work(w), thread_allocates, sp->id, sp->instance, NULL);
	}
	return VERDICT_RETRY;
}

static enum verdict trusty_destroyed(struct world *w, struct fake_sp *sp, const struct secure_call *c)
{
	struct book_entry *e = entry_of(sp, c->endpoint);

	if (!e || e->state == BOOK_FRESH)
		return VERDICT_INVALID;
	if (e->state == BOOK_NOTIFIED) {
		strike_out(sp, e);
		return VERDICT_ACK;
	}
	if (e->state == BOOK_AVAILABLE) {
		e->state = BOOK_NOTIFYING;
		queue_put(&w->queue, work(w), thread_notified, (uint64_t)sp->instance << 16 | sp->id, e->life, NULL);
	}
	return VERDICT_RETRY;
}

static enum verdict optee(struct fake_sp *sp, const struct secure_call *c)
{
	struct book_entry *e = entry_of(sp, c->endpoint);

	if (c->kind == CALL_CREATED) {
		if (!e)
			(void)write_down(sp, c->endpoint, c->life, BOOK_AVAILABLE);
		else
			e->objects++;
	} else if (e && !--e->objects) {
		strike_out(sp, e);
	}
	return VERDICT_ACK;
}

static enum verdict strict(struct fake_sp *sp, const struct secure_call *c)
{
	struct book_entry *e = entry_of(sp, c->endpoint);

	if (c->kind == CALL_CREATED) {
		if (e)
			return VERDICT_INVALID;
		(void)write_down(sp, c->endpoint, c->life, BOOK_AVAILABLE);
		return VERDICT_ACK;
	}
	if (!e)
		return VERDICT_INVALID;
	strike_out(sp, e);
	return VERDICT_ACK;
}

/* Subscribed to one kind alone: the other kind never comes, so it cannot be strict about it. */
static enum verdict half(struct fake_sp *sp, const struct secure_call *c)
{
	struct book_entry *e = entry_of(sp, c->endpoint);

	if (e)
		strike_out(sp, e);
	if (c->kind == CALL_CREATED)
		(void)write_down(sp, c->endpoint, c->life, BOOK_AVAILABLE);
	return VERDICT_ACK;
}

/* Partition messages: the payload comes back. */
static enum verdict serve_guest(struct world *w, struct fake_sp *sp, const struct secure_call *c, struct secure_reply *ret)
{
	guest_served(w, sp, (uint32_t)c->x[3]);
	ret->x[0] = FFA_MSG_SEND_DIRECT_RESP;
	ret->x[1] = (uint32_t)sp->id << 16 | c->endpoint;
	ret->x[3] = (uint32_t)c->x[3];
	return VERDICT_ACK;
}

static enum verdict finish(struct world *w, struct fake_sp *sp, const struct secure_call *c, struct secure_reply *ret)
{
	bool created = sp->properties & FFA_PROP_VM_CREATED, destroyed = sp->properties & FFA_PROP_VM_DESTROYED;
	enum verdict v;

	ret->kind = c->kind;
	if (c->kind == CALL_GUEST)
		return serve_guest(w, sp, c, ret);
	if (!w->quiet && c->kind == CALL_CREATED && sp->profile != PROFILE_TRUSTY &&
		random_chance(&w->random, w->faults.sp_deny))
		return VERDICT_DENIED;
	if (w->now < sp->stuck_until && !w->quiet)
		return sp->profile == PROFILE_TRUSTY || c->kind == CALL_DESTROYED ? VERDICT_RETRY : VERDICT_INTERRUPTED;
	/* One that grew deaf keeps its manners, but whom it was not told the end of makes room. OP-TEE would count for ever. */
	if (sp->deaf && c->kind == CALL_CREATED && entry_of(sp, c->endpoint) && entry_of(sp, c->endpoint)->life != c->life)
		strike_out(sp, entry_of(sp, c->endpoint));
	if (created != destroyed && (!sp->deaf || sp->profile == PROFILE_OPTEE))
		v = half(sp, c);
	else if (sp->profile == PROFILE_OPTEE)
		v = optee(sp, c);
	else if (sp->profile == PROFILE_STRICT)
		v = strict(sp, c);
	else
		v = c->kind == CALL_CREATED ? trusty_created(w, sp, c) : trusty_destroyed(w, sp, c);
	oracle_executed(w, sp, c, sp->instance);
	return v;
}

static void suspend(struct world *w, struct fake_sp *sp, struct secure_reply *ret)
{
	bool yields = random_chance(&w->random, 400);

	ret->verdict = yields ? VERDICT_YIELDED : VERDICT_PREEMPTED;
	ret->target = sp->open.target;
	ret->wait_ns = yields && random_chance(&w->random, 500) ? random_between(&w->random, US, 2 * MS) : 0;
}

/* Without a fault nobody has to lose patience. */
static bool may_drag(const struct world *w)
{
	return !w->quiet && (w->faults.kinds & MISCHIEF_SP_STUCK);
}

static void run(
	struct world *w, struct fake_sp *sp, const struct secure_call *c, uint32_t instance, struct secure_reply *ret)
{
	struct secure_call open = *c;

	if (!sp->open.open) {
		if (!sp->aborted_next && sp->instance == instance)
			fail(w, "P3", "FFA_RUN to %04x, which has no open call: it panics", sp->id);
		sp->aborted_next = false;
		ret->verdict = VERDICT_ABORTED;
		return;
	}
	if (c->target != sp->open.target && c->target != FFA_TARGET(sp->id, 0))
		fail(w, "P3", "FFA_RUN of %08x at %04x, its open call said %08x", c->target, sp->id, sp->open.target);
	if (!w->quiet && random_chance(&w->random, 30)) { /* it was not even run */
		ret->verdict = may_drag(w) && random_chance(&w->random, 300) ? VERDICT_REFUSED : VERDICT_INTERRUPTED;
		if (ret->verdict == VERDICT_REFUSED) /* whether it is there still that does not say */
			link_outcome_is_unknown(w, sp, sp->open.life, sp->open.kind);
		return;
	}
	if (sp->open.runs || (may_drag(w) && w->now < sp->open.until)) {
		sp->open.runs -= sp->open.runs > 0;
		suspend(w, sp, ret);
		return;
	}
	sp->open.open = false;
	open.kind = sp->open.kind;
	open.endpoint = sp->open.endpoint;
	open.life = sp->open.life;
	open.x[3] = sp->open.token;
	sp->guest_lost = false;
	/* Whose it is where nobody knows, its answer says: of a guest its id. */
	if (open.life != c->life && open.kind != CALL_GUEST)
		fail(w, "P1", "the answer of life %" PRIu64 " at %04x is taken for that of life %" PRIu64, open.life,
			sp->id, c->life);
	ret->verdict = (uint8_t)finish(w, sp, &open, ret);
}

static void message(struct world *w, struct fake_sp *sp, const struct secure_call *c, struct secure_reply *ret)
{
	uint64_t dice = random_below(&w->random, 1000);

	if (sp->open.open || w->now < sp->busy_until) {
		ret->verdict = VERDICT_BUSY;
	} else if (dice < 60 || (w->guests_call && dice >= 400 && c->kind == CALL_GUEST)) {
		sp->open.open = true;
		sp->open.kind = c->kind;
		sp->open.endpoint = c->endpoint;
		sp->open.life = c->life;
		sp->open.token = (uint32_t)c->x[3];
		sp->guest_lost = false;
		sp->open.runs = (unsigned)random_below(&w->random, 4);
		sp->open.until = 0;
		if (may_drag(w) && c->kind == CALL_GUEST && random_chance(&w->random, 500)) /* longer than an end is waited for */
			sp->open.until = w->now + random_between(&w->random, 5 * S, 40 * S);
		sp->open.target = sp->target;
		suspend(w, sp, ret);
	} else if (dice < 80) {
		ret->verdict = VERDICT_BUSY;
	} else if (dice < 100) {
		ret->verdict = VERDICT_INTERRUPTED;
	} else {
		ret->verdict = (uint8_t)finish(w, sp, c, ret);
	}
}

/* SPs may have set something for a VM at any time; what is pending keeps a bitmap from being destroyed. */
static uint8_t some_pending(struct world *w, uint64_t life)
{
	unsigned vcpus = (1u << world_life(w, life)->vcpu_count) - 1;

	return random_chance(&w->random, 100) ? (uint8_t)(random_below(&w->random, 256) & vcpus) : 0;
}

static enum verdict bitmap(struct world *w, struct fake_sp *sp, const struct secure_call *c)
{
	struct book_entry *e = entry_of(sp, c->endpoint);

	if (c->kind == CALL_CREATED) {
		if (e)
			return VERDICT_INVALID;
		if (!w->quiet && random_chance(&w->random, w->faults.sp_deny))
			return VERDICT_DENIED;
		write_down(sp, c->endpoint, c->life, BOOK_AVAILABLE)->pending = some_pending(w, c->life);
		return VERDICT_ACK;
	}
	if (c->kind == CALL_DRAINED) {
		if (e)
			e->pending &= (uint8_t)~(1u << c->vcpu);
		return e ? VERDICT_ACK : VERDICT_INVALID;
	}
	if (e)
		e->pending |= some_pending(w, e->life);
	if (!e || e->pending)
		return VERDICT_DENIED;
	strike_out(sp, e);
	return VERDICT_ACK;
}

/* It has no state in which it could not answer but its own being busy, and no instance but that of the world. */
static void spmc_execute(struct world *w, struct fake_sp *sp, const struct secure_call *c, struct secure_reply *ret)
{
	ret->verdict = VERDICT_BUSY;
	if (random_chance(&w->random, 20) || (w->now < sp->stuck_until && !w->quiet))
		return;
	ret->kind = c->kind;
	if (c->kind == CALL_GUEST) {
		spmc_notifies(w, sp, c, ret);
		return;
	}
	ret->verdict = (uint8_t)bitmap(w, sp, c);
	oracle_executed(w, sp, c, sp->instance);
}
static const int32_t status_of[VERDICT_COUNT] = {
	[VERDICT_INTERRUPTED] = FFA_INTERRUPTED,
	[VERDICT_BUSY] = FFA_BUSY,
	[VERDICT_ABORTED] = FFA_ABORTED,
	[VERDICT_UNKNOWN_SP] = FFA_INVALID_PARAMETERS,
	[VERDICT_REFUSED] = FFA_DENIED,
};

void sp_execute(struct world *w, struct fake_sp *sp, const struct secure_call *call, uint32_t instance,
	struct secure_reply *ret)
{
	uint32_t property = call->kind == CALL_CREATED ? FFA_PROP_VM_CREATED
		: call->kind == CALL_GUEST             ? FFA_PROP_DIRECT_REQ_RECEIVE
						       : FFA_PROP_VM_DESTROYED;

	*ret = (struct secure_reply) { .sp = sp->id };
	if (sp_is_the_spmc(sp)) {
		spmc_execute(w, sp, call, ret);
	} else if (!sp->present) {
		ret->verdict = VERDICT_UNKNOWN_SP;
	} else if (call->run) {
		run(w, sp, call, instance, ret);
	} else if (sp->aborted_next || (sp->instance != instance && sp->tells_generation)) {
		sp->aborted_next = false;
		ret->verdict = VERDICT_ABORTED;
	} else if (!(sp->properties & property)) {
		ret->verdict = VERDICT_UNKNOWN_SP;
	} else {
		message(w, sp, call, ret);
	}
	if (!ret->status)
		ret->status = status_of[ret->verdict];
}

/*
 * A new instance with empty books. It is told by a doorbell where the link has instance numbers, by ABORTED to the next
 * call where not; and where `tell` is false by the discovery that follows, or never.
 */
void sp_restart(struct world *w, struct fake_sp *sp, bool tell)
{
	bool under_way = sp->frame.active && !sp->frame.executed;

	wire_note(w, "sp    %04x restarts", sp->id);
	sp->instance++;
	sp->book_count = 0;
	sp->slot.taken = false;
	sp->aborted_next |=
		sp->open.open || under_way || (!sp->tells_generation && tell && random_chance(&w->random, 700));
	sp->open.open = false;
	guest_answers_lost(w, sp);
	if (w->guests_call && !w->quiet)
		guest_nudge(w, sp);
	sp->busy_until = random_chance(&w->random, 300) ? w->now + random_between(&w->random, MS, 300 * MS) : 0;
	if (tell && sp->tells_generation)
		link_doorbell(w, sp);
}
