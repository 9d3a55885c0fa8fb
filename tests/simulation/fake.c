/* SPDX-License-Identifier: Apache-2.0 */

/* The secure side made of fakes, as the daemon meets it: discovery, doorbells, restarts, SPs that come and go. */

#include <stdlib.h>
#include <string.h>

#include "tests/simulation/sim.h"

#define FAKES_MAX 4

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
		announce_world(w, link_in_order(w, random_between(&w->random, 2 * US, 100 * US)));
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
		queue_put(&w->queue, link_in_order(w, random_between(&w->random, US, 50 * US)), rings, w->link.epoch, sp->id,
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

static void look_again(struct world *w)
{
	if (w->link.up && random_chance(&w->random, 700))
		queue_put(&w->queue, w->now + random_between(&w->random, US, S), discovered, w->link.epoch, 0, NULL);
}

static void leave_or_join(struct world *w, struct fake_sp *sp)
{
	sp_restart(w, sp, false);
	sp->present = !sp->present;
	wire_note(w, "sp    %04x %s", sp->id, sp->present ? "joins" : "leaves");
	if (sp->present && sp->tells_generation) /* a link that counts instances says at once that it counted */
		link_doorbell(w, sp);
	look_again(w);
}

/*
 * For good. The daemon finds out by itself, or when it is refused. Not while a call may be open there: where its answer was
 * lost, too, and the message that would ask for it is refused, nobody can know.
 */
static void grow_deaf(struct world *w, struct fake_sp *sp)
{
	if (!sp->present || !(sp->properties & FFA_PROP_VM_DESTROYED) || sp->unsure || sp->open.open || sp->frame.active)
		return;
	wire_note(w, "sp    %04x does not want VM_DESTROYED any more", sp->id);
	sp->properties &= ~(uint32_t)FFA_PROP_VM_DESTROYED;
	sp->deaf = true;
	look_again(w);
}

/* The SPMC may be busy for long; it restarts with its world alone, and its notifications do not come and go. */
static void mischief(struct world *w, enum mischief what)
{
	size_t count = w->sp_count && sp_is_the_spmc(&w->sp[w->sp_count - 1]) && what != MISCHIEF_SP_STUCK ? w->sp_count - 1
												       : w->sp_count;
	struct fake_sp *sp = count ? &w->sp[random_below(&w->random, count)] : NULL;

	if (what == MISCHIEF_RESET && w->link.up && w->tells_instance) {
		reset_world(w);
	} else if (what == MISCHIEF_SP_RESTART && sp && sp->present) {
		w->stats.sp_restarts++;
		sp_restart(w, sp, true);
	} else if (what == MISCHIEF_SP_STUCK && sp) {
		sp->stuck_until = w->now + random_between(&w->random, 100 * MS, 12 * S);
		wire_note(w, "sp    %04x is stuck", sp->id);
	} else if (what == MISCHIEF_SP_DEAF && sp) {
		grow_deaf(w, sp);
	} else if (what == MISCHIEF_SP_LEAVES && sp) {
		leave_or_join(w, sp);
	}
}

static void sent(struct world *w, struct fake_sp *sp)
{
}

static bool execute(struct world *w, struct fake_sp *sp, struct secure_reply *ret)
{
	sp->frame.executed = true;
	sp_execute(w, sp, &sp->frame.call, sp->frame.instance, ret);
	return true;
}

static void connect(struct world *w)
{
	announce_world(w, link_in_order(w, US));
}

static void discover(struct world *w)
{
	queue_put(&w->queue, w->now + random_between(&w->random, 10 * US, MS), discovered, w->link.epoch, 0, NULL);
}

static void dropped(struct world *w)
{
}

static void reboot(struct world *w)
{
	if (!random_chance(&w->random, 500) || !w->tells_instance)
		return;
	w->world_instance++;
	for (size_t i = 0; i < w->sp_count; i++)
		sp_restart(w, &w->sp[i], false);
}

static void make(struct world *w, bool faults)
{
	static const uint32_t both = FFA_PROP_VM_CREATED | FFA_PROP_VM_DESTROYED;
	bool generations = random_chance(&w->random, 600);

	w->sp_count = random_below(&w->random, FAKES_MAX + 1);
	w->world_instance = 1;
	w->tells_instance = random_chance(&w->random, 800);
	for (size_t i = 0; i < w->sp_count; i++) {
		uint64_t dice = w->guests_call && i == 0 ? 7 : random_below(&w->random, 10); /* 7: it hears of nothing, and is called */
		uint16_t chain = (uint16_t)(random_chance(&w->random, 200) ? 0x80F0 : 0x8001 + i);

		w->sp[i] = (struct fake_sp) {
			.id = (uint16_t)(0x8001 + i),
			.target = FFA_TARGET(chain, random_below(&w->random, 2)),
			.present = true,
			.instance = 1,
			.profile = (uint8_t)random_below(&w->random, 3),
			.tells_generation = generations,
			.rings = random_chance(&w->random, 600),
			.properties = FFA_PROP_DIRECT_REQ_RECEIVE | (dice < 7           ? both
									    : dice == 7 ? 0u
									    : dice == 8 ? FFA_PROP_VM_CREATED
											: FFA_PROP_VM_DESTROYED),
		};
	}
	if (random_chance(&w->random, 600))
		w->sp[w->sp_count++] = (struct fake_sp) { .id = FFA_ID_SPMC, .present = true, .instance = 1,
			.profile = PROFILE_SPMC, .properties = FFA_PROP_DIRECT_REQ_RECEIVE | both };
}

static void unmake(struct world *w)
{
	for (size_t i = 0; i < w->sp_count; i++)
		free(w->sp[i].book);
}

const struct side_ops fake_side = {
	.make = make,
	.free = unmake,
	.sent = sent,
	.execute = execute,
	.connect = connect,
	.discover = discover,
	.dropped = dropped,
	.mischief = mischief,
	.reboot = reboot,
	.calm = dropped,
};
