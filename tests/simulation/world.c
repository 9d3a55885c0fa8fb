/* SPDX-License-Identifier: Apache-2.0 */

/* A world: the clock, the loop, the daemon's deaths and births, and what goes wrong when. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simulation/sim.h"

uint64_t world_monotonic(const struct world *w)
{
	return w->now - w->boot_base;
}

static uint64_t monotonic(void *clock)
{
	return world_monotonic(clock);
}

static uint64_t realtime(void *clock)
{
	return 1700000000ull * S + ((struct world *)clock)->now;
}

/* Where a timer has its say in a turn, what changed is not the doing of who asked. */
static void nobody_is_alone(struct world *w)
{
	for (size_t i = 0; i < SIM_REQUESTS_MAX; i++)
		w->asked[i].alone = false;
}

static void wake(struct world *w)
{
	if (w->wakes_at <= world_monotonic(w))
		nobody_is_alone(w);
	w->posted = 0;
	w->soon = false;
	w->in_engine = true;
	engine_wake(w->engine);
	w->in_engine = false;
}

static void wakes_late(struct world *w, uint64_t serial, uint64_t incarnation, void *data)
{
	if (serial == w->wake_serial && incarnation == w->incarnation && w->engine)
		wake(w);
}

static void wake_at(void *clock, uint64_t at)
{
	struct world *w = clock;

	w->wake_serial++;
	w->wakes_at = at;
	if (at == UINT64_MAX)
		return;
	at += w->boot_base;
	queue_put(&w->queue, at > w->now ? at : w->now, wakes_late, w->wake_serial, w->incarnation, NULL);
}

static void wakes_soon(struct world *w, uint64_t a, uint64_t incarnation, void *data)
{
	if (incarnation == w->incarnation && w->engine)
		wake(w);
}

static void soon(void *clock)
{
	struct world *w = clock;

	if (w->soon)
		return;
	w->soon = true;
	queue_put(&w->queue, w->now + (random_chance(&w->random, 300) ? random_below(&w->random, 100 * US) : 0),
		wakes_soon, 0, w->incarnation, NULL);
}

static const struct clock_ops clock_ops = { monotonic, realtime, wake_at, soon };

/* Everything the daemon lets out passes here: it may die just before, or just after. A dead daemon lets nothing out. */
bool world_output(struct world *w)
{
	uint64_t dice;

	if (w->dead || !w->faults.crash || w->quiet)
		return !w->dead;
	dice = random_below(&w->random, 100000);
	if (dice >= 2 * w->faults.crash)
		return true;
	w->dead = true;
	wire_note(w, "world the daemon dies %s this:", dice & 1 ? "before" : "after");
	return !(dice & 1);
}

bool world_is_idle(const struct world *w)
{
	return w->engine && !w->dead && !w->posted && !w->soon && !w->disk.pending &&
	       !rows_disk_stuck(engine_rows(w->engine));
}

/* Nobody is alone any more who asked before something else came. */
void world_post(struct world *w, const struct input *in)
{
	for (size_t i = 0; i < SIM_REQUESTS_MAX; i++)
		if (w->asked[i].token && (in->kind != IN_REQUEST || w->asked[i].token != in->request.token))
			w->asked[i].alone = false;
	coverage_note(&w->stats.coverage, in);
	if (engine_post(w->engine, in) < 0)
		abort();
	w->posted++;
}

struct life *world_life(struct world *w, uint64_t number)
{
	struct map_node *n = map_get(&w->lives, number);

	return n ? (struct life *)((char *)n - offsetof(struct life, node)) : NULL;
}

struct life *world_add_life(struct world *w, const struct change *c)
{
	struct life *life = calloc(1, sizeof(*life));

	if (w->life_count == w->life_size) {
		w->life_size = w->life_size ? 2 * w->life_size : 64;
		w->life = realloc(w->life, w->life_size * sizeof(struct life *));
	}
	if (!life || !w->life || map_reserve(&w->lives, w->life_count + 1) < 0)
		abort();
	w->life[w->life_count++] = life;
	life->number = c->life;
	life->endpoint = c->begun.endpoint;
	life->memory_bytes = c->begun.memory_bytes;
	life->vcpu_count = c->begun.vcpu_count;
	life->notifications = c->begun.notifications;
	life->boot = w->boot;
	memcpy(life->name, c->begun.name, sizeof(life->name));
	map_put(&w->lives, &life->node, life->number);
	return life;
}

static void daemon_starts(struct world *w, uint64_t a, uint64_t b, void *data)
{
	struct engine_config config = {
		.random = random_next(&w->random), .memory_limit = w->memory_limit, .first_id = w->first_id,
		.last_id = w->last_id, .has_secure_side = true
	};
	int r;

	if (w->upgrades && random_chance(&w->random, 200))
		w->build = !w->build;
	w->incarnation = config.incarnation = w->now;
	memcpy(config.boot, &w->boot, sizeof(w->boot));
	w->dead = w->soon = w->quitting = w->follows = false;
	memset(&w->told, 0, sizeof(w->told));
	w->posted = 0;
	wire_note(w, "world a daemon starts");
	holders_daemon(w);
	r = engine_new(&config, &w->ports, &w->engine);
	if (r < 0)
		abort();
	disk_load(w);
	fleet_adopt(w);
	w->in_engine = true;
	w->daemon_since = world_monotonic(w);
	r = engine_start(w->engine);
	w->in_engine = false;
	if (r < 0)
		fail(w, "P4", "a daemon cannot start: %d", r);
	if (!w->dead && engine_autostart(w->engine) < 0)
		abort();
	if (!w->dead)
		oracle_follow(w);
	link_come_up(w, random_between(&w->random, 10 * US, random_chance(&w->random, 100) ? 3 * S : 20 * MS));
}

/* What VMMs said to a daemon that died before it stored it, its successor has to be told again. */
static void forget_words(struct world *w)
{
	for (size_t i = 0; i < w->life_count; i++) {
		struct life *life = w->life[i];

		life->proven = life->stored_quiesced;
		life->built &= life->stored_substate > VM_SUB_ALLOCATING;
		life->reclaiming = life->entry_told = false;
		devices_are_forgotten(life);
	}
}

static void end_daemon(struct world *w, bool reboot)
{
	disk_crash(w);
	forget_words(w);
	w->engine = engine_free(w->engine);
	w->dead = w->soon = false;
	w->posted = 0;
	link_crash(w);
	oracle_deadlines_crash(w);
	memset(w->asked, 0, sizeof(w->asked));
	holders_crash(w, reboot);
}

void world_crash(struct world *w)
{
	wire_note(w, "world the daemon is dead");
	w->stats.crashes++;
	end_daemon(w, false);
	fleet_crash(w, false);
	clients_crash(w, false);
	queue_put(&w->queue, w->now + random_between(&w->random, MS, random_chance(&w->random, 100) ? 20 * S : S),
		daemon_starts, 0, 0, NULL);
}

static void reboot(struct world *w)
{
	wire_note(w, "world the host reboots");
	w->stats.reboots++;
	end_daemon(w, true);
	fleet_crash(w, true);
	clients_crash(w, true);
	w->boot++;
	w->autostarted = false;
	oracle_rebooted(w);
	w->boot_base = w->now - random_between(&w->random, S, S + world_monotonic(w)); /* times of the last boot come again */
	w->side->reboot(w);
	queue_put(&w->queue, w->now + S, daemon_starts, 0, 0, NULL);
}

static void leaves(struct world *w, uint64_t incarnation, uint64_t deadline, void *data)
{
	if (!w->engine || incarnation != w->incarnation)
		return;
	if (!engine_is_quiet(w->engine) && w->now < deadline) {
		queue_put(&w->queue, w->now + 50 * MS, leaves, incarnation, deadline, NULL);
		return;
	}
	world_crash(w);
}

static void shut_down(struct world *w)
{
	struct input in = { .kind = IN_SHUTDOWN };

	if (w->quitting)
		return;
	w->quitting = true;
	wire_note(w, "world the daemon is asked to leave");
	world_post(w, &in);
	queue_put(&w->queue, w->now + 50 * MS, leaves, w->incarnation, w->now + 5 * S, NULL);
}

static void something_goes_wrong(struct world *w, uint64_t a, uint64_t b, void *data)
{
	enum mischief what = (enum mischief)(1u << random_below(&w->random, MISCHIEF_KINDS));

	if (w->quiet)
		return;
	queue_put(&w->queue, w->now + random_below(&w->random, 2 * w->faults.mischief * MS), something_goes_wrong, 0, 0,
		NULL);
	what &= w->faults.kinds;
	if (!w->engine)
		return;
	if (what == MISCHIEF_CRASH)
		world_crash(w);
	else if (what == MISCHIEF_REBOOT && random_chance(&w->random, 200))
		reboot(w);
	else if (what == MISCHIEF_DISK)
		w->disk.full_until = w->now + random_between(&w->random, MS, 4 * S);
	else if (what == MISCHIEF_SHUTDOWN)
		shut_down(w);
	else if (what == MISCHIEF_KILL || what == MISCHIEF_PROTOCOL || what == MISCHIEF_VMM_LINK)
		fleet_mischief(w, what);
	else
		link_mischief(w, what);
}

static void make_faults(struct world *w)
{
	w->faults.kinds = (unsigned)(random_next(&w->random) & random_next(&w->random) & MISCHIEF_ALL);
	if (random_chance(&w->random, 300))
		w->faults.kinds |= (unsigned)(random_next(&w->random) & MISCHIEF_ALL);
	w->faults.kinds |= 1u << random_below(&w->random, MISCHIEF_KINDS);
	w->faults.mischief = (unsigned)random_between(&w->random, 50, 1000);
	if (w->faults.kinds & MISCHIEF_CRASH)
		w->faults.crash = (unsigned)random_below(&w->random, 200);
	if (random_chance(&w->random, 300))
		w->faults.vmm_hang = (unsigned)random_below(&w->random, 150);
	if (random_chance(&w->random, 300))
		w->faults.vmm_fail = (unsigned)random_below(&w->random, 150);
	if (random_chance(&w->random, 300))
		w->faults.sp_deny = (unsigned)random_below(&w->random, 100);
	w->upgrades = random_chance(&w->random, 250);
	queue_put(&w->queue, w->now + S, something_goes_wrong, 0, 0, NULL);
}

static void make_world(struct world *w, bool faults)
{
	w->now = S * random_between(&w->random, 10, 1000);
	w->vm_count = random_chance(&w->random, 700) ? random_between(&w->random, 1, 8)
						     : random_between(&w->random, 1, SIM_VM_MAX);
	w->memory_limit = random_chance(&w->random, 300) ? DEFINITION_MEMORY_MIN * 10 * w->vm_count / 2 : 0;
	if (random_chance(&w->random, 300)) { /* too few ids, now and then */
		w->first_id = (uint16_t)random_between(&w->random, FFA_ID_VM_FIRST, 20);
		w->last_id = (uint16_t)(w->first_id + random_between(&w->random, 0, w->vm_count));
	}
	w->disk.delayed = random_chance(&w->random, 400);
	w->disk.snapshot_every = (unsigned)random_between(&w->random, 5, 1000);
	w->world_instance = 1;
	w->guests_call = random_chance(&w->random, 350);
	w->side->make(w, faults);
	if (faults)
		make_faults(w);
	w->ports = (struct engine_ports) {
		.store = &disk_ops,
		.answer = &users_ops,
		.secure = &link_ops,
		.fleet = &fleet_ops,
		.clock = &clock_ops,
		.lease = &holder_ops,
		.store_arg = w,
		.answer_arg = w,
		.secure_arg = w,
		.fleet_arg = w,
		.clock_arg = w,
		.lease_arg = w,
		/* half the followers are told after the acts, as the bus is: all that P4 says holds for them, too */
		.publisher[0] = { &oracle_publish_ops, w, w->vm_count % 2 == 0 },
		.publisher_count = 1,
	};
	queue_put(&w->queue, w->now, daemon_starts, 0, 0, NULL);
	users_start(w);
}

static bool step(struct world *w)
{
	struct happening h;

	if (!queue_take(&w->queue, &h))
		return false;
	w->now = h.at;
	w->stats.steps++;
	h.what(w, h.a, h.b, h.data);
	free(h.data);
	if (w->dead && w->engine)
		world_crash(w);
	if (world_is_idle(w))
		w->idle_at = w->stats.steps;
	oracle_step(w);
	return !w->failure.failed;
}

/* Nothing goes wrong from here on: the secure side is there, the disk has room, who was stuck is not. */
static void calm_down(struct world *w)
{
	w->quiet = true;
	w->disk.full_until = 0;
	wire_note(w, "world is quiet from here on");
	fleet_wake_up(w);
	w->side->calm(w);
	if (w->engine && !w->link.up)
		link_come_up(w, S);
}

static bool run_until_settled(struct world *w)
{
	uint64_t start = w->now, steps = w->stats.steps;

	while (step(w)) {
		if (w->now > start + 60 * S && oracle_is_settled(w))
			return true;
		if (w->now > start + 600 * S || w->stats.steps > steps + 10000000) {
			oracle_never_settles(w);
			return false;
		}
	}
	if (!w->failure.failed && oracle_is_settled(w))
		return true;
	oracle_never_settles(w);
	return false;
}

bool world_run(
	struct world *w, const struct side_ops *side, uint64_t seed, size_t lives, bool faults, bool verbose)
{
	uint64_t begin;

	*w = (struct world) { .seed = seed, .random.state = seed * 0x2545F4914F6CDD1Dull + 1, .lives_wanted = lives,
		.side = side };
	w->wire.verbose = verbose;
	w->holders.any = (seed * 0x9E3779B97F4A7C15ull >> 40) % 3 == 0;
	w->wire.hash = 0xCBF29CE484222325ull;
	make_world(w, faults);
	begin = w->now;
	while (w->life_count < lives && w->now < begin + 900 * S && step(w))
		;
	if (!w->failure.failed) {
		calm_down(w);
		if (run_until_settled(w))
			oracle_settled(w);
	}
	if (!w->failure.failed) {
		users_destroy_all(w);
		if (run_until_settled(w))
			oracle_empty(w);
	}
	w->stats.virtual_time = w->now - begin;
	return !w->failure.failed;
}

void world_free(struct world *w)
{
	engine_free(w->engine);
	disk_free(&w->disk);
	fleet_free(w);
	oracle_definitions_free(w);
	for (size_t i = 0; i < w->life_count; i++)
		free(w->life[i]);
	free(w->life);
	map_free(&w->lives);
	if (w->side)
		w->side->free(w);
	queue_free(&w->queue);
}
