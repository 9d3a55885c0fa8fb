/* SPDX-License-Identifier: Apache-2.0 */
/* An SP has answered: what that means for the debt whose message it was, and for the SP itself. */
#include "model/order.h"

#include "base/mutant.h"
#include "model/availability.h"
#include "model/guest_sp.h"

enum debt_face debt_face_of(const struct debt *d)
{
	static const uint8_t faces[DEBT_STATE_COUNT] = {
		[DEBT_NONE] = FACE_NONE,
		[DEBT_CREATING] = FACE_CREATING,
		[DEBT_KNOWN] = FACE_KNOWN,
		[DEBT_DESTROYING] = FACE_DESTROYING,
		[DEBT_SETTLED] = FACE_SETTLED,
	};

	if (d->state == DEBT_CREATING && d->unsure)
		return FACE_CREATING_UNSURE;
	if (d->state == DEBT_CREATING && d->dirty)
		return FACE_CREATING_DIRTY;
	return (enum debt_face)faces[d->state];
}

/* What an answer is to the debt, and what it says of the SP. */
enum {
	MAY_KNOW = 1 << 0, /* it may have taken something */
	TAKES = 1 << 1,    /* it has time for messages */
	NOT_RUN = 1 << 2,  /* as an error to FFA_RUN: that was not obeyed, as BUSY says; whether the call is there still is not said */
};

static const struct {
	uint8_t event; /* enum debt_event; those that leave the call open have none */
	uint8_t sp;
} meaning[VERDICT_COUNT] = {
	[VERDICT_ACK]         = { DEBT_EV_ACK, MAY_KNOW | TAKES },
	[VERDICT_RETRY]       = { DEBT_EV_RETRY, MAY_KNOW | TAKES },
	[VERDICT_INTERRUPTED] = { DEBT_EV_INTERRUPTED, MAY_KNOW | TAKES },
	[VERDICT_DENIED]      = { DEBT_EV_DENIED, MAY_KNOW | TAKES },
	[VERDICT_INVALID]     = { DEBT_EV_INVALID, MAY_KNOW | TAKES },
	[VERDICT_BUSY]        = { DEBT_EV_BUSY, 0 },
	[VERDICT_PREEMPTED]   = { 0, MAY_KNOW | TAKES },
	[VERDICT_YIELDED]     = { 0, MAY_KNOW | TAKES },
	[VERDICT_IDLE]        = { DEBT_EV_IDLE, MAY_KNOW | TAKES },
	[VERDICT_ABORTED]     = { DEBT_EV_ABORTED, 0 },
	[VERDICT_UNKNOWN_SP]  = { DEBT_EV_UNKNOWN_SP, 0 },
	[VERDICT_UNSUPPORTED] = { DEBT_EV_UNSUPPORTED, NOT_RUN },
	[VERDICT_REFUSED]     = { DEBT_EV_REFUSED, NOT_RUN },
	[VERDICT_BROKEN]      = { DEBT_EV_BROKEN, MAY_KNOW },
};

void sp_set_status(struct step *s, struct sp *sp, enum sp_status status)
{
	struct change c = { .kind = CHANGE_SP, .sp = sp->info };

	if (sp->info.status == (uint8_t)status)
		return;
	c.sp.status = (uint8_t)status;
	emit(s, &c);
	if (status == SP_OK)
		order_wake(s);
}

void release_queue(struct step *s, struct sp *sp, struct list *queue)
{
	struct debt *d, *next;

	list_for_each_safe(d, next, queue, link) {
		d->backoff = 0;
		queue_debt(s, sp, d, QUEUE_READY);
	}
}

static void run_later(struct step *s, struct sp *sp, uint64_t wait)
{
	const struct life *l = model_life(s->m, sp->open_life);

	pace_run(s, sp, debt_is_late(s, sp, l ? &l->debt[sp->index] : NULL), wait);
}

static void keep_target(struct step *s, struct sp *sp, const struct secure_reply *r)
{
	struct change c = { .kind = CHANGE_OPEN, .life = sp->open_life, .open = sp->open };

	sp->unsure = sp->collect = false;
	c.open.kind = sp->asked;
	c.open.has_target = true;
	c.open.target = r->target;
	if (!sp->open.has_target || sp->open.target != r->target || sp->open.kind != sp->asked)
		emit(s, &c);
	run_later(s, sp, r->verdict == VERDICT_PREEMPTED ? 0 : r->wait_ns ? r->wait_ns : YIELD_WAIT);
}

void close_target(struct step *s, struct sp *sp)
{
	struct change c = { .kind = CHANGE_OPEN, .life = sp->open_life, .open = sp->open };

	if (!sp->open.has_target)
		return;
	c.open.kind = CALL_NONE;
	c.open.has_target = false;
	emit(s, &c);
}

static void mark_face(struct debt *d, uint16_t effects)
{
	if (effects & FX_CLEAN) {
		d->dirty = d->unsure = d->cleanse = false;
		d->extra = 0; /* what it may have taken twice is gone, too */
	}
	if (effects & FX_DIRTY) {
		d->dirty = true;
		d->unsure = false;
	}
	if (effects & FX_UNSURE)
		d->unsure = true;
}

/* The answer to VM_DESTROYED that clears the ground for a CREATED whose outcome is unknown (OP-TEE, guest not entered). */
static bool cleansed(struct step *s, struct sp *sp, struct debt *d, enum call_kind asked, enum verdict verdict)
{
	if (!d->cleanse || d->state != DEBT_CREATING || asked != CALL_DESTROYED)
		return false;
	if (verdict == VERDICT_ACK && d->extra) {
		d->extra--; /* as often as it may have the life */
		queue_debt(s, sp, d, QUEUE_READY);
		return true;
	}
	if (verdict == VERDICT_ACK || verdict == VERDICT_INVALID) {
		d->cleanse = d->unsure = d->dirty = false;
		queue_debt(s, sp, d, QUEUE_READY);
		return true;
	}
	if (verdict == VERDICT_ABORTED)
		return false;
	if (verdict == VERDICT_UNKNOWN_SP || verdict == VERDICT_REFUSED) /* does it want that message still? */
		put_output(s, OUT_DISCOVER, 0);
	queue_debt(s, sp, d, QUEUE_BACKOFF);
	return true;
}

static bool once_more(struct step *s, struct sp *sp, struct debt *d, enum verdict verdict)
{
	bool again = verdict == VERDICT_ACK && d->state == DEBT_DESTROYING &&
		(d->extra || (MUTANT(MUTANT_P1_DESTROYED_TWICE) && d->tries == 1));

	if (!again)
		return false;
	if (d->extra)
		d->extra--;
	queue_debt(s, sp, d, QUEUE_READY);
	return true;
}

void after_move(struct step *s, struct life *l)
{
	bitmap_announce(s, l);
	if (l->now.substate == VM_SUB_ANNOUNCING)
		announce_check(s, l);
	else if (life_is_over(l))
		life_advance_retire(s, l);
}

/* When its own time has come; or when the SP, which takes nothing of anybody, has rested. */
void send_again(struct step *s, struct sp *sp, struct debt *d, bool rest)
{
	if (rest)
		pace_rest(s, sp, d);
	queue_debt(s, sp, d, d->stuck ? QUEUE_STUCK : rest ? QUEUE_READY : QUEUE_BACKOFF);
}

/* One answer to one debt, by the table. */
static void debt_event(struct step *s, struct sp *sp, struct debt *d, enum debt_event event)
{
	struct life *l = debt_life(d);
	struct debt_arc arc;

	if (debt_step(debt_face_of(d), event, &arc) < 0)
		return;
	if (MUTANT(MUTANT_P1_RETRY_IS_DONE) && event == DEBT_EV_RETRY && d->state == DEBT_DESTROYING)
		arc = (struct debt_arc){ .legal = 1, .to = DEBT_SETTLED, .how = HOW_ANSWERED };
	mark_face(d, arc.effects);
	if (arc.effects & FX_DEGRADE)
		sp_set_status(s, sp, SP_DEGRADED);
	if (arc.effects & FX_DISCOVER)
		put_output(s, OUT_DISCOVER, 0);
	if (arc.to != d->state)
		debt_move(s, l, d, (enum debt_state)arc.to, (enum debt_how)arc.how);
	else if (arc.effects & FX_BACKOFF)
		send_again(s, sp, d, arc.effects & FX_REST);
	touch(s, l->vm);
	if ((arc.effects & FX_FAIL) && l->now.substate == VM_SUB_ANNOUNCING)
		life_abort(s, l, CAUSE_SECURE_REJECTED,
			sp_is_spmc(sp) ? "the SPMC refused FFA_NOTIFICATION_BITMAP_CREATE" : "an SP refused VM_CREATED", false);
	after_move(s, l);
}

/*
 * A call whose answer was lost may be suspended at its SP, which answers BUSY until somebody runs it. It answers the
 * same while it executes that call, boots or is interrupted, and an FFA_RUN that finds it idle then takes an OP-TEE and
 * its CPU away. Only what lasts longer than any call may take, and through many repeats, is a call that waits for
 * FFA_RUN; and if FFA_RUN is BUSY too, it is none, so the SP is left alone as long again.
 */
bool must_be_open(struct step *s, struct sp *sp, enum verdict verdict, bool was_run)
{
	bool unsure = sp->unsure || sp->guest.unsure;

	if (!unsure || verdict != VERDICT_BUSY || was_run)
		sp->busy = 0;
	if (!unsure || verdict != VERDICT_BUSY || sp_is_spmc(sp))
		return false;
	if (!sp->busy++)
		sp->busy_since = s->now;
	return sp->busy >= CALL_REPEATS && s->now >= sp->busy_since + CALL_TAKES;
}

/*
 * A call that waits for FFA_RUN is run: BUSY says that it is gone, with an SP that stopped or boots and told nobody. Its
 * outcome is as unknown as that of an answer which was lost, and FFA_RUN would only meet the new instance idle.
 */
static void call_vanished(struct step *s, struct sp *sp)
{
	struct life *l = model_life(s->m, sp->open_life);

	answer_lost(s, sp);
	if (l)
		replay(s, sp, l);
	pace_rest(s, sp, l ? &l->debt[sp->index] : NULL);
	if (forgotten_call(s, sp))
		run_later(s, sp, YIELD_WAIT);
}

/* An error to FFA_RUN is of FFA_RUN, not of the message that is open. */
enum verdict verdict_of_run(enum verdict verdict, uint8_t kind)
{
	bool refused = (meaning[verdict].sp & NOT_RUN) && kind == CALL_NONE;

	return refused && !MUTANT(MUTANT_P1_RUN_REFUSED) ? VERDICT_BUSY : verdict;
}

/* FFA_ERROR INTERRUPTED or RETRY to FFA_RUN: the call was not even run, and is as open as before. */
static bool is_to_be_run_again(const struct sp *sp, const struct secure_reply *r, bool was_run)
{
	return was_run && sp->open.has_target && !sp->collect && r->verdict == VERDICT_INTERRUPTED && r->kind == CALL_NONE &&
		!MUTANT(MUTANT_P1_RUN_IS_OVER);
}

void sp_spoke(struct step *s, struct sp *sp, enum verdict verdict)
{
	sp->heard |= (meaning[verdict].sp & MAY_KNOW) != 0;
	if (verdict == VERDICT_BROKEN || verdict == VERDICT_ABORTED)
		sp_set_status(s, sp, SP_DEGRADED);
	if (verdict == VERDICT_ABORTED)
		put_output(s, OUT_DISCOVER, 0);
	if (verdict == VERDICT_ABORTED && !sp->info.generation && sp->heard)
		sp_lost(s, sp, HOW_SP_GONE);
	if (!sp_is_there(sp))
		put_output(s, OUT_DISCOVER, 0);
}

void step_reply(struct step *s, const struct secure_reply *r)
{
	struct sp *sp = model_sp(s->m, r->sp);
	enum verdict verdict = r->verdict < VERDICT_COUNT ? (enum verdict)r->verdict : VERDICT_BROKEN;
	enum call_kind asked, kind = (enum call_kind)r->kind;
	struct life *l;
	struct debt *d;
	bool was_run;

	if (sp && sp->guest.out) {
		guest_sp_reply(s, sp, r);
		return;
	}
	if (!sp || !sp->out)
		return;
	was_run = sp->running;
	sp->out = sp->running = false;
	if (r->unsent && was_run) /* the call that it was for waits on; what the news make of it they say themselves */
		return;
	asked = (enum call_kind)sp->asked;
	count_reply(s, sp, verdict);
	sp->heard |= (meaning[verdict].sp & MAY_KNOW) != 0;
	if (meaning[verdict].sp & TAKES)
		sp->rested = 0;
	if (was_run)
		verdict = verdict_of_run(verdict, r->kind);
	if (!was_run && (r->kind != CALL_NONE || verdict == VERDICT_PREEMPTED || verdict == VERDICT_YIELDED))
		guest_sp_is_free(s, sp);
	if (verdict == VERDICT_PREEMPTED || verdict == VERDICT_YIELDED) {
		keep_target(s, sp, r);
		pump(s, sp);
		return;
	}
	if (is_to_be_run_again(sp, r, was_run)) {
		run_later(s, sp, YIELD_WAIT);
		pump(s, sp);
		return;
	}
	if (was_run && verdict == VERDICT_BUSY && !sp->collect) {
		call_vanished(s, sp);
		pump(s, sp);
		return;
	}
	if (was_run && verdict == VERDICT_UNKNOWN_SP)
		verdict = VERDICT_IDLE; /* nothing was open after all */
	if (was_run && kind == CALL_GUEST) { /* what was open was a guest's, and nothing of ours is */
		guest_sp_found(s, sp, r);
		verdict = VERDICT_IDLE;
		kind = CALL_NONE;
	}
	if (was_run && (kind != CALL_NONE || verdict == VERDICT_IDLE))
		guest_sp_is_free(s, sp);
	if (was_run && kind != CALL_NONE)
		asked = kind; /* what was open may be older than the last message that met it */
	if (kind != CALL_NONE && kind != asked)
		verdict = VERDICT_BROKEN;
	l = model_life(s->m, sp->open_life);
	d = l ? &l->debt[sp->index] : NULL;
	sp->collect = must_be_open(s, sp, verdict, was_run);
	if (!sp->collect) {
		sp->unsure = sp->unsure && kind == CALL_NONE &&
			(verdict == VERDICT_BUSY || verdict == VERDICT_INTERRUPTED ||
				(verdict == VERDICT_IDLE && !was_run));
		if (!sp->unsure)
			close_target(s, sp);
	}
	if (d && !cleansed(s, sp, d, asked, verdict) && !once_more(s, sp, d, verdict) && !bitmap_drained(s, sp, d, verdict))
		debt_event(s, sp, d, (enum debt_event)meaning[verdict].event);
	l = model_life(s->m, sp->open_life);
	if (l && settle_unwanted(s, l, sp))
		after_move(s, l);
	if (verdict == VERDICT_ACK)
		release_queue(s, sp, &sp->stuck);
	if (verdict == VERDICT_ACK && sp->info.status == SP_DEGRADED)
		sp_set_status(s, sp, SP_OK);
	if (verdict == VERDICT_ABORTED && !sp->info.generation && sp->heard) /* else it is dead still */
		sp_lost(s, sp, HOW_SP_GONE);
	if (forgotten_call(s, sp))
		run_later(s, sp, YIELD_WAIT);
	if (!sp_is_there(sp)) /* it vanished under this call: is it gone, or back? */
		put_output(s, OUT_DISCOVER, 0);
	pump(s, sp);
}
