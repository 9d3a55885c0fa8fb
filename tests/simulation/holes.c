/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/simulation/holes.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOLES_MAX  4
#define INPUTS_MAX 4096
#define PATIENCE   (400 * S)
#define STRANGER   "stranger"

/* A place in the log: a change, or (change == WHOLE) a line. */
struct hole {
	size_t line, change;
};
#define WHOLE SIZE_MAX

/* The world after: everybody answers, in order, at once. VMMs are dead. */
struct after {
	struct engine *engine;
	const struct stored_turn *line;
	size_t lines, at; /* at: the one that is loaded */
	size_t gone;      /* so many in front are not there */
	struct hole hole[HOLES_MAX];
	size_t holes, refused;
	uint16_t lost_id; /* of a life whose beginning is a hole; 0: none is */
	bool nobody_knows; /* it: the SPs are others than those that were met since it was lost, or there are none */
	bool reused;       /* the lost id was given out before that */
	bool given_again;
	uint64_t now, wake;
	struct input input[INPUTS_MAX];
	size_t first, count;
	struct secure_world world;
};

static void later(struct after *a, struct input in)
{
	if (a->count == INPUTS_MAX)
		abort();
	a->input[(a->first + a->count++) % INPUTS_MAX] = in;
}

/* ---- what the daemon does to it ---- */

static int commit(void *after, const struct turn *turn)
{
	engine_committed(((struct after *)after)->engine, turn->last_seq);
	return 0;
}

static bool wants_snapshot(void *after)
{
	return false;
}

static const struct store_ops store = { .commit = commit, .wants_snapshot = wants_snapshot };

static void answered(void *after, struct committed proof, const struct answer *answer)
{
}

static const struct answer_ops answers = { answered };

static void called(void *after, struct committed proof, const struct secure_call *call)
{
	later(after, (struct input){ .kind = IN_SECURE_REPLY,
			     .reply = { .sp = call->sp,
				     .verdict = call->run ? VERDICT_IDLE : VERDICT_ACK,
				     .kind = call->run ? CALL_NONE : call->kind } });
}

static void met(struct after *a)
{
	struct secure_world *world = malloc(sizeof(*world));

	if (!world)
		abort();
	*world = a->world;
	later(a, (struct input){ .kind = IN_SECURE_UP, .world = world });
}

static void discover(void *after, struct committed proof)
{
	met(after);
}

static const struct secure_ops secure = { called, discover };

static void gone(struct after *a, uint64_t life)
{
	later(a, (struct input){ .kind = IN_VMM_GONE, .life = life, .end.cause = CAUSE_VMM_GONE });
}

static void born(struct after *a, const struct birth_place *place)
{
	struct input in = { .kind = IN_VMM_NEWBORN, .life = place->life, .newborn = { .connection = 1, .pid = 77 } };

	memcpy(in.newborn.name, place->definition->name, sizeof(in.newborn.name));
	later(a, in);
}

static void vmm_start(void *after, struct committed proof, const struct birth_place *place)
{
	struct after *a = after;

	if (place->endpoint == a->lost_id && place->life > a->line[a->lines - 1].turn.last_seq) { /* a life of this daemon's */
		a->reused |= !a->nobody_knows;
		a->given_again = true;
	}
	if (strcmp(place->definition->name, STRANGER) == 0) /* nothing was lost of this one: it comes as far as its guest */
		born(a, place);
	else
		later(a, (struct input){ .kind = IN_VMM_FAILED, .life = place->life, .end.cause = CAUSE_START_FAILED });
}

static void vmm_of(void *after, struct committed proof, uint64_t life, uint64_t connection)
{
	later(after, (struct input){ .kind = IN_VMM_BUILT, .life = life });
}

static void vmm_welcome(void *after, struct committed proof, uint64_t life)
{
}

static void vmm_refuse(void *after, struct committed proof, uint64_t connection, const char *reason)
{
}

static void vmm_told(void *after, struct committed proof, uint64_t life, enum vmm_command command)
{
	gone(after, life);
}

static void vmm_answer(void *after, struct committed proof, uint64_t life, const struct guest_call *answer)
{
}

static void vmm_notify(void *after, struct committed proof, uint64_t life, const struct guest_notice *notice)
{
}

static void vmm_message(void *after, struct committed proof, uint64_t life, uint64_t number, const uint8_t *bytes, uint32_t size)
{
}

static void reclaim(void *after, struct committed proof, uint64_t life, bool huge)
{
	later(after, (struct input){ .kind = IN_RECLAIMED, .life = life });
}

static const struct fleet_ops fleet = { vmm_start, vmm_of, vmm_welcome, vmm_refuse, vmm_told, vmm_answer, vmm_notify, vmm_message,
	reclaim };

static void lease_word(void *after, struct committed proof, const struct lease_word *word)
{
}

static const struct lease_ops leases = { lease_word, lease_word };

static uint64_t monotonic(void *after)
{
	return ((struct after *)after)->now;
}

static void wake_at(void *after, uint64_t at)
{
	((struct after *)after)->wake = at;
}

static void soon(void *after)
{
	((struct after *)after)->wake = 0;
}

static const struct clock_ops clock_port = { monotonic, monotonic, wake_at, soon };

/* ---- the log, with holes ---- */

static bool is_hole(const struct after *a, size_t line, size_t change)
{
	for (size_t i = 0; i < a->holes; i++)
		if (a->hole[i].line == line && a->hole[i].change == change)
			return true;
	return line < a->gone;
}

static bool before(void *after, size_t i)
{
	const struct after *a = after;

	return !is_hole(a, a->at, i);
}

static void refused(void *after, size_t i)
{
	((struct after *)after)->refused++;
}

static void make_holes(struct after *a, struct random *dice)
{
	if (random_chance(dice, 150)) /* up to all of it */
		a->gone = random_between(dice, 1, a->lines);
	a->holes = random_between(dice, 1, HOLES_MAX);
	for (size_t i = 0; i < a->holes; i++) {
		struct hole *h = &a->hole[i];

		h->line = random_below(dice, a->lines);
		h->change = random_chance(dice, 400) || !a->line[h->line].turn.count
			? WHOLE : random_below(dice, a->line[h->line].turn.count);
	}
}

/* The SPs are there still, or are others, as they were last seen. */
static void remember_sps(struct after *a, struct random *dice)
{
	uint32_t more = random_chance(dice, 500);

	for (size_t i = 0; i < a->lines; i++)
		for (size_t k = 0; k < a->line[i].turn.count; k++) {
			const struct change *c = &a->line[i].turn.change[k];
			size_t n = 0;

			if (c->kind == CHANGE_WORLD)
				memcpy(a->world.instance, c->world.instance, sizeof(a->world.instance));
			if (c->kind != CHANGE_SP || c->sp.status == SP_GONE)
				continue;
			while (n < a->world.count && a->world.sp[n].id != c->sp.id)
				n++;
			if (n == MODEL_SP_MAX)
				continue;
			a->world.sp[n] = c->sp;
			a->world.sp[n].generation += more;
			if (n == a->world.count)
				a->world.count++;
		}
	if (random_chance(dice, 250))
		a->world.instance[0] ^= 1;
}

/* Any of those that a hole tells of. It may be known still, from another line. */
static void find_lost_id(struct after *a, struct random *dice)
{
	uint64_t lost = 0;

	for (size_t i = 0; i < a->lines; i++)
		for (size_t k = 0; k < a->line[i].turn.count; k++) {
			const struct change *c = &a->line[i].turn.change[k];

			if (c->kind != CHANGE_LIFE || (!is_hole(a, i, k) && !is_hole(a, i, WHOLE)))
				continue;
			if (random_below(dice, ++lost) == 0)
				a->lost_id = c->begun.endpoint;
		}
}

/* Few ids, so that it would be the next, were it not burned. */
static void narrow(const struct after *a, struct engine_config *config)
{
	if (!a->lost_id)
		return;
	config->first_id = a->lost_id;
	config->last_id = a->lost_id < FFA_ID_VM_LAST ? a->lost_id + 1 : a->lost_id;
}

static void load(struct after *a)
{
	const struct load_guard guard = { before, refused, false, a };

	for (a->at = 0; a->at < a->lines; a->at++) {
		struct turn t;

		if (is_hole(a, a->at, WHOLE))
			continue;
		t = disk_copy_turn(&a->line[a->at].turn);
		if (engine_load(a->engine, &t, a->line[a->at].snapshot, &guard) < 0)
			abort();
		free(t.change);
	}
}

static void adopt(void *after, uint64_t life, const struct change_vmm *vmm, const char *name, bool huge)
{
	gone(after, life);
}

/* ---- to its end ---- */

static void turn(struct after *a)
{
	if (a->count) {
		struct input in = a->input[a->first];

		a->first = (a->first + 1) % INPUTS_MAX;
		a->count--;
		if (engine_post(a->engine, &in) < 0)
			abort();
	} else if (a->wake > a->now) {
		a->now = a->wake;
	}
	engine_wake(a->engine);
}

static void run_until(struct after *a, uint64_t end)
{
	while (a->now < end && (a->count || a->wake < end))
		turn(a);
	a->now = end;
	engine_wake(a->engine);
}

/* Somebody asks for an id, whatever is left. */
static void define_stranger(struct after *a)
{
	struct input in = { .kind = IN_REQUEST, .request = { .verb = REQUEST_DEFINE, .name = STRANGER } };
	struct vm_definition *d = calloc(1, sizeof(*d));

	if (!d)
		abort();
	(void)snprintf(d->name, sizeof(d->name), "stranger");
	memset(d->uuid, 0x77, sizeof(d->uuid));
	d->vcpu_count = 1;
	d->memory_bytes = DEFINITION_MEMORY_MIN;
	d->limits.build_timeout_ms = d->limits.announce_timeout_ms = d->limits.stop_timeout_ms = 1000;
	in.request.definition = d;
	later(a, in);
}

static void ask_all(struct after *a, enum request_verb verb)
{
	const struct rows *rows = engine_rows(a->engine);

	for (size_t i = 0; i < rows_vm_count(rows); i++) {
		struct input in = { .kind = IN_REQUEST, .request.verb = verb };

		memcpy(in.request.name, rows_vm_at(rows, i)->name, sizeof(in.request.name));
		later(a, in);
	}
}

static __attribute__((format(printf, 4, 5))) void broken(const struct after *a, struct failure *f, const char *promise,
	const char *format, ...)
{
	size_t used;
	va_list args;

	f->failed = true;
	f->promise = promise;
	va_start(args, format);
	(void)vsnprintf(f->text, sizeof(f->text), format, args);
	va_end(args);
	for (size_t i = 0; i < a->holes; i++) {
		used = strlen(f->text);
		(void)snprintf(f->text + used, sizeof(f->text) - used, "%s %zu/%zd", i ? "" : "; holes", a->hole[i].line,
			(ssize_t)a->hole[i].change);
	}
}

/* Nobody has met an SP yet: of whom something is under way, and who has no life, says on whom it waits. */
static void look_who_waits(const struct after *a, struct failure *f)
{
	const struct rows *rows = engine_rows(a->engine);

	for (size_t i = 0; i < rows_vm_count(rows); i++) {
		const struct vm_row *row = rows_vm_at(rows, i);

		if (!row->life && row->operation != OP_NONE && row->waits.on == WAIT_NOTHING)
			broken(a, f, "P6", "%s has operation %u and no life, and does not say on whom it waits", row->name,
				row->operation);
	}
}

/* Everybody is another. False: that cannot be told, of one at least. */
static bool become_others(struct secure_world *world)
{
	static const uint8_t untold[16];
	bool told = true;

	for (size_t i = 0; i < world->count; i++)
		told &= world->sp[i].generation++ > 0;
	if (memcmp(world->instance, untold, sizeof(untold)) == 0)
		return told;
	world->instance[1] ^= 1;
	return memcmp(world->instance, untold, sizeof(untold)) != 0 || told;
}

/* After each SP was met, and then again as another. */
static void look_what_is_burned(const struct after *a, struct failure *f)
{
	const struct rows *rows = engine_rows(a->engine);

	for (size_t i = 0; i < rows_burned_count(rows) && a->nobody_knows; i++)
		if (rows_burned_at(rows, i)->endpoint == a->lost_id)
			broken(a, f, "P6", "id 0x%04x is kept back at SP %04x for a secure world that is gone", a->lost_id,
				rows_burned_at(rows, i)->sp);
}

/* Each SP answers at once, so whoever was to start is told of by now. */
static void look_who_is_announced(const struct after *a, struct failure *f)
{
	const struct rows *rows = engine_rows(a->engine);

	for (size_t i = 0; i < rows_vm_count(rows); i++)
		if (rows_vm_at(rows, i)->substate == VM_SUB_ANNOUNCING)
			broken(a, f, "P6", "%s is announced, and SP %04x takes it not", rows_vm_at(rows, i)->name,
				rows_vm_at(rows, i)->waits.sp);
}

static void look(struct after *a, struct failure *f)
{
	const struct rows *rows = engine_rows(a->engine);

	if (a->reused)
		broken(a, f, "P2", "id 0x%04x of a life that is lost was given out", a->lost_id);
	else if (rows_vm_count(rows) > 0)
		broken(a, f, "P6", "%s is there still, in state %u/%u", rows_vm_at(rows, 0)->name, rows_vm_at(rows, 0)->state,
			rows_vm_at(rows, 0)->substate);
	else if (!engine_is_quiet(a->engine))
		broken(a, f, "P6", "an old life never ends");
}

static void count(const struct after *a, struct holes_sum *sum)
{
	const struct rows *rows = engine_rows(a->engine);

	sum->tries++;
	sum->refused += a->refused;
	sum->lost_ids += a->lost_id != 0;
	sum->vms += rows_vm_count(rows);
	for (size_t i = 0; i < rows_vm_count(rows); i++)
		sum->lives += rows_vm_at(rows, i)->life != 0;
}

/* `away`: no SP is met before somebody asks for an id. */
static void go_on(struct after *a, bool away, struct failure *f)
{
	define_stranger(a);
	if (away) {
		run_until(a, a->now + 10 * S);
		look_who_waits(a, f);
		ask_all(a, REQUEST_START);
		run_until(a, a->now + S);
		look_who_waits(a, f);
	}
	a->nobody_knows = !a->world.count;
	met(a);
	run_until(a, a->now + 10 * S);
	ask_all(a, REQUEST_START);
	run_until(a, a->now + 10 * S);
	a->nobody_knows |= become_others(&a->world);
	met(a);
	run_until(a, a->now + 10 * S);
	look_what_is_burned(a, f);
	ask_all(a, REQUEST_START);
	run_until(a, a->now + 10 * S);
	look_who_is_announced(a, f);
	ask_all(a, REQUEST_DESTROY);
	run_until(a, a->now + PATIENCE);
	if (!f->failed)
		look(a, f);
}

static void try_holes(const struct world *w, struct random *dice, struct holes_sum *sum, struct failure *f)
{
	static struct after a;
	struct engine_config config = { .random = random_next(dice), .incarnation = w->now, .has_secure_side = true };
	struct engine_ports ports = { .store = &store,
		.answer = &answers,
		.secure = &secure,
		.fleet = &fleet,
		.clock = &clock_port,
		.lease = &leases,
		.store_arg = &a,
		.answer_arg = &a,
		.secure_arg = &a,
		.fleet_arg = &a,
		.clock_arg = &a,
		.lease_arg = &a };

	a = (struct after){ .line = w->disk.line, .lines = random_between(dice, 1, w->disk.count), .now = w->now };
	memcpy(config.boot, a.line[a.lines - 1].turn.boot, sizeof(config.boot));
	make_holes(&a, dice);
	remember_sps(&a, dice);
	find_lost_id(&a, dice);
	narrow(&a, &config);
	if (engine_new(&config, &ports, &a.engine) < 0)
		abort();
	load(&a);
	if (a.lost_id && engine_lose_id(a.engine, a.lost_id) < 0)
		abort();
	engine_each_vmm(a.engine, adopt, &a);
	if (engine_start(a.engine) < 0 || engine_autostart(a.engine) < 0)
		abort();
	count(&a, sum);
	go_on(&a, random_chance(dice, 400), f);
	sum->given_again += a.given_again;
	engine_free(a.engine);
}

bool holes_go(uint64_t seed, unsigned worlds, struct holes_sum *sum, struct failure *f)
{
	struct random seeds = { seed };

	while (!f->failed && worlds--) {
		struct world *w = malloc(sizeof(*w));
		uint64_t number = random_next(&seeds) % 1000000000;
		struct random dice = { number };

		if (!w)
			abort();
		(void)world_run(w, &fake_side, number, 40, true, false); /* what it is worth is asked elsewhere */
		for (unsigned i = 0; !f->failed && i < 60 && w->disk.count; i++)
			try_holes(w, &dice, sum, f);
		sum->worlds++;
		world_free(w);
		free(w);
	}
	return !f->failed;
}
