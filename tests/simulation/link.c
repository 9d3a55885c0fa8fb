/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The fake secure side as the daemon meets it: frames that travel, a link that breaks and comes back, discovery,
 * doorbells. What travels to the daemon stays in order. A frame that was under way when the link broke was executed or
 * was not.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simulation/sim.h"

struct fake_sp *link_sp(struct world *w, uint16_t id)
{
	for (size_t i = 0; i < w->sp_count; i++)
		if (w->sp[i].id == id)
			return &w->sp[i];
	return NULL;
}

static uint64_t in_order(struct world *w, uint64_t delay)
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
	if (in.reply.verdict == VERDICT_ABORTED)
		sp->told = sp->died = sp->instance;
	if (in.reply.kind != CALL_NONE)
		sp->unsure = false;
	oracle_reply(w, &call, &in.reply);
	world_post(w, &in);
}

static void execute(struct world *w, struct fake_sp *sp, struct secure_reply *reply)
{
	sp->frame.executed = true;
	sp_execute(w, sp, &sp->frame.call, sp->frame.instance, reply);
}

static void frame_arrives(struct world *w, uint64_t epoch, uint64_t id, void *data)
{
	struct fake_sp *sp = link_sp(w, (uint16_t)id);
	struct secure_reply *reply;

	if (epoch != w->link.epoch || !sp->frame.active || sp->frame.executed)
		return;
	reply = calloc(1, sizeof(*reply));
	if (!reply)
		abort();
	execute(w, sp, reply);
	queue_put(
		&w->queue, in_order(w, random_between(&w->random, 2 * US, 300 * US)), reply_arrives, epoch, id, reply);
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
	sp->frame = (struct frame) { true, false, *c, sp->instance };
	queue_put(&w->queue,
		w->now + random_between(&w->random, 2 * US, random_chance(&w->random, 20) ? 40 * MS : 300 * US),
		frame_arrives, w->link.epoch, c->sp, NULL);
}

static void describe(const struct world *w, struct secure_world *world)
{
	if (w->tells_instance) {
		world->instance[0] = 0x5e;
		memcpy(world->instance + 4, &w->world_instance, sizeof(w->world_instance));
	}
	for (size_t i = 0; i < w->sp_count; i++) {
		const struct fake_sp *sp = &w->sp[i];
		struct change_sp *d = &world->sp[world->count];

		if (!sp->present)
			continue;
		world->count++;
		*d = (struct change_sp) { .id = sp->id,
			.contexts = 1,
			.properties = sp->properties,
			.profile = sp->profile,
			.generation = sp->tells_generation ? sp->instance : 0 };
		memcpy(d->uuid, &sp->id, sizeof(sp->id));
	}
}

/* What the daemon reads is what was true when it was told, not what is true when it looks. */
struct news {
	struct secure_world described;
	uint32_t world;
	uint32_t instance[SIM_SP_MAX];
	bool present[SIM_SP_MAX];
};

static void arrives(struct world *w, uint64_t epoch, uint64_t b, void *data)
{
	const struct news *news = data;
	struct input in = { .kind = IN_SECURE_UP, .world = malloc(sizeof(*in.world)) };

	if (epoch != w->link.epoch || !w->engine) {
		free(in.world);
		return;
	}
	if (!in.world)
		abort();
	*in.world = news->described;
	w->link.up = true;
	wire_note(w, "link  up, %u SPs", in.world->count);
	for (size_t i = 0; i < w->sp_count; i++) {
		struct fake_sp *sp = &w->sp[i];

		if ((sp->tells_generation && news->present[i]) || (w->tells_instance && w->told_world != news->world) ||
			(!sp->told && news->present[i]) || !news->present[i]) {
			sp->told = news->present[i] ? news->instance[i] : 0;
			if (!sp->frame.active && sp->told == sp->instance)
				sp->aborted_next = false;
		}
	}
	w->told_world = news->world;
	world_post(w, &in);
}

static void announce_world(struct world *w, uint64_t at)
{
	struct news *news = calloc(1, sizeof(*news));

	if (!news)
		abort();
	describe(w, &news->described);
	news->world = w->world_instance;
	for (size_t i = 0; i < w->sp_count; i++) {
		news->instance[i] = w->sp[i].instance;
		news->present[i] = w->sp[i].present;
	}
	queue_put(&w->queue, at, arrives, w->link.epoch, 0, news);
}

static void discovered(struct world *w, uint64_t epoch, uint64_t b, void *data)
{
	if (epoch == w->link.epoch && w->engine)
		announce_world(w, in_order(w, random_between(&w->random, 2 * US, 100 * US)));
}

static void discover(void *secure, struct committed proof)
{
	struct world *w = secure;

	if (!world_output(w))
		return;
	oracle_act(w, proof);
	wire_note(w, "act   discover");
	if (w->link.up)
		queue_put(&w->queue, w->now + random_between(&w->random, 10 * US, MS), discovered, w->link.epoch, 0,
			NULL);
}

const struct secure_ops link_ops = { call, discover };

static void connects(struct world *w, uint64_t epoch, uint64_t b, void *data)
{
	if (epoch == w->link.epoch && w->engine)
		announce_world(w, in_order(w, US));
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

static void lose_frame(struct world *w, struct fake_sp *sp)
{
	struct secure_reply lost;

	if (!sp->frame.active)
		return;
	if (!sp->frame.executed && random_chance(&w->random, 500))
		execute(w, sp, &lost);
	wire_note(w, "sp    %04x life %" PRIu64 " answer lost, %s", sp->id, sp->frame.call.life,
		sp->frame.executed ? "executed" : "not executed");
	sp->unsure = true;
	if (world_life(w, sp->frame.call.life))
		be_unsure(sp, &world_life(w, sp->frame.call.life)->pair[sp - w->sp],
			sp->frame.call.kind == CALL_CREATED ? sp->instance : 0);
	sp->frame.active = false;
}

void link_break(struct world *w, bool tell)
{
	struct input in = { .kind = IN_SECURE_DOWN };

	if (!w->link.up)
		return;
	for (size_t i = 0; i < w->sp_count; i++) {
		lose_frame(w, &w->sp[i]);
		w->sp[i].unsure = true; /* an answer that came may not have been thought about yet */
	}
	w->link.up = false;
	w->link.epoch++;
	w->link.last_delivery = w->now;
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
	w->link.up = false;
	w->link.epoch++;
	w->link.last_delivery = w->now;
	w->told_world = w->known_world;
	for (size_t i = 0; i < w->sp_count; i++) {
		struct fake_sp *sp = &w->sp[i];

		sp->told = sp->known;
		for (size_t k = 0; k < w->life_count; k++) {
			struct pair *p = &w->life[k]->pair[i];

			if (p->stored != DEBT_CREATING && p->stored != DEBT_DESTROYING)
				continue;
			be_unsure(sp, p, p->stored == DEBT_CREATING ? p->created_in : 0);
			p->destroyed_ok = p->destroyed_unknown = false;
		}
	}
}

static void rings(struct world *w, uint64_t epoch, uint64_t id, void *data)
{
	struct fake_sp *sp = link_sp(w, (uint16_t)id);
	struct input *in = data;

	if (epoch != w->link.epoch || !w->engine)
		return;
	wire_note(w, "sp    %04x rings, generation %u", sp->id, in->doorbell.generation);
	if (in->doorbell.generation &&
		sp->told) { /* else it is one that the daemon has not met: it has to look first */
		sp->told = in->doorbell.generation;
		if (sp->told == sp->instance && !sp->frame.active)
			sp->aborted_next = false;
	}
	world_post(w, in);
}

void link_doorbell(struct world *w, struct fake_sp *sp)
{
	struct input *in = calloc(1, sizeof(*in));

	if (!in)
		abort();
	in->kind = IN_SECURE_DOORBELL;
	in->doorbell = (struct doorbell) { sp->id, sp->tells_generation ? sp->instance : 0 };
	if (w->link.up)
		queue_put(&w->queue, in_order(w, random_between(&w->random, US, 50 * US)), rings, w->link.epoch, sp->id,
			in);
	else
		free(in);
}

static void reset_world(struct world *w)
{
	wire_note(w, "link  the secure world resets");
	link_break(w, true);
	w->world_instance++;
	for (size_t i = 0; i < w->sp_count; i++) {
		sp_restart(w, &w->sp[i], false);
		w->sp[i].aborted_next = false;
	}
	link_come_up(w, random_between(&w->random, 10 * MS, 3 * S));
}

static void leave_or_join(struct world *w, struct fake_sp *sp)
{
	sp_restart(w, sp, false);
	sp->present = !sp->present;
	wire_note(w, "sp    %04x %s", sp->id, sp->present ? "joins" : "leaves");
	if (sp->present && sp->tells_generation) /* a link that counts instances says at once that it counted */
		link_doorbell(w, sp);
	if (w->link.up && random_chance(&w->random, 700))
		queue_put(&w->queue, w->now + random_between(&w->random, US, S), discovered, w->link.epoch, 0, NULL);
}

void link_mischief(struct world *w, enum mischief what)
{
	struct fake_sp *sp = w->sp_count ? &w->sp[random_below(&w->random, w->sp_count)] : NULL;

	if (what == MISCHIEF_LINK && w->link.up) {
		link_break(w, true);
		link_come_up(w, random_between(&w->random, MS, random_chance(&w->random, 100) ? 12 * S : S));
	} else if (what == MISCHIEF_RESET && w->link.up && w->tells_instance) {
		reset_world(w);
	} else if (what == MISCHIEF_SP_RESTART && sp && sp->present) {
		w->stats.sp_restarts++;
		sp_restart(w, sp, true);
	} else if (what == MISCHIEF_SP_STUCK && sp) {
		sp->stuck_until = w->now + random_between(&w->random, 100 * MS, 12 * S);
		wire_note(w, "sp    %04x is stuck", sp->id);
	} else if (what == MISCHIEF_SP_LEAVES && sp) {
		leave_or_join(w, sp);
	}
}
