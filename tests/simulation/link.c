/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The link to the secure side, whoever that is: frames that travel, and a link that breaks and comes back. What travels
 * to the daemon stays in order. A frame that was under way when the link broke was executed or was not.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simulation/guest-sp.h"
#include "tests/simulation/sim.h"

struct fake_sp *link_sp(struct world *w, uint16_t id)
{
	for (size_t i = 0; i < w->sp_count; i++)
		if (w->sp[i].id == id)
			return &w->sp[i];
	return NULL;
}

uint64_t link_in_order(struct world *w, uint64_t delay)
{
	uint64_t at = w->now + delay;

	if (at < w->link.last_delivery)
		at = w->link.last_delivery;
	w->link.last_delivery = at;
	return at;
}

static const char *const verdict_names[VERDICT_COUNT] = { "0", "RETRY", "INTERRUPTED", "DENIED", "INVALID", "BUSY",
	"PREEMPTED", "YIELDED", "IDLE", "ABORTED", "UNKNOWN_SP", "UNSUPPORTED", "REFUSED", "BROKEN" };

static void reply_arrives(struct world *w, uint64_t epoch, uint64_t id, void *data)
{
	struct fake_sp *sp = link_sp(w, (uint16_t)id);
	struct input in = { .kind = IN_SECURE_REPLY, .reply = *(struct secure_reply *)data };
	struct secure_call call = sp->frame.call;

	if (epoch != w->link.epoch || !w->engine)
		return;
	sp->frame.active = false;
	wire_note(w, "sp    %04x life %" PRIu64 " answers %s", sp->id, call.life, verdict_names[in.reply.verdict]);
	if (in.reply.verdict == VERDICT_ABORTED && (!sp->tells_generation || !w->side->rings_later))
		sp->told = sp->died = sp->instance;
	if (in.reply.kind != CALL_NONE)
		sp->unsure = false;
	oracle_reply(w, &call, &in.reply);
	world_post(w, &in);
}

void link_answer(struct world *w, struct fake_sp *sp, struct secure_reply *reply)
{
	queue_put(&w->queue, link_in_order(w, random_between(&w->random, 2 * US, 300 * US)), reply_arrives, w->link.epoch,
		sp->id, reply);
}

static void frame_arrives(struct world *w, uint64_t epoch, uint64_t id, void *data)
{
	struct fake_sp *sp = link_sp(w, (uint16_t)id);
	struct secure_reply *reply;

	if (epoch != w->link.epoch || !sp->frame.active || sp->frame.arrived)
		return;
	reply = calloc(1, sizeof(*reply));
	if (!reply)
		abort();
	sp->frame.arrived = true;
	if (w->side->execute(w, sp, reply))
		link_answer(w, sp, reply);
	else
		free(reply);
}

/* The daemon gives up a link over which an answer does not come. */
static void no_answer(struct world *w, uint64_t frame, uint64_t id, void *data)
{
	struct fake_sp *sp = link_sp(w, (uint16_t)id);

	if (!sp->frame.active || sp->frame.number != frame || !w->engine)
		return;
	wire_note(w, "sp    %04x does not answer in time", sp->id);
	link_break(w, true);
	link_come_up(w, random_between(&w->random, 10 * MS, S));
}

static void breaks_under_a_call(struct world *w, uint64_t epoch, uint64_t what, void *data)
{
	if (epoch != w->link.epoch || w->quiet || !w->engine)
		return;
	if (what == MISCHIEF_LINK)
		link_mischief(w, MISCHIEF_LINK);
	else
		world_crash(w);
}

/* A guest's call is short: without this it would hardly ever be out when the link breaks, or the daemon dies. */
static void may_break(struct world *w, const struct secure_call *c)
{
	unsigned what = w->faults.kinds & (random_chance(&w->random, 500) ? MISCHIEF_LINK : MISCHIEF_CRASH);

	if (c->kind == CALL_GUEST && what && w->guests_call && random_chance(&w->random, 100))
		queue_put(&w->queue, w->now + random_between(&w->random, US, 400 * US), breaks_under_a_call, w->link.epoch,
			what, NULL);
}

static void call(void *secure, struct committed proof, const struct secure_call *c)
{
	struct world *w = secure;
	struct fake_sp *sp = link_sp(w, c->sp);

	if (!world_output(w))
		return;
	wire_note(w, "call  %04x life %" PRIu64 " id %u %s%s", c->sp, c->life, c->endpoint, c->run ? "RUN " : "",
		c->kind == CALL_CREATED     ? "CREATED"
		: c->kind == CALL_DESTROYED ? "DESTROYED"
		: c->kind == CALL_DRAINED   ? "DRAINED"
		: c->kind == CALL_GUEST     ? "a guest's"
					    : "nothing");
	if (!sp) {
		fail(w, "P3", "a call to %04x, which was never there", c->sp);
		return;
	}
	oracle_call(w, proof, c);
	if (!w->link.up) /* the news of it is still in the daemon's queue: the frame goes nowhere */
		return;
	if (sp->frame.active)
		fail(w, "P3", "two frames at once at %04x: whose answer is whose?", c->sp);
	sp->frame = (struct frame) { .active = true, .call = *c, .instance = sp->instance, .number = ++w->link.frames };
	w->side->sent(w, sp);
	may_break(w, c);
	if (w->side->patience)
		queue_put(&w->queue, w->now + w->side->patience, no_answer, w->link.frames, c->sp, NULL);
	queue_put(&w->queue,
		w->now + random_between(&w->random, 2 * US, random_chance(&w->random, 20) ? 40 * MS : 300 * US),
		frame_arrives, w->link.epoch, c->sp, NULL);
}

static void discover(void *secure, struct committed proof)
{
	struct world *w = secure;

	if (!world_output(w))
		return;
	oracle_act(w, proof);
	wire_note(w, "act   discover");
	if (w->link.up)
		w->side->discover(w);
}

const struct secure_ops link_ops = { call, discover };

static void connects(struct world *w, uint64_t epoch, uint64_t b, void *data)
{
	if (epoch == w->link.epoch && w->engine)
		w->side->connect(w);
}

void link_come_up(struct world *w, uint64_t delay)
{
	queue_put(&w->queue, w->now + delay, connects, w->link.epoch, 0, NULL);
}

/* `instance`: of the SP, that may have taken a VM_CREATED; 0: it was none. */
static void be_unsure(struct fake_sp *sp, struct pair *p, uint32_t instance)
{
	if (!p->unsure)
		p->unsure_in = instance;
	sp->unsure = p->unsure = true;
}

void link_outcome_is_unknown(struct world *w, struct fake_sp *sp, uint64_t life, uint8_t kind)
{
	sp->unsure = true;
	sp->guest_lost |= kind == CALL_GUEST;
	if (kind != CALL_GUEST && world_life(w, life))
		be_unsure(sp, &world_life(w, life)->pair[sp - w->sp], kind == CALL_CREATED ? sp->instance : 0);
}

static void lose_frame(struct world *w, struct fake_sp *sp)
{
	struct secure_reply lost;

	if (!sp->frame.active)
		return;
	if (!sp->frame.arrived && random_chance(&w->random, 500))
		(void)w->side->execute(w, sp, &lost);
	wire_note(w, "sp    %04x life %" PRIu64 " answer lost, %s", sp->id, sp->frame.call.life,
		sp->frame.executed ? "executed" : "not executed");
	link_outcome_is_unknown(w, sp, sp->frame.call.life, sp->frame.call.kind);
	sp->frame.active = false;
}

/* Whatever travels is read by nobody any more. */
void link_forget(struct world *w)
{
	w->link.up = false;
	w->link.epoch++;
	w->link.last_delivery = w->now;
	w->side->dropped(w);
}

void link_break(struct world *w, bool tell)
{
	struct input in = { .kind = IN_SECURE_DOWN };

	if (!w->link.up)
		return;
	for (size_t i = 0; i < w->sp_count; i++) {
		lose_frame(w, &w->sp[i]);
		w->sp[i].unsure = true; /* an answer that came may not have been thought about yet */
		guest_answers_lost(w, &w->sp[i]);
	}
	link_forget(w);
	w->stats.link_breaks++;
	wire_note(w, "link  down");
	if (tell && w->engine)
		world_post(w, &in);
}

/*
 * What a dead daemon had heard and not stored, its successor does not know: the outcome of whatever the disk says is
 * under way is unknown again, and so is the death of an SP that showed in an answer alone.
 */
void link_crash(struct world *w)
{
	link_break(w, false);
	link_forget(w);
	w->told_world = w->known_world;
	for (size_t i = 0; i < w->sp_count; i++) {
		struct fake_sp *sp = &w->sp[i];

		sp->told = sp->known;
		sp->guest_lost = true;
		for (size_t k = 0; k < w->life_count; k++) {
			struct pair *p = &w->life[k]->pair[i];

			if (p->stored != DEBT_CREATING && p->stored != DEBT_DESTROYING)
				continue;
			be_unsure(sp, p, p->stored == DEBT_CREATING ? p->created_in : 0);
			p->destroyed_ok = p->destroyed_unknown = false;
		}
	}
}

void link_mischief(struct world *w, enum mischief what)
{
	if (what == MISCHIEF_LINK && w->link.up) {
		link_break(w, true);
		link_come_up(w, random_between(&w->random, MS, random_chance(&w->random, 100) ? 12 * S : S));
	} else {
		w->side->mischief(w, what);
	}
}
