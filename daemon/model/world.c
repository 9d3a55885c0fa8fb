/* SPDX-License-Identifier: Apache-2.0 */
/* The secure side comes, goes and restarts. */
#include "model/order.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/mutant.h"
#include "model/availability.h"
#include "model/guest_sp.h"
#include "model/notification_sp.h"

/* ---- instances that are gone ---- */

/*
 * A turn that waited long may hold a call for a link that broke, or for an instance that restarted, meanwhile: it never
 * left, and must not leave later. True: there was one.
 */
bool take_back_call(struct step *s, struct sp *sp)
{
	struct step_out *o = s->o;
	size_t kept = 0;

	for (size_t i = 0; i < o->outputs; i++) {
		if (o->output[i].kind == OUT_SECURE_CALL && o->output[i].call.sp == sp->info.id)
			sp->out = sp->running = false;
		else
			o->output[kept++] = o->output[i];
	}
	if (kept == o->outputs)
		return false;
	o->outputs = kept;
	guest_sp_take_back(s, sp);
	return true;
}

/*
 * The SP knows nothing any more: live VMs are announced again, debts of dead ones are settled. `unseen`: it restarted while
 * no link was up, and the new one may have taken what was sent last before. One that was met is told of when it
 * restarts: then only the call that is out may have reached who came next.
 */
static void lose(struct step *s, struct sp *sp, enum debt_how how, bool unseen)
{
	struct life *l, *next;
	bool held = s->m->hold, lost;
	uint64_t under_way;

	s->m->hold = true;
	take_back_call(s, sp);
	lost = how == HOW_SP_GONE && (sp->out || (sp->unsure && sp_is_there(sp)));
	under_way = lost && sp->open.kind == CALL_CREATED ? sp->open_life : 0;
	sp->heard = lost;
	sp->collect = false;
	sp->busy = 0;
	sp->unsure = sp->unsure && lost;
	close_target(s, sp);
	list_for_each_safe(l, next, &s->m->lives, all) {
		struct debt *d = &l->debt[sp->index];
		bool out = (lost && sp->open_life == l->number) || (unseen && d->unsure && sp_is_there(sp));
		struct debt_arc arc;

		if (d->queue == QUEUE_WAITING && !sp_is_there(sp))
			queue_debt(s, sp, d, QUEUE_NONE);
		if (debt_is_done(d) || (MUTANT(MUTANT_P3_NO_REANNOUNCE) && !life_is_over(l)))
			continue;
		if (out && d->state == DEBT_CREATING) { /* it may be taken, or was, by whoever came next */
			d->unsure = true;
			if (!sp->out || sp->open_life != l->number)
				queue_debt(s, sp, d, QUEUE_READY);
			continue;
		}
		if (debt_step(debt_face_of(d), life_is_over(l) ? DEBT_EV_LOST_DEAD : DEBT_EV_LOST_LIVE, &arc) < 0)
			continue;
		d->dirty = d->unsure = d->cleanse = d->drained = false;
		d->extra = d->drain = 0;
		debt_move(s, l, d, (enum debt_state)arc.to, how);
		if (!life_is_over(l))
			announce_late(s, l, sp);
		after_move(s, l);
	}
	release_burned(s, sp, under_way);
	guest_sp_lost(s, sp);
	s->m->hold = held;
	if (!held)
		list_for_each(l, &s->m->lives, all)
			bitmap_announce(s, l);
}

void sp_lost(struct step *s, struct sp *sp, enum debt_how how)
{
	lose(s, sp, how, false);
}

/* ---- the link ---- */

/* The outcome of the call that was out, or open, is unknown. */
void answer_lost(struct step *s, struct sp *sp)
{
	struct life *l = model_life(s->m, sp->open_life);
	struct debt *d = l ? &l->debt[sp->index] : NULL;

	sp->unsure = true;
	sp->busy = 0;
	if (!d || debt_is_done(d))
		return;
	d->unsure = true;
	queue_debt(s, sp, d, QUEUE_BACKOFF);
}

/* Who waits in line at an SP has no deadline of its own there. Until the link is back it is that which is waited for. */
static void wait_for_link(struct step *s, struct life *l)
{
	if (l->now.substate != VM_SUB_ANNOUNCING || !l->vm || !heap_node_is_out(&l->timer.node) || MUTANT(MUTANT_P6_LINK_FOREVER))
		return;
	set_deadline(s, &l->timer, s->now + l->vm->definition->limits.announce_timeout_ms * NS_PER_MS);
}

static void down(struct step *s)
{
	struct life *l;

	s->m->secure_up = false;
	for (size_t i = 0; i < s->m->sp_count; i++)
		take_back_call(s, &s->m->sp[i]);
	for (size_t i = 0; i < s->m->sp_count; i++) {
		struct sp *sp = &s->m->sp[i];
		bool out = sp->out;

		sp->heard |= sp->guest.out;
		guest_sp_link_down(s, sp);
		sp->heard |= out;
		sp->out = sp->running = sp->collect = false;
		sp->busy = 0;
		if (!out)
			continue;
		answer_lost(s, sp);
		l = MUTANT(MUTANT_P2_ID_UNKNOWN) ? model_life(s->m, sp->open_life) : NULL;
		if (l && l->debt[i].state == DEBT_DESTROYING) {
			debt_move(s, l, &l->debt[i], DEBT_SETTLED, HOW_SP_UNKNOWN);
			life_advance_retire(s, l);
		}
	}
	list_for_each(l, &s->m->lives, all) { /* whoever waited on an SP waits on the link now */
		wait_for_link(s, l);
		touch(s, l->vm);
	}
}

/* It may have the life twice from now on: stored before VM_CREATED leaves again. */
static void count_twice(struct step *s, struct life *l, struct debt *d)
{
	if (d->extra < UINT8_MAX)
		d->extra++;
	debt_move(s, l, d, DEBT_CREATING, HOW_NONE);
}

/*
 * What may have been sent and was not answered is sent again. OP-TEE takes a second VM_CREATED for a second VM: before the
 * guest has run, VM_DESTROYED first makes sure; afterwards both are taken back at the end.
 */
void replay(struct step *s, struct sp *sp, struct life *l)
{
	struct debt *d = &l->debt[sp->index];

	if (debt_is_done(d) || d->state == DEBT_KNOWN || (sp_is_spmc(sp) && MUTANT(MUTANT_P1_BITMAP_UNPAID)))
		return;
	if (d->unsure && d->state == DEBT_CREATING && sp->info.profile == PROFILE_OPTEE && sp_wants(sp, FFA_PROP_VM_DESTROYED)) {
		bool clearing = sp->open_life == l->number && sp->open.kind == CALL_DESTROYED;

		if (sp->open.has_target && !sp->unsure && !clearing)
			; /* that call is run to its end, its answer tells */
		else if (!l->enter_sent || l->now.quiesced || clearing)
			d->cleanse = true;
		else
			count_twice(s, l, d);
	}
	if (!(sp->out && sp->open_life == l->number) && d->queue != QUEUE_STUCK)
		queue_debt(s, sp, d, QUEUE_READY);
}

static const struct change_sp *find(const struct secure_world *w, uint16_t id)
{
	for (unsigned i = 0; i < w->count; i++)
		if (w->sp[i].id == id)
			return &w->sp[i];
	return NULL;
}

static bool same_but_status(const struct change_sp *a, const struct change_sp *b)
{
	struct change_sp x = *a;

	x.status = b->status;
	return memcmp(&x, b, sizeof(x)) == 0;
}

enum kinship { SAME_INSTANCE, DOUBTFUL_INSTANCE, ANOTHER_INSTANCE };

/*
 * A generation that is told is the truth: an SP that was live-activated may be of another version and UUID and knows
 * every VM still. Where none is told, another version or UUID says that something happened, not what, nor before which
 * message.
 */
static enum kinship kinship_of(const struct change_sp *known, const struct change_sp *seen)
{
	bool other = (known->version && seen->version && known->version != seen->version) ||
		memcmp(known->uuid, seen->uuid, sizeof(seen->uuid)) != 0;

	if (known->generation && seen->generation)
		return known->generation != seen->generation ? ANOTHER_INSTANCE : SAME_INSTANCE;
	return other ? DOUBTFUL_INSTANCE : SAME_INSTANCE;
}

/* Learns one SP anew; says whether it is the instance that was known. */
static enum kinship learn(struct step *s, const struct change_sp *seen)
{
	struct sp *sp = model_sp(s->m, seen->id);
	struct change c = { .kind = CHANGE_SP, .sp = *seen };
	enum kinship kinship = sp && sp->info.status != SP_GONE ? kinship_of(&sp->info, seen) : SAME_INSTANCE;

	if (!sp && s->m->sp_count == MODEL_SP_MAX)
		return SAME_INSTANCE;
	c.sp.status = SP_OK;
	if (!sp || sp->info.status != SP_OK || !same_but_status(&sp->info, seen))
		emit(s, &c);
	return kinship;
}

/*
 * It may know all that it was told, or nothing, or what it was told since. Live VMs are announced to it as if the answer
 * had been lost: who has them says so, and who has not takes them. What is over is driven on, and the answer tells.
 */
static void sp_doubted(struct step *s, struct sp *sp, bool was_up)
{
	struct life *l = model_life(s->m, sp->open_life), *next;

	guest_sp_doubted(s, sp);
	if (was_up && sp->open.has_target && !sp->out && !sp->unsure) {
		answer_lost(s, sp);
		if (l)
			replay(s, sp, l);
	}
	list_for_each_safe(l, next, &s->m->lives, all)
		if (announce_again(s, l, sp) && was_up) /* else all is sent again anyway */
			replay(s, sp, l);
}

/* Also one that vanished before: a call that was out then is answered, or lost, by now. */
static void vanish(struct step *s, struct sp *sp)
{
	sp_set_status(s, sp, SP_GONE);
	sp_lost(s, sp, HOW_SP_GONE);
}

static bool is_another_world(const struct model *m, const struct secure_world *w)
{
	static const uint8_t untold[16];

	return m->world_known && memcmp(w->instance, untold, 16) != 0 && memcmp(m->world.instance, untold, 16) != 0 &&
		memcmp(m->world.instance, w->instance, 16) != 0;
}

static void up(struct step *s, const struct secure_world *w)
{
	bool another = is_another_world(s->m, w), was_up = s->m->secure_up;
	struct change c = { .kind = CHANGE_WORLD };
	struct life *l, *next;

	memcpy(c.world.instance, w->instance, sizeof(c.world.instance));
	if (!s->m->world_known || memcmp(&s->m->world, &c.world, sizeof(c.world)) != 0)
		emit(s, &c);
	s->m->secure_up = true;
	s->m->hold = true;
	for (size_t i = 0; i < s->m->sp_count; i++)
		if (!find(w, s->m->sp[i].info.id))
			vanish(s, &s->m->sp[i]);
	for (unsigned i = 0; i < w->count; i++) {
		enum kinship kinship = learn(s, &w->sp[i]);
		struct sp *sp = model_sp(s->m, w->sp[i].id);

		if (!sp || (kinship == SAME_INSTANCE && !another))
			continue;
		pace_wake(s, sp);
		if (kinship == DOUBTFUL_INSTANCE && !another)
			sp_doubted(s, sp, was_up);
		else
			lose(s, sp, another ? HOW_WORLD_GONE : HOW_SP_GONE, !was_up && !another);
	}
	burned_meet(s); /* after those that came anew were told from those that are on record */
	list_for_each_safe(l, next, &s->m->lives, all) {
		bool moved = false;

		for (size_t i = 0; i < s->m->sp_count; i++) {
			if (!was_up)
				replay(s, &s->m->sp[i], l);
			moved |= settle_unwanted(s, l, &s->m->sp[i]);
			if (!life_is_over(l))
				announce_late(s, l, &s->m->sp[i]);
		}
		if (l->now.substate == VM_SUB_ANNOUNCING)
			clear_deadline(s, &l->timer);
		announce_check(s, l);
		touch(s, l->vm);
		if (moved)
			after_move(s, l);
	}
	s->m->hold = false;
	notification_sp_up(s);
	list_for_each_safe(l, next, &s->m->lives, all)
		bitmap_resume(s, l);
	for (size_t i = 0; i < s->m->sp_count; i++)
		pump(s, &s->m->sp[i]);
}

static void doorbell(struct step *s, const struct doorbell *b)
{
	struct sp *sp = model_sp(s->m, b->sp);
	struct change c = { .kind = CHANGE_SP };

	if (!sp || !sp_is_there(sp)) { /* one that was not met yet, or left, is there now */
		put_output(s, OUT_DISCOVER, 0);
		return;
	}
	if (b->generation && sp->info.generation != b->generation) {
		c.sp = sp->info;
		c.sp.generation = b->generation;
		c.sp.status = SP_OK;
		emit(s, &c);
		sp_lost(s, sp, HOW_SP_GONE);
		order_wake(s);
	}
	sp->guest.info_due |= sp_is_spmc(sp) && !MUTANT(MUTANT_P6_SP_UNNOTIFIED);
	pace_wake(s, sp);
	release_queue(s, sp, &sp->backoff);
	release_queue(s, sp, &sp->stuck);
	pump(s, sp);
}

/* On which partition a start waits goes by who is there. */
static void touch_starts(struct step *s)
{
	struct vm *vm;

	list_for_each(vm, &s->m->vms, all)
		if (vm->partition_by)
			touch(s, vm);
}

void step_secure(struct step *s, struct input *in)
{
	if (in->kind == IN_SECURE_UP) {
		_cleanup_(freep) struct secure_world *w = take_ptr(&in->world);

		up(s, w);
		order_wake(s);
	} else if (in->kind == IN_SECURE_DOWN) {
		down(s);
	} else if (in->kind == IN_SECURE_REPLY) {
		step_reply(s, &in->reply);
	} else {
		doorbell(s, &in->doorbell);
	}
	if (in->kind == IN_SECURE_UP || in->kind == IN_SECURE_DOWN)
		touch_starts(s);
}
