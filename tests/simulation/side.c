/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/side.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spmc/options.h"
#include "spmc/personality.h"
#include "spmc/schedule.h"
#include "spmc/spmc.h"
#include "spmc/world.h"

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)
#define S  UINT64_C(1000000000)

struct side {
	struct world world;
	struct schedule schedule;
	bool faults;
	uint64_t finish_at; /* of a live activation: FINISH is said then */
	uint32_t finish_of;
	int buffer;
	uint32_t reformed; /* SPs by index: what took a liar's place has another UUID */
	uint32_t messages; /* of side_bug */
};

enum side_bug side_bug;

/* ---- who is there ---- */

static const char *const kinds[] = { "trusty", "optee-spmc", "optee-el3", "optee-hafnium", "hafnium", "el3", "strict",
	"slow" };
#define KINDS (sizeof(kinds) / sizeof(*kinds))

static bool odds(struct random *dice, unsigned in_thousand)
{
	return random_chance(dice, in_thousand);
}

/*
 * An SP that hears of beginnings alone is told of an id again and again, and never of an end: only one that takes that
 * for granted can be asked so. One that hears of ends alone is one that answers to whatever it does not know.
 */
static uint32_t choose_subscription(const struct sp_config *c, struct random *dice)
{
	uint64_t what = random_below(dice, 10);

	if (what == 7)
		return 0;
	if (what == 8 && c->personality != PERSONALITY_TRUSTY)
		return FFA_PROP_VM_DESTROYED;
	if (what == 9 && personality_get(c->personality)->created == personality_optee.created)
		return FFA_PROP_VM_CREATED;
	return FFA_PROP_VM_CREATED | FFA_PROP_VM_DESTROYED;
}

static void make_faulty(struct sp_config *c, struct random *dice)
{
	c->abort_action = (uint32_t)random_below(dice, SP_ABORT_COUNT);
	c->boot_us = odds(dice, 500) ? (uint32_t)random_below(dice, 50000) : 0;
	c->silent = odds(dice, 250);
	c->changes = odds(dice, 300) ? (uint32_t)random_below(dice, SP_CHANGES_VERSION + 1) : SP_CHANGES_NOTHING;
	c->live = c->live || odds(dice, 300);
	if (personality_get(c->personality)->answers_version) /* an OP-TEE is known by its UUID */
		c->changes = c->changes == SP_CHANGES_UUID ? SP_CHANGES_NOTHING : c->changes;
	if (odds(dice, 50))
		c->virtualization = false;
	if (odds(dice, 100))
		c->capacity = (uint32_t)random_between(dice, 1, 6);
}

/* Of a Trusty-like one: some take their time, and some have a client on the host, so a pseudo-VM while they know nobody. */
static void make_notifiers(struct sp_config *c, struct random *dice)
{
	c->host_client = odds(dice, 300);
	c->listed = odds(dice, 300) ? (uint32_t)random_between(dice, 1, 3) : 0;
	for (uint32_t i = 0; i < c->listed; i++)
		c->list[i] = (struct sp_notifier){ .name = { (char)('a' + i) }, .callback = { .kind = NOTIFIER_HOLD,
			.fails = odds(dice, 200), .hold = random_between(dice, 0, odds(dice, 100) ? 300 * MS : 3 * MS) } };
}

static void make_sp(struct side *s, struct random *dice, uint16_t id, const char *kind)
{
	struct sp_config c;
	struct complaint why;

	if (options_begin_sp(&c, kind, &why) < 0)
		abort();
	c.id = id;
	c.subscribed = choose_subscription(&c, dice);
	c.doorbell = odds(dice, 600);
	c.notifiers = (uint32_t)random_below(dice, 4);
	if (c.personality == PERSONALITY_TRUSTY)
		make_notifiers(&c, dice);
	c.tick_us = (uint32_t)random_between(dice, 20, odds(dice, 100) ? 200000 : 2000);
	c.trick = (uint32_t)random_below(dice, HOSTILE_TRICK_COUNT);
	if (c.delay_us || odds(dice, 200))
		c.delay_us = (uint32_t)random_between(dice, 100, odds(dice, 200) ? 150000 : 3000);
	if (s->faults)
		make_faulty(&c, dice);
	if (options_end_sp(&s->world.config, &c, &why) < 0)
		abort();
}

struct side *side_new(struct random *dice, size_t sp_count, bool faults, uint64_t now)
{
	static const enum world_spmc one[] = { WORLD_SPMC_OWN, WORLD_SPMC_EL3, WORLD_SPMC_HAFNIUM };
	struct side *s = calloc(1, sizeof(*s));
	size_t hostile = faults && odds(dice, 300) ? random_below(dice, sp_count + 1) : SIZE_MAX;

	if (!s)
		abort();
	s->faults = faults;
	s->buffer = -1;
	s->finish_at = SIDE_NEVER;
	s->world.config.seed = (uint32_t)random_next(dice);
	s->world.config.spmc = odds(dice, 500) ? WORLD_SPMC_AUTO : one[random_below(dice, 3)];
	s->world.config.discovery = odds(dice, 300) ? WORLD_DISCOVERY_RX : WORLD_DISCOVERY_SPMC;
	for (size_t i = 0; i < sp_count; i++)
		make_sp(s, dice, (uint16_t)(0x8001 + i), i == hostile ? "hostile" : kinds[random_below(dice, KINDS)]);
	s->world.book = calloc(1, world_size((uint32_t)sp_count));
	if (!s->world.book)
		abort();
	for (int i = 0; i < WORLD_EVENT_COUNT; i++)
		s->schedule.at[i] = WORLD_NEVER;
	return s;
}

void side_free(struct side *s)
{
	if (s)
		free(s->world.book);
	free(s);
}

size_t side_count(const struct side *s)
{
	return s->world.config.sp_count;
}

/* ---- calls ---- */

/* One message in eight does not get through, and is answered as if it had. */
static bool swallow(struct side *s, uint64_t x[FFA_REGISTERS])
{
	uint32_t ids = (uint32_t)x[FFA_AVAIL_IDS], type = (uint8_t)x[FFA_AVAIL_TYPE];
	uint32_t bug = type == FFA_VM_DESTROYED_REQ ? SIDE_KEEPS : SIDE_IGNORES;

	if ((uint32_t)x[0] != FFA_MSG_SEND_DIRECT_REQ || !((uint32_t)x[FFA_AVAIL_TYPE] & FFA_FRAMEWORK) || side_bug != bug || ++s->messages % 8)
		return false;
	memset(x, 0, FFA_REGISTERS * sizeof(*x));
	x[0] = FFA_MSG_SEND_DIRECT_RESP;
	x[FFA_AVAIL_IDS] = ids << 16;
	x[FFA_AVAIL_TYPE] = FFA_FRAMEWORK | (type + 1);
	return true;
}

static void forget_one(struct side *s)
{
	for (uint32_t i = 0; i < s->world.config.sp_count; i++)
		for (uint32_t vm = 0; vm < s->world.book->sp[i].end; vm++)
			if (s->world.book->sp[i].vm[vm].state == SP_VM_AVAILABLE) {
				sp_set(&s->world.book->sp[i], (uint16_t)vm, SP_VM_ABSENT, 0);
				return;
			}
}

bool side_call(struct side *s, uint64_t now, uint64_t name, uint64_t x[FFA_REGISTERS])
{
	if (swallow(s, x))
		return true;
	if (side_bug == SIDE_FORGETS && ++s->messages % 256 == 0)
		forget_one(s);
	s->world.call = name;
	return world_call(&s->world, (struct world_time){ .monotonic = now, .realtime = now }, x);
}

bool side_answer(struct side *s, uint64_t *ret_name, uint64_t x[FFA_REGISTERS])
{
	return world_answer(&s->world, ret_name, x);
}

bool side_doorbell(struct side *s, uint16_t *ret_sp, uint32_t *ret_generation)
{
	struct world *w = &s->world;
	uint32_t i;

	if (!w->doorbells && w->rings) {
		w->rings = false;
		*ret_sp = FFA_ID_SPMC;
		*ret_generation = 0;
		return true;
	}
	if (!w->doorbells)
		return false;
	i = (uint32_t)__builtin_ctzll(w->doorbells);
	w->doorbells &= w->doorbells - 1;
	*ret_sp = w->book->sp[i].id;
	*ret_generation = w->config.sp[i].silent ? 0 : w->book->sp[i].generation;
	return true;
}

void side_abandon(struct side *s)
{
	world_abandon(&s->world);
	s->world.doorbells = 0;
	s->world.rings = false;
	side_buffer(s, -1);
}

static int put(void *context, const void *bytes, size_t count)
{
	struct side *s = context;

	return pwrite(s->buffer, bytes, count, 0) == (ssize_t)count ? 0 : -ENOMEM;
}

void side_buffer(struct side *s, int fd)
{
	s->buffer = fd;
	s->world.rx = fd < 0 ? (struct world_rx){ 0 } : (struct world_rx){ .put = put, .context = s };
}

/* ---- what it does by itself ---- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t side_next(const struct side *s)
{
	return earlier(earlier(world_next(&s->world), schedule_next(&s->schedule)), s->finish_at);
}

/* Whoever began a live activation ends it some time after. */
static void activate(struct side *s, uint32_t index, uint64_t now)
{
	if (world_event(&s->world, WORLD_ACTIVATE, index, now) != FFA_OK)
		return;
	s->finish_of = index;
	s->finish_at = now + s->world.config.sp[index].boot_us * US + MS;
}

static void finish(struct side *s, uint64_t now)
{
	int32_t status = world_event(&s->world, WORLD_FINISH, s->finish_of, now);
	bool again = status == FFA_DENIED && s->world.book->sp[s->finish_of].activation == SP_ACTIVATION_START;

	s->finish_at = again ? now + MS : SIDE_NEVER; /* a process that was restarted meanwhile copies the package anew */
}

static void follow_schedule(struct side *s, uint64_t now)
{
	enum world_event event;
	uint32_t sp;

	while (schedule_next(&s->schedule) <= now &&
		schedule_take(&s->schedule, s->world.config.sp_count, now, &event, &sp)) {
		if (event == WORLD_ACTIVATE)
			activate(s, sp, now);
		else
			(void)world_event(&s->world, event, sp, now);
	}
}

void side_work(struct side *s, uint64_t now)
{
	follow_schedule(s, now);
	if (world_next(&s->world) <= now)
		world_work(&s->world, now);
	if (s->finish_at <= now)
		finish(s, now);
}

bool side_wants_reset(const struct side *s)
{
	return s->world.reset_wanted;
}

void side_reset(struct side *s, const uint8_t instance[16])
{
	s->finish_at = SIDE_NEVER;
	world_reset(&s->world, instance);
}

/* What is not in the book goes with the process: calls that were to be answered later, bells, plans. */
void side_restart(struct side *s, uint64_t now)
{
	struct world w = { .book = s->world.book, .config = s->world.config };

	w.monotonic = w.realtime = now;
	s->world = w;
	world_recover(&s->world);
}

void side_instance(const struct side *s, uint8_t ret[16])
{
	memcpy(ret, s->world.book->instance, sizeof(s->world.book->instance));
}

/* ---- what can be seen ---- */

void side_look(const struct side *s, size_t index, struct side_sp *ret)
{
	const struct sp_config *c = &s->world.config.sp[index];
	const struct sp *sp = &s->world.book->sp[index];

	*ret = (struct side_sp){
		.id = sp->id,
		.personality = personality_get(c->personality)->name,
		.properties = sp_properties(&s->world, (uint32_t)index),
		.generation = sp->generation,
		.tells = !c->silent,
		.there = sp->state != SP_NULL,
		.dead = sp->state == SP_NULL || sp->state == SP_ABORTING,
		.runs = sp->state == SP_RUNNING && !sp->panicked,
		.panicked = sp->panicked,
		.open = sp->open,
		.late = s->world.late[index].due != WORLD_NEVER,
		.doubtful = c->silent && (c->changes != SP_CHANGES_NOTHING || s->reformed & 1u << index),
		.hostile = c->personality == PERSONALITY_HOSTILE,
		.trusty = c->personality == PERSONALITY_TRUSTY,
		.optee = c->personality == PERSONALITY_OPTEE || c->personality == PERSONALITY_OPTEE_EL3 ||
			c->personality == PERSONALITY_OPTEE_HAFNIUM,
		.pending = sp->pending,
		.pending_vm = sp->pending_vm,
		.end = sp->end,
	};
}

enum side_vm side_knows(const struct side *s, size_t index, uint16_t vm, uint16_t *ret_objects)
{
	static const enum side_vm states[SP_VM_STATE_COUNT] = {
		[SP_VM_ABSENT] = SIDE_ABSENT,
		[SP_VM_FRESH] = SIDE_FRESH,
		[SP_VM_AVAILABLE] = SIDE_AVAILABLE,
		[SP_VM_DESTROY_NOTIFYING] = SIDE_NOTIFYING,
		[SP_VM_DESTROY_NOTIFIED] = SIDE_NOTIFIED,
	};
	const struct sp *sp = &s->world.book->sp[index];
	bool pseudo = vm == FFA_ID_HYPERVISOR && sp->pseudo; /* nobody was told of that one */

	*ret_objects = pseudo ? 0 : sp->vm[vm].objects;
	return pseudo ? SIDE_ABSENT : states[sp->vm[vm].state];
}

bool side_has_bitmaps(const struct side *s)
{
	return spmc_of_world(&s->world)->bitmaps && spmc_version(&s->world) >= FFA_VERSION_WORD(1, 1);
}

bool side_has_bitmap(const struct side *s, uint16_t vm)
{
	return world_bitmap(s->world.book, vm);
}

void side_pend(struct side *s, struct random *dice, uint16_t vm)
{
	struct vm_bitmap *b = world_bitmap(s->world.book, vm);

	if (b && odds(dice, 500))
		b->pending |= 4;
	else if (b)
		b->pending_at[random_below(dice, b->vcpus)] |= 2;
}

void side_notify(struct side *s, struct random *dice, uint16_t vm)
{
	const struct vm_bitmap *b = world_bitmap(s->world.book, vm);
	unsigned first = (unsigned)random_below(dice, 64);

	for (unsigned i = 0; b && i < 64; i++) {
		unsigned bit = (first + i) % 64;
		int sp = b->sender[bit] ? world_find(&s->world, b->sender[bit]) : -1;
		int32_t vcpu = b->per_vcpu >> bit & 1 ? (int32_t)random_below(dice, b->vcpus) : WORLD_NOTIFY_GLOBAL;

		if (sp < 0)
			continue;
		(void)world_notify(&s->world, (uint32_t)sp, vm, vcpu, 1ull << bit);
		return;
	}
}

bool side_is_untold(const struct side *s, uint16_t vm)
{
	const struct vm_bitmap *b = world_bitmap(s->world.book, vm);

	return b && (b->untold || b->untold_global);
}

/* Of what an SP has set and the VM has bound to it. */
bool side_is_notified(const struct side *s, uint16_t vm)
{
	const struct vm_bitmap *b = world_bitmap(s->world.book, vm);
	uint64_t all = b ? b->pending : 0;

	for (unsigned i = 0; b && i < b->vcpus; i++)
		all |= b->pending_at[i];
	for (unsigned i = 0; all && i < 64; i++)
		if (all >> i & 1 && b->sender[i])
			return true;
	return false;
}

/* ---- what goes wrong ---- */

/* The next few messages are met so. */
void side_noise(struct side *s, struct random *dice, size_t index, enum side_noise what)
{
	static const enum sp_fault faults[SIDE_NOISES] = {
		[SIDE_BUSY] = SP_FAULT_BUSY,
		[SIDE_INTERRUPTED] = SP_FAULT_INTERRUPTED,
		[SIDE_PREEMPTED] = SP_FAULT_PREEMPT,
		[SIDE_YIELDED] = SP_FAULT_YIELD,
		[SIDE_ABORTS] = SP_FAULT_ABORT,
		[SIDE_MUTE] = SP_FAULT_MUTE,
	};
	enum sp_fault f = faults[what];

	s->world.config.sp[index].faults[f] = s->world.book->sp[index].faults[f] + (uint32_t)random_between(dice, 1, 3);
}

void side_quiet(struct side *s, size_t index)
{
	struct sp_config *c = &s->world.config.sp[index];

	memcpy(c->faults, s->world.book->sp[index].faults, sizeof(c->faults));
}

void side_stick(struct side *s, size_t index, bool stuck)
{
	s->world.config.sp[index].stuck = stuck;
	world_plan(&s->world, (uint32_t)index, s->world.monotonic);
}

/* Whoever goes comes back: restarts are in every schedule. */
void side_schedule(struct side *s, struct random *dice, uint64_t now)
{
	uint64_t *mean = s->world.config.schedule;

	for (int i = 0; i < WORLD_EVENT_COUNT; i++)
		if (i != WORLD_FINISH && odds(dice, i == WORLD_PANIC || i == WORLD_RESET ? 50 : 350))
			mean[i] = random_between(dice, 300, 6000) * MS;
	mean[WORLD_RESTART] = random_between(dice, 300, 4000) * MS;
	schedule_start(&s->schedule, &s->world.config, now);
}

/* A liar is not to be had back: what takes its place is another image, so another instance. */
static void reform(struct side *s, uint32_t index, uint64_t now)
{
	struct sp_config *c = &s->world.config.sp[index];
	struct sp *sp = &s->world.book->sp[index];
	bool lied = c->personality == PERSONALITY_HOSTILE;

	s->reformed |= lied ? 1u << index : 0;
	c->stuck = false;
	c->capacity = UINT16_MAX;
	side_quiet(s, index);
	if (lied)
		sp->personality = c->personality = PERSONALITY_STRICT;
	if (lied || sp->panicked || sp->state == SP_ABORTING || sp->state == SP_NULL)
		(void)world_event(&s->world, WORLD_RESTART, index, now);
	world_plan(&s->world, index, now);
}

void side_calm(struct side *s, uint64_t now)
{
	memset(&s->schedule, 0, sizeof(s->schedule));
	for (int i = 0; i < WORLD_EVENT_COUNT; i++)
		s->schedule.at[i] = WORLD_NEVER;
	for (uint32_t i = 0; i < s->world.config.sp_count; i++)
		reform(s, i, now);
}
