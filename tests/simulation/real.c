/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The world of lifecycled-spmc in the place of the fakes. What its SPs know is read from it after each thing it does,
 * into the books that the oracle reads; a life's number, which no SP is told, comes from the message that it learned it
 * from.
 */

#include "tests/simulation/real.h"

#include "tests/simulation/guest-sp.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

uint32_t real_instance(const struct world *w, size_t index, uint32_t generation)
{
	return w->real->sp[index].base + generation;
}

/* ---- books ---- */

static const uint8_t book_states[] = {
	[SIDE_FRESH] = BOOK_FRESH,
	[SIDE_AVAILABLE] = BOOK_AVAILABLE,
	[SIDE_NOTIFYING] = BOOK_NOTIFYING,
	[SIDE_NOTIFIED] = BOOK_NOTIFIED,
};

static struct book_entry *entry_of(struct fake_sp *sp, uint16_t endpoint)
{
	for (size_t i = 0; i < sp->book_count; i++)
		if (sp->book[i].endpoint == endpoint)
			return &sp->book[i];
	return NULL;
}

static struct book_entry *add_entry(struct fake_sp *sp)
{
	if (sp->book_count == sp->book_size) {
		sp->book_size = sp->book_size ? 2 * sp->book_size : 16;
		sp->book = realloc(sp->book, sp->book_size * sizeof(*sp->book));
		if (!sp->book)
			abort();
	}
	return &sp->book[sp->book_count++];
}

/* Who hears of ends alone has no book: that a guest may have talked to it is told by sp_learns(). */
static bool keeps_book(const struct fake_sp *sp)
{
	return sp->properties & FFA_PROP_VM_CREATED;
}

/* What is new is of the life whose message the SP got last, or of the one whose creation was pending. */
static uint64_t whose(const struct world *w, size_t i, uint16_t vm)
{
	const struct fake_sp *sp = &w->sp[i];

	if (sp->slot.taken && sp->slot.endpoint == vm)
		return sp->slot.life;
	return w->real->sp[i].endpoint == vm ? w->real->sp[i].life : 0;
}

static void read_vm(struct world *w, size_t i, uint16_t vm)
{
	struct fake_sp *sp = &w->sp[i];
	uint16_t objects;
	enum side_vm knows = side_knows(w->real->side, i, vm, &objects);
	struct book_entry *e = entry_of(sp, vm);

	if (knows == SIDE_ABSENT) {
		if (e)
			*e = sp->book[--sp->book_count];
		return;
	}
	if (!e) {
		e = add_entry(sp);
		*e = (struct book_entry) { .life = whose(w, i, vm), .endpoint = vm };
		if (!e->life)
			fail(w, "P1", "SP %04x knows a VM %u that it was not told of", sp->id, vm);
	}
	if (!(sp->properties & FFA_PROP_VM_DESTROYED)) { /* it counts who came, and forgets none: the last one has the id */
		objects = 1;
		e->life = w->real->sp[i].endpoint == vm ? w->real->sp[i].life : e->life;
	}
	e->state = book_states[knows];
	e->objects = (uint8_t)(objects < UINT8_MAX ? objects : UINT8_MAX);
}

static void read_book(struct world *w, size_t i)
{
	struct fake_sp *sp = &w->sp[i];
	const struct side_sp *seen = &w->real->sp[i].seen;

	if (keeps_book(sp))
		for (uint32_t vm = FFA_ID_VM_FIRST; vm < seen->end; vm++)
			read_vm(w, i, (uint16_t)vm);
	if (seen->pending && !(sp->slot.taken && sp->slot.endpoint == seen->pending_vm)) {
		sp->slot.endpoint = seen->pending_vm;
		sp->slot.life = whose(w, i, seen->pending_vm);
	}
	sp->slot.taken = seen->pending;
	sp->open.open = seen->open || seen->late;
	sp->open.life = w->real->sp[i].life;
	sp->open.kind = w->real->sp[i].kind;
	sp->guest_lost = sp->guest_lost && sp->open.open;
}

/* The SPMC's own: it is another instance with its world alone. */
static void read_spmc(struct world *w, size_t i)
{
	struct fake_sp *sp = &w->sp[i];

	if (sp->instance != real_instance(w, i, 1)) {
		sp->instance = real_instance(w, i, 1);
		sp->book_count = 0;
	}
	for (size_t k = 0; k < sp->book_count; k++)
		while (k < sp->book_count && !side_has_bitmap(w->real->side, sp->book[k].endpoint))
			sp->book[k] = sp->book[--sp->book_count];
	if (w->real->sp[i].life && side_has_bitmap(w->real->side, w->real->sp[i].endpoint) &&
		!entry_of(sp, w->real->sp[i].endpoint))
		*add_entry(sp) = (struct book_entry) { .life = w->real->sp[i].life, .endpoint = w->real->sp[i].endpoint,
			.state = BOOK_AVAILABLE, .objects = 1 };
}

/* What is new of an SP; another instance has another book. */
static void read_sp(struct world *w, size_t i)
{
	struct fake_sp *sp = &w->sp[i];
	struct side_sp *seen = &w->real->sp[i].seen;
	bool was_open = seen->open;

	if (sp_is_the_spmc(sp)) {
		read_spmc(w, i);
		return;
	}
	side_look(w->real->side, i, seen);
	if (sp->present != seen->there)
		wire_note(w, "sp    %04x %s", sp->id, seen->there ? "joins" : "leaves");
	sp->present = seen->there;
	sp->hostile = seen->hostile;
	sp->doubtful = seen->doubtful;
	if (sp->instance != real_instance(w, i, seen->generation)) {
		wire_note(w, "sp    %04x is generation %u", sp->id, seen->generation);
		sp->instance = real_instance(w, i, seen->generation);
		guest_answers_lost(w, sp);
		sp->book_count = 0;
		sp->slot.taken = false;
		w->stats.sp_restarts++;
	}
	sp->dead = seen->dead;
	if (sp->dead) /* who hears of ends alone may have been talked to until now */
		sp->book_count = 0;
	if (seen->open && !was_open)
		w->real->sp[i].opened_in = sp->instance;
	read_book(w, i);
}

/* ---- what the side does by itself, and says ---- */

static void works(struct world *w, uint64_t at, uint64_t b, void *data)
{
	if (at != w->real->wakes_at)
		return;
	w->real->wakes_at = SIDE_NEVER;
	side_work(w->real->side, w->now);
	real_touched(w, NULL);
}

static void plan(struct world *w)
{
	uint64_t next = side_next(w->real->side);

	if (next == w->real->wakes_at)
		return;
	w->real->wakes_at = next;
	if (next != SIDE_NEVER)
		queue_put(&w->queue, next > w->now ? next : w->now, works, next, 0, NULL);
}

static void take_reply(
	struct world *w, struct fake_sp *sp, const uint64_t x[FFA_REGISTERS], struct secure_reply *ret)
{
	struct real_sp *r = &w->real->sp[sp - w->sp];
	const struct secure_call *c = &sp->frame.call;

	sp->frame.executed = true;
	classify(c, x, ret);
	if (ret->kind == CALL_GUEST && !sp->hostile && !sp_is_the_spmc(sp))
		guest_served(w, sp, (uint32_t)x[3]);
	if (!c->run || ret->kind == CALL_GUEST || ret->kind == CALL_NONE)
		return;
	/* The answer is that of the call that was open, whatever the daemon takes it for; of a liar's nobody knows which is. */
	if (r->life != c->life && !sp->hostile)
		fail(w, "P1", "the answer of life %" PRIu64 " at %04x is taken for that of life %" PRIu64, r->life, sp->id,
			c->life);
}

static void note_executed(struct world *w, struct fake_sp *sp, uint8_t verdict)
{
	struct real_sp *r = &w->real->sp[sp - w->sp];
	struct book_entry *e = entry_of(sp, r->endpoint);
	struct secure_call c = { .sp = sp->id, .kind = r->kind, .life = r->life, .endpoint = r->endpoint };

	if (!keeps_book(sp) && r->kind == CALL_DESTROYED && e && (verdict == VERDICT_ACK || verdict == VERDICT_INVALID))
		*e = sp->book[--sp->book_count];
	oracle_executed(w, sp, &c, sp->instance);
}

static void late_answers(struct world *w)
{
	uint64_t x[FFA_REGISTERS], name;

	while (side_answer(w->real->side, &name, x)) {
		struct fake_sp *sp = link_sp(w, (uint16_t)name);
		struct secure_reply *reply = calloc(1, sizeof(*reply));

		if (!reply)
			abort();
		read_sp(w, (size_t)(sp - w->sp));
		take_reply(w, sp, x, reply);
		note_executed(w, sp, reply->verdict);
		link_answer(w, sp, reply);
	}
}

static void rings(struct world *w, uint64_t epoch, uint64_t id, void *data)
{
	if (epoch == w->link.epoch && w->engine && w->real->session == epoch + 1)
		meet_rings(w->real, (uint16_t)id, *(uint32_t *)data);
}

static void doorbells(struct world *w)
{
	uint32_t generation;
	uint16_t id;

	while (side_doorbell(w->real->side, &id, &generation)) {
		uint32_t *g = malloc(sizeof(*g));

		if (!g)
			abort();
		*g = generation;
		if (w->real->session)
			queue_put(&w->queue, link_in_order(w, random_between(&w->random, US, 50 * US)), rings,
				w->link.epoch, id, g);
		else
			free(g);
	}
}

static void drop_link(struct world *w)
{
	if (w->link.up)
		link_break(w, true);
	else
		link_forget(w);
}

static void begin_instance(struct world *w)
{
	uint8_t instance[16] = { 0x5e };

	w->world_instance++;
	memcpy(instance + 4, &w->world_instance, sizeof(w->world_instance));
	for (size_t i = 0; i < w->sp_count; i++)
		w->real->sp[i].base += w->real->sp[i].seen.generation;
	side_reset(w->real->side, instance);
}

/* What is lost with the link may still reach the old world. */
static void reset_world(struct world *w)
{
	wire_note(w, "link  the secure world resets");
	w->real->resetting = true;
	drop_link(w);
	w->real->resetting = false;
	begin_instance(w);
	link_come_up(w, random_between(&w->random, 10 * MS, 3 * S));
}

void real_touched(struct world *w, struct fake_sp *caller)
{
	if (side_wants_reset(w->real->side) && !w->real->resetting) {
		reset_world(w);
		caller = NULL;
	}
	late_answers(w);
	for (size_t i = 0; i < w->sp_count; i++)
		if (!caller || caller == &w->sp[i])
			read_sp(w, i);
	doorbells(w);
	plan(w);
}

/* ---- calls ---- */

/*
 * The call that it is for went with an instance of which nobody was told yet, or ever. Or the SP came to run while
 * FFA_RUN was under way: it was BUSY for longer than a call takes, and FF-A has nothing by which it could be told from one
 * whose call is suspended.
 */
static bool could_not_be_known(const struct fake_sp *sp, const struct real_sp *r)
{
	bool restarted = r->opened_in != sp->instance && (!sp->tells_generation || sp->frame.told != sp->instance);

	return restarted || !sp->frame.ran || sp->frame.instance != sp->instance;
}

/* An SP that waits for messages takes it ill, and an OP-TEE takes its CPU along. */
static void check_run(struct world *w, const struct fake_sp *sp)
{
	const struct real_sp *r = &w->real->sp[sp - w->sp];

	if (r->seen.runs && !r->seen.open && !r->seen.late && !could_not_be_known(sp, r))
		fail(w, "P3", "FFA_RUN to %04x (%s), which has no open call: it panics", sp->id, r->seen.personality);
}

/* The SP itself gets it: maybe a later instance than the one that was there when it left. */
static void take_message(struct world *w, struct fake_sp *sp, const struct secure_call *c)
{
	struct real_sp *r = &w->real->sp[sp - w->sp];
	struct life *life = world_life(w, c->life);

	r->life = c->life;
	r->endpoint = c->endpoint;
	r->kind = c->kind;
	if (life && c->kind == CALL_CREATED)
		life->pair[sp - w->sp].created_in = sp->instance;
}

static bool execute(struct world *w, struct fake_sp *sp, struct secure_reply *ret)
{
	struct real_sp *r = &w->real->sp[sp - w->sp];
	const struct secure_call *c = &sp->frame.call;
	uint64_t x[FFA_REGISTERS];
	bool answered;

	if (c->run) {
		check_run(w, sp);
	} else if (r->seen.runs && !r->seen.open && !r->seen.late) {
		take_message(w, sp, c);
	}
	encode_call(c, x);
	answered = side_call(w->real->side, w->now, sp->id, x);
	real_touched(w, sp);
	if (!answered)
		return false;
	take_reply(w, sp, x, ret);
	note_executed(w, sp, ret->verdict);
	return true;
}

/* ---- the link ---- */

static void connect(struct world *w)
{
	if (w->real->session != w->link.epoch + 1)
		meet_begin(w->real);
}

static void discover(struct world *w)
{
	meet_discover(w->real, false);
}

static void sent(struct world *w, struct fake_sp *sp)
{
	sp->frame.ran = w->real->sp[sp - w->sp].seen.runs;
	sp->frame.told = sp->told;
}

static void dropped(struct world *w)
{
	side_abandon(w->real->side);
	meet_end(w->real);
}

/* ---- what goes wrong ---- */

/* The SPMC's process dies. Without its state file what comes next is another secure world. */
static void restart_process(struct world *w)
{
	bool keeps = random_chance(&w->random, 700);

	wire_note(w, "link  the SPMC restarts %s its state", keeps ? "with" : "without");
	drop_link(w);
	if (keeps)
		side_restart(w->real->side, w->now);
	else
		begin_instance(w);
	real_touched(w, NULL);
	link_come_up(w, random_between(&w->random, 10 * MS, 3 * S));
}

static void unstick(struct world *w, uint64_t index, uint64_t b, void *data)
{
	side_stick(w->real->side, index, false);
	real_touched(w, NULL);
}

static void mischief(struct world *w, enum mischief what)
{
	size_t i = random_below(&w->random, side_count(w->real->side));

	if (what == MISCHIEF_RESET) {
		restart_process(w);
	} else if (what == MISCHIEF_SP_STUCK) {
		wire_note(w, "sp    %04x is stuck", w->sp[i].id);
		side_stick(w->real->side, i, true);
		queue_put(&w->queue, w->now + random_between(&w->random, 100 * MS, 12 * S), unstick, i, 0, NULL);
	} else if (what == MISCHIEF_SP_RESTART || what == MISCHIEF_SP_LEAVES) {
		side_noise(w->real->side, &w->random, i, random_chance(&w->random, 700) ? SIDE_ABORTS : SIDE_MUTE);
	}
}

static void noise_ends(struct world *w, uint64_t index, uint64_t b, void *data)
{
	side_quiet(w->real->side, index);
}

/* Any direct request may meet that for a while: it is no fault. */
static void noise(struct world *w, uint64_t a, uint64_t b, void *data)
{
	size_t i = random_below(&w->random, side_count(w->real->side));
	const struct fake_sp *last = &w->sp[w->sp_count - 1];

	if (w->quiet)
		return;
	if (sp_is_the_spmc(last) && last->book_count)
		side_pend(w->real->side, &w->random, last->book[random_below(&w->random, last->book_count)].endpoint);
	for (size_t k = 0; sp_is_the_spmc(last) && k < last->book_count; k++)
		side_notify(w->real->side, &w->random, last->book[k].endpoint);
	doorbells(w);
	side_noise(w->real->side, &w->random, i, (enum side_noise)random_below(&w->random, SIDE_ABORTS));
	queue_put(&w->queue, w->now + random_between(&w->random, MS, 300 * MS), noise_ends, i, 0, NULL);
	queue_put(&w->queue, w->now + random_between(&w->random, MS, 500 * MS), noise, 0, 0, NULL);
}

static void reboot(struct world *w)
{
	if (!random_chance(&w->random, 500))
		return;
	begin_instance(w);
	real_touched(w, NULL);
}

static void calm(struct world *w)
{
	side_calm(w->real->side, w->now);
	real_touched(w, NULL);
}

/* ---- the whole ---- */

static void make_fake(struct world *w, size_t i)
{
	const struct side_sp *seen = &w->real->sp[i].seen;

	side_look(w->real->side, i, &w->real->sp[i].seen);
	w->sp[i] = (struct fake_sp) {
		.id = seen->id,
		.present = true,
		.instance = 1,
		.profile = seen->trusty ? PROFILE_TRUSTY : seen->optee ? PROFILE_OPTEE : PROFILE_STRICT,
		.properties = seen->properties,
		.tells_generation = seen->tells,
		.hostile = seen->hostile,
	};
}

static void make_spmc(struct world *w)
{
	struct side_sp *seen = &w->real->sp[w->sp_count].seen;

	*seen = (struct side_sp) { .id = FFA_ID_SPMC, .personality = "spmc", .generation = 1, .there = true, .runs = true };
	w->sp[w->sp_count++] = (struct fake_sp) { .id = FFA_ID_SPMC, .present = true, .instance = 1, .profile = PROFILE_SPMC,
		.properties = FFA_PROP_DIRECT_REQ_RECEIVE | FFA_PROP_VM_CREATED | FFA_PROP_VM_DESTROYED };
}

static void make(struct world *w, bool faults)
{
	struct real *r = calloc(1, sizeof(*r));

	if (!r)
		abort();
	w->real = r;
	w->sp_count = random_between(&w->random, 1, SIDE_SPS);
	w->tells_instance = true;
	w->world_instance = 0;
	r->world = w;
	r->wakes_at = SIDE_NEVER;
	r->secure.rx = memfd_create("simulation-rx", MFD_CLOEXEC);
	if (r->secure.rx < 0 || ftruncate(r->secure.rx, 65536) < 0)
		abort();
	r->side = side_new(&w->random, w->sp_count, faults, w->now);
	begin_instance(w);
	for (size_t i = 0; i < w->sp_count; i++)
		make_fake(w, i);
	if (side_has_bitmaps(r->side))
		make_spmc(w);
	if (faults)
		side_schedule(r->side, &w->random, w->now);
	real_touched(w, NULL);
	queue_put(&w->queue, w->now, noise, 0, 0, NULL);
}

static void unmake(struct world *w)
{
	if (!w->real)
		return;
	meet_end(w->real);
	close(w->real->secure.rx);
	side_free(w->real->side);
	free(w->real);
	for (size_t i = 0; i < w->sp_count; i++)
		free(w->sp[i].book);
}

const struct side_ops real_side = {
	.make = make,
	.free = unmake,
	.sent = sent,
	.execute = execute,
	.connect = connect,
	.discover = discover,
	.dropped = dropped,
	.mischief = mischief,
	.reboot = reboot,
	.calm = calm,
	.patience = 2 * S,
	.rings_later = true,
};
