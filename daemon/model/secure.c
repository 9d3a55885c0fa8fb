/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each life owes each SP, and the queues in front of each SP. One call at a time is with an SP; a debt is in one queue
 * of its SP or its call is out.
 */
#include "model/step.h"

#include <string.h>

#include "base/mutant.h"
#include "model/availability.h"
#include "model/guest_sp.h"

static bool wants_created(const struct sp *sp, const struct life *l)
{
	return sp_wants_of(sp, l, FFA_PROP_VM_CREATED);
}

static bool wants_destroyed(const struct sp *sp)
{
	return sp_wants(sp, FFA_PROP_VM_DESTROYED);
}

/* ---- queues ---- */

static struct list *queue_head(struct sp *sp, enum debt_queue queue)
{
	switch (queue) {
	case QUEUE_WAITING:
		return &sp->waiting;
	case QUEUE_READY:
		return &sp->ready;
	case QUEUE_BACKOFF:
		return &sp->backoff;
	case QUEUE_STUCK:
		return &sp->stuck;
	case QUEUE_NONE:
	case DEBT_QUEUE_COUNT:
		break;
	}
	return NULL;
}

/* The next in line for the creation slot waits on somebody else now, and must say so. */
static void touch_next(struct step *s, const struct sp *sp, const struct list *link)
{
	if (link->next != &sp->waiting)
		touch(s, debt_life(container_of(link->next, struct debt, link))->vm);
}

void queue_debt(struct step *s, struct sp *sp, struct debt *d, enum debt_queue queue)
{
	if (d->queue == QUEUE_WAITING)
		touch_next(s, sp, &d->link);
	list_remove(&d->link);
	if (queue != QUEUE_BACKOFF)
		clear_deadline(s, &d->again);
	count_queue(sp, d, queue);
	sp->crowd += (queue == QUEUE_BACKOFF) - (d->queue == QUEUE_BACKOFF);
	d->queue = (uint8_t)queue;
	if (queue != QUEUE_NONE)
		list_append(queue_head(sp, queue), &d->link);
	if (queue == QUEUE_WAITING) {
		d->ticket = ++sp->tickets;
		d->since = s->now;
	}
	/* An announce has a deadline, and somebody waits for it: it does not stand back. */
	if (queue == QUEUE_BACKOFF)
		set_deadline(s, &d->again,
			s->now + pace_delay(s, sp, &d->backoff, d->state == DEBT_DESTROYING ? sp->crowd : 0));
	if (queue == QUEUE_STUCK && heap_node_is_out(&sp->probe.node))
		set_deadline(s, &sp->probe, s->now + pace_rule(s->m, sp)->probe);
}

void debt_move(struct step *s, struct life *l, struct debt *d, enum debt_state to, enum debt_how how)
{
	struct change c = { .kind = CHANGE_DEBT, .life = l->number };

	c.debt.sp = s->m->sp[d->index].info.id;
	c.debt.old_state = d->state;
	c.debt.state = (uint8_t)to;
	c.debt.how = (uint8_t)how;
	c.debt.extra = to == DEBT_NONE || to == DEBT_SETTLED ? 0 : d->extra;
	c.debt.tries = d->tries;
	count_move(s, d, to, how);
	c.debt.deadline = to == DEBT_CREATING ? d->announce_by : 0;
	d->since = s->now;
	if (to == DEBT_CREATING || d->state == DEBT_CREATING)
		touch_next(s, &s->m->sp[d->index], &s->m->sp[d->index].waiting);
	if (to != DEBT_CREATING)
		clear_deadline(s, &d->patience);
	if (to != DEBT_CREATING && to != DEBT_DESTROYING)
		queue_debt(s, &s->m->sp[d->index], d, QUEUE_NONE);
	if (to == DEBT_NONE || to == DEBT_SETTLED) {
		s->m->sp[d->index].stuck_count -= d->stuck;
		d->stuck = false;
	}
	emit(s, &c);
}

/* ---- sending ---- */

static bool slot_is_free(const struct sp *sp)
{
	return sp->info.profile == PROFILE_OPTEE || sp_is_spmc(sp) || sp->creating == 0;
}

static void move_to_creating(struct step *s, struct life *l, struct debt *d, const struct debt_arc *arc)
{
	if (l->now.state != VM_CREATED || !l->vm)
		d->announce_by = 0;
	else if (!d->announce_by || MUTANT(MUTANT_P6_ANNOUNCE_FOREVER))
		d->announce_by = s->now + l->vm->definition->limits.announce_timeout_ms * NS_PER_MS;
	debt_move(s, l, d, (enum debt_state)arc->to, (enum debt_how)arc->how);
	if (d->announce_by)
		set_deadline(s, &d->patience, d->announce_by);
}

/* The intent is stored in this turn, the message leaves after it. */
static void begin_creating(struct step *s, struct sp *sp, struct debt *d)
{
	struct life *l = debt_life(d);
	struct debt_arc arc;

	if (debt_step(FACE_NONE, DEBT_EV_ANNOUNCE, &arc) < 0)
		return;
	d->tries = 0;
	d->backoff = 0;
	d->dirty = d->unsure = d->cleanse = false;
	move_to_creating(s, l, d, &arc);
	queue_debt(s, sp, d, QUEUE_READY);
}

/* VM_CREATED once more, to an SP that may know the VM. False: it is owed nothing of the kind. */
bool announce_again(struct step *s, struct life *l, struct sp *sp)
{
	struct debt *d = &l->debt[sp->index];
	struct debt_arc arc;

	if (life_is_over(l) || !wants_created(sp, l) || debt_step(debt_face_of(d), DEBT_EV_DOUBT, &arc) < 0)
		return false;
	d->tries = 0;
	d->backoff = 0;
	move_to_creating(s, l, d, &arc);
	d->unsure = true;
	queue_debt(s, sp, d, QUEUE_BACKOFF);
	return true;
}

static void note_open(struct step *s, struct sp *sp, struct life *l, enum call_kind kind)
{
	struct change c = { .kind = CHANGE_OPEN, .life = l->number };

	if (sp->open_life == l->number && sp->open.kind == (uint8_t)kind && !sp->open.has_target)
		return;
	c.open.sp = sp->info.id;
	c.open.kind = (uint8_t)kind;
	emit(s, &c);
}

static void put_call(struct step *s, struct sp *sp, uint64_t life, uint16_t endpoint, enum call_kind kind, bool run,
	uint32_t target)
{
	struct secure_call *call = &put_output(s, OUT_SECURE_CALL, life)->call;
	const struct life *l = model_life(s->m, life);

	call->sp = sp->info.id;
	call->kind = (uint8_t)kind;
	call->run = run;
	call->target = target;
	call->life = life;
	call->endpoint = endpoint;
	call->spmc = sp_is_spmc(sp);
	if (l)
		call->vcpu = kind == CALL_DRAINED ? l->debt[sp->index].drain - 1u : l->begun.vcpu_count;
	if (l)
		memcpy(call->name, l->begun.name, sizeof(call->name));
	sp->asked = (uint8_t)kind;
	sp->out = true;
	sp->running = run;
	sp->counts.sent++;
}

/* FFA_RUN of a call known to be open: it was suspended, or BUSY to repeats says so (must_be_open). */
static void run_open(struct step *s, struct sp *sp)
{
	uint32_t target = sp->open.has_target ? sp->open.target : FFA_TARGET(sp->info.id, 0);
	const struct burned *b = model_burned(s->m, sp->open_life, sp->info.id);
	const struct life *l = model_life(s->m, sp->open_life);

	put_call(s, sp, sp->open_life, l ? l->begun.endpoint : b ? b->what.endpoint : 0, (enum call_kind)sp->open.kind, true,
		target);
}

static void send(struct step *s, struct sp *sp, struct debt *d)
{
	struct life *l = debt_life(d);
	bool clears = d->cleanse && wants_destroyed(sp); /* it may have changed its mind meanwhile */
	enum call_kind kind = d->state == DEBT_CREATING && !clears ? CALL_CREATED : CALL_DESTROYED;

	if (MUTANT(MUTANT_P3_DESTROYED_OVER_CREATED) && d->dirty && life_is_over(l))
		kind = CALL_DESTROYED;
	queue_debt(s, sp, d, QUEUE_NONE);
	if (!sp->unsure) /* else what is stored may be what is open there */
		note_open(s, sp, l, kind);
	count_send(s, d);
	put_call(s, sp, l->number, l->begun.endpoint, d->drain ? CALL_DRAINED : kind, false, 0);
	touch(s, l->vm);
}

/*
 * The answer that was lost belongs to a life that an operator had forgotten meanwhile. Its call may be open there, and nobody
 * else would be heard: VM_DESTROYED of its burned id, which adds nothing to what the SP knows, asks until it is over. An SP
 * that does not take that message is asked with the other: the id is burned.
 */
const struct burned *forgotten_call(const struct step *s, const struct sp *sp)
{
	const struct burned *b;

	if (!sp->unsure || sp_is_spmc(sp) || sp->open.kind == CALL_NONE)
		return NULL;
	b = model_burned(s->m, sp->open_life, sp->info.id);
	return b && MUTANT(MUTANT_P1_FORGOTTEN_OPEN) ? NULL : b;
}

static void ask_for_forgotten(struct step *s, struct sp *sp, const struct burned *b)
{
	if (heap_node_is_out(&sp->resume.node))
		put_call(s, sp, b->life, b->what.endpoint, wants_destroyed(sp) ? CALL_DESTROYED : CALL_CREATED, false, 0);
}

/*
 * The message whose turn it is. While an answer is lost, only the life that it belongs to may speak: BUSY then says that its
 * call may be open still, anything else that it is over, and no answer can be taken for that of another life.
 */
static struct debt *whose_turn(struct step *s, struct sp *sp)
{
	struct life *l = sp->unsure ? model_life(s->m, sp->open_life) : NULL;
	struct debt *d = l ? &l->debt[sp->index] : NULL;

	if (sp_is_spmc(sp))
		return bitmap_next(s, sp);
	if (!d || debt_is_done(d) || d->state == DEBT_KNOWN) {
		if (forgotten_call(s, sp))
			return NULL;
		sp->unsure = false;
		return list_first(&sp->ready, struct debt, link);
	}
	return d->queue == QUEUE_READY ? d : NULL;
}

/* Sends what may be sent to this SP now. */
void pump(struct step *s, struct sp *sp)
{
	const struct burned *b;
	struct debt *d;

	while ((d = list_first(&sp->waiting, struct debt, link)) && s->m->secure_up && sp_is_there(sp) && slot_is_free(sp))
		begin_creating(s, sp, d);
	if (!s->m->secure_up || s->m->hold || sp->out || sp->guest.out || !sp_is_there(sp))
		return;
	d = whose_turn(s, sp);
	if (sp->guest.suspended || (sp->collect && !sp->unsure)) {
		if (heap_node_is_out(&sp->resume.node))
			guest_sp_go_on(s, sp);
		return;
	}
	if (sp->collect || (sp->open.has_target && !sp->unsure)) {
		if (heap_node_is_out(&sp->resume.node))
			run_open(s, sp);
		return;
	}
	if (d && heap_node_is_out(&sp->rest.node))
		send(s, sp, d);
	else if ((b = forgotten_call(s, sp)))
		ask_for_forgotten(s, sp, b);
	else
		guest_sp_pump(s, sp);
}

void debt_timer(struct step *s, struct debt *d)
{
	struct sp *sp = &s->m->sp[d->index];

	queue_debt(s, sp, d, QUEUE_READY);
	pump(s, sp);
}

void resume_timer(struct step *s, struct sp *sp)
{
	pump(s, sp);
}

void rest_timer(struct step *s, struct sp *sp)
{
	pump(s, sp);
}

/* VM_CREATED was not taken in time. The handshake goes on, if it must; the life does not. */
void patience_timer(struct step *s, struct debt *d)
{
	struct life *l = debt_life(d);

	touch(s, l->vm); /* until when it waits */
	if (l->now.substate == VM_SUB_ANNOUNCING)
		life_abort(s, l, CAUSE_SECURE_TIMEOUT,
			sp_is_spmc(&s->m->sp[d->index]) ? "the SPMC made no notification bitmap before limits.announce-timeout"
							: "an SP did not take VM_CREATED before limits.announce-timeout",
			false);
}

/* ---- announce ---- */

/* A debt that stands at NONE joins the line in front of each SP that wants VM_CREATED. */
static void announce_to(struct step *s, struct life *l, struct sp *sp)
{
	struct debt *d = &l->debt[sp->index];

	if (d->state == DEBT_NONE && d->queue == QUEUE_NONE && !sp_is_spmc(sp) && wants_created(sp, l))
		queue_debt(s, sp, d, QUEUE_WAITING);
}

/* It may have been over while nobody waited for that SP: between ENTER and a VMM that comes back without having had it. */
static void patience_again(struct step *s, const struct life *l, struct debt *d)
{
	if (d->state == DEBT_CREATING && l->vm && heap_node_is_out(&d->patience.node))
		set_deadline(s, &d->patience, d->announce_by > s->now ? d->announce_by : s->now);
}

void announce(struct step *s, struct life *l)
{
	uint64_t deadline = s->m->secure_up || !l->vm ? 0 : s->now + l->vm->definition->limits.announce_timeout_ms * NS_PER_MS;

	if (!s->m->sp_count && !s->m->has_secure_side) {
		life_ready(s, l);
		return;
	}
	life_substate(s, l, VM_SUB_ANNOUNCING, deadline);
	for (size_t i = 0; i < s->m->sp_count; i++) {
		patience_again(s, l, &l->debt[i]);
		announce_to(s, l, &s->m->sp[i]);
		pump(s, &s->m->sp[i]);
	}
	bitmap_announce(s, l);
	announce_check(s, l);
}

bool is_announced(const struct model *m, const struct life *l)
{
	if (!m->secure_up && m->has_secure_side)
		return false;
	for (size_t i = 0; i < m->sp_count; i++) {
		if (wants_created(&m->sp[i], l) && l->debt[i].state != DEBT_KNOWN &&
			!(MUTANT(MUTANT_P3_BITMAP_LATE) && sp_is_spmc(&m->sp[i])))
			return MUTANT(MUTANT_P3_ENTER_EARLY) && i > 0;
		if (l->debt[i].state == DEBT_CREATING)
			return false;
	}
	return true;
}

/* An SP that wants VM_DESTROYED alone may know the VM, by the VM itself, as soon as its vCPUs may enter. */
static void owe_end_only(struct step *s, struct life *l, struct sp *sp)
{
	struct debt *d = &l->debt[sp->index];
	struct debt_arc arc;

	if (d->state == DEBT_NONE && wants_destroyed(sp) && !sp_wants(sp, FFA_PROP_VM_CREATED) &&
		debt_step(FACE_NONE, DEBT_EV_TELL_END_ONLY, &arc) == 0)
		debt_move(s, l, d, (enum debt_state)arc.to, (enum debt_how)arc.how);
}

void announce_check(struct step *s, struct life *l)
{
	if (l->now.substate != VM_SUB_ANNOUNCING || !is_announced(s->m, l))
		return;
	for (size_t i = 0; i < s->m->sp_count; i++)
		owe_end_only(s, l, &s->m->sp[i]);
	life_ready(s, l);
}

/* An SP came, or came back, to a life that is not over: it is told, or owed, what every SP is. */
void announce_late(struct step *s, struct life *l, struct sp *sp)
{
	if (l->now.substate == VM_SUB_ALLOCATING)
		return;
	announce_to(s, l, sp);
	if (l->now.substate != VM_SUB_ANNOUNCING)
		owe_end_only(s, l, sp);
	bitmap_announce(s, l);
}

/* ---- retire ---- */

bool debts_are_done(const struct life *l)
{
	for (unsigned i = 0; i < MODEL_SP_MAX; i++)
		if (!debt_is_done(&l->debt[i]))
			return false;
	return true;
}

void retire_debt(struct step *s, struct life *l, struct sp *sp)
{
	struct debt *d = &l->debt[sp->index];
	bool untouched = d->state == DEBT_CREATING && !d->dirty && !d->unsure &&
		!(sp->out && sp->open_life == l->number) && !(sp->open.has_target && sp->open_life == l->number);
	enum debt_face face = untouched ? FACE_CREATING : d->state == DEBT_KNOWN ? FACE_KNOWN : FACE_COUNT;
	struct debt_arc arc;

	if (d->queue == QUEUE_WAITING)
		queue_debt(s, sp, d, QUEUE_NONE);
	if (MUTANT(MUTANT_P1_CREATED_UNPAID) && d->state == DEBT_CREATING && d->dirty)
		debt_move(s, l, d, DEBT_NONE, HOW_REJECTED);
	if (debt_step(face, wants_destroyed(sp) ? DEBT_EV_RETIRE : DEBT_EV_RETIRE_SILENT, &arc) < 0)
		return;
	if (MUTANT(MUTANT_P1_SKIP_DEBT) && sp->index == 1)
		arc = (struct debt_arc){ .legal = 1, .to = DEBT_SETTLED, .how = HOW_ANSWERED };
	d->tries = 0;
	d->backoff = 0;
	debt_move(s, l, d, (enum debt_state)arc.to, (enum debt_how)arc.how);
	if (arc.effects & FX_SEND)
		queue_debt(s, sp, d, QUEUE_READY);
}

/*
 * In the reverse of the order of announcing (FF-A leaves the order open; what was built last is taken down first): so the
 * notification bitmap goes before anybody hears of the end.
 */
void retire_debts(struct step *s, struct life *l)
{
	bitmap_retire(s, l);
	for (size_t i = s->m->sp_count; i-- > 0;) {
		if (l->debt[i].state == DEBT_KNOWN && bitmap_is_owed(s->m, l))
			continue;
		if (!sp_is_spmc(&s->m->sp[i]))
			retire_debt(s, l, &s->m->sp[i]);
		pump(s, &s->m->sp[i]);
	}
}

/*
 * An SP that has changed its mind about VM_DESTROYED would refuse it for ever. What was sent before, and may be open there,
 * comes to its end first: nobody else would be heard, and its answer must not be taken for another's.
 */
bool settle_unwanted(struct step *s, struct life *l, struct sp *sp)
{
	struct debt *d = &l->debt[sp->index];
	bool under_way = sp->open_life == l->number && (sp->out || sp->unsure || sp->open.has_target);
	struct debt_arc arc;

	if (MUTANT(MUTANT_P1_UNWANTED_OWED) || under_way || wants_destroyed(sp))
		return false;
	if (debt_step(debt_face_of(d), DEBT_EV_UNWANTED, &arc) < 0)
		return false;
	debt_move(s, l, d, (enum debt_state)arc.to, (enum debt_how)arc.how);
	touch(s, l->vm);
	return true;
}

/* The active phase is over: from now on one message a second probes the SP for all that wait. */
void mark_stuck(struct step *s, struct life *l)
{
	for (size_t i = 0; i < s->m->sp_count; i++) {
		struct debt *d = &l->debt[i];

		if (debt_is_done(d))
			continue;
		if (!d->stuck && s->m->sp[i].stuck_count++ == 0)
			s->m->sp[i].stuck_since = s->now;
		d->stuck = true;
		if (d->queue == QUEUE_BACKOFF)
			queue_debt(s, &s->m->sp[i], d, QUEUE_STUCK);
	}
}

void probe_timer(struct step *s, struct sp *sp)
{
	struct debt *d = list_first(&sp->stuck, struct debt, link);

	if (!d)
		return;
	queue_debt(s, sp, d, QUEUE_READY);
	if (!list_is_empty(&sp->stuck))
		set_deadline(s, &sp->probe, s->now + pace_rule(s->m, sp)->probe);
	pump(s, sp);
}
