/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The daemon meets the SPMC: its own discovery, over frames that travel. What secure/link.c and secure/secure.c do for
 * it with sockets and timers is done here with virtual time.
 */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/simulation/real.h"

struct travelling {
	uint64_t x[FFA_REGISTERS];
};

static bool is_over(const struct world *w, uint64_t epoch)
{
	return epoch != w->link.epoch || !w->engine || w->real->session != epoch + 1;
}

static void answered(struct world *w, uint64_t epoch, uint64_t b, void *data)
{
	if (!is_over(w, epoch))
		discovery_answer(&w->real->secure, ((struct travelling *)data)->x);
}

static void asked(struct world *w, uint64_t epoch, uint64_t b, void *data)
{
	struct travelling *t;

	if (is_over(w, epoch))
		return;
	t = malloc(sizeof(*t));
	if (!t)
		abort();
	*t = *(struct travelling *)data;
	if (side_call(w->real->side, w->now, 0, t->x))
		queue_put(&w->queue, link_in_order(w, random_between(&w->random, 2 * US, 100 * US)), answered, epoch,
			0, t);
	else
		free(t);
	real_touched(w, NULL);
}

/* ---- what the daemon's discovery calls ---- */

int link_submit(struct secure *s, const uint64_t x[FFA_REGISTERS], const struct secure_call *call)
{
	struct world *w = container_of(s, struct real, secure)->world;
	struct travelling *t = malloc(sizeof(*t));

	if (!t)
		abort();
	memcpy(t->x, x, sizeof(t->x));
	queue_put(&w->queue, w->now + random_between(&w->random, 2 * US, 300 * US), asked, w->link.epoch, 0, t);
	return 0;
}

void link_fail(struct secure *s, const char *why)
{
	struct world *w = container_of(s, struct real, secure)->world;

	wire_note(w, "link  is given up: %s", why);
	if (w->link.up)
		link_break(w, true);
	else
		link_forget(w);
	link_come_up(w, random_between(&w->random, 10 * MS, S));
}

/* One that tells its generation is known by it; of another, a new world, a new image or its absence tells. */
static uint32_t told_of(const struct world *w, const struct fake_sp *sp, const struct secure_world *met, bool another)
{
	const struct real *r = w->real;

	for (uint16_t i = 0; i < met->count; i++) {
		const struct change_sp *is = &met->sp[i];

		if (is->id != sp->id)
			continue;
		if (is->generation)
			return real_instance(w, (size_t)(sp - w->sp), is->generation);
		for (uint16_t k = 0; !another && k < r->secure.met.count; k++)
			another |= r->secure.met.sp[k].id == sp->id &&
				(memcmp(r->secure.met.sp[k].uuid, is->uuid, sizeof(is->uuid)) != 0 ||
					r->secure.met.sp[k].version != is->version);
		return another || !sp->told ? sp->instance : sp->told;
	}
	return 0;
}

bool tell_up(struct secure *s, struct secure_world *met)
{
	struct world *w = container_of(s, struct real, secure)->world;
	struct input in = { .kind = IN_SECURE_UP, .world = met };

	wire_note(w, "link  up, %u SPs", met->count);
	for (size_t i = 0; i < w->sp_count; i++)
		w->sp[i].told = told_of(w, &w->sp[i], met, w->told_world != w->world_instance);
	w->told_world = w->world_instance;
	w->link.up = s->told_up = true;
	world_post(w, &in);
	return true;
}

void secure_arm(struct secure *s)
{
}

/* When it looks again is planned here, not by the clock. */
uint64_t loop_monotonic(void)
{
	return 0;
}

/* ---- the link ---- */

static void looks_again(struct world *w, uint64_t epoch, uint64_t b, void *data)
{
	if (is_over(w, epoch))
		return;
	discovery_start(&w->real->secure, true);
	queue_put(&w->queue, w->now + random_between(&w->random, S, 4 * S), looks_again, epoch, 0, NULL);
}

void meet_begin(struct real *r)
{
	struct world *w = r->world;
	struct secure *s = &r->secure;

	r->session = w->link.epoch + 1;
	side_instance(r->side, s->instance);
	side_buffer(r->side, s->rx);
	s->version = 0;
	s->told_up = false;
	s->state = LINK_UP;
	s->known_count = side_count(r->side);
	for (size_t i = 0; i < s->known_count; i++)
		s->known[i] = (struct secure_link_sp) { .id = w->sp[i].id,
			.generation = r->sp[i].seen.tells ? r->sp[i].seen.generation : 0 };
	discovery_start(s, false);
	queue_put(&w->queue, w->now + random_between(&w->random, S, 4 * S), looks_again, w->link.epoch, 0, NULL);
}

void meet_end(struct real *r)
{
	discovery_stop(&r->secure);
	r->secure.state = LINK_DOWN;
	r->secure.told_up = false;
	r->session = 0;
}

void meet_discover(struct real *r, bool unasked)
{
	discovery_start(&r->secure, unasked);
}

/* Until the world is told nobody waits for a doorbell; its generation is told with the world. */
void meet_rings(struct real *r, uint16_t id, uint32_t generation)
{
	struct world *w = r->world;
	struct fake_sp *sp = link_sp(w, id);
	struct input in = { .kind = IN_SECURE_DOORBELL, .doorbell = { .sp = id, .generation = generation } };
	struct secure *s = &r->secure;

	for (size_t i = 0; i < s->known_count; i++)
		if (s->known[i].id == id)
			s->known[i].generation = generation;
	for (uint16_t i = 0; s->discovery.world && i < s->discovery.world->count; i++)
		if (s->discovery.world->sp[i].id == id)
			s->discovery.world->sp[i].generation = generation;
	if (!s->told_up)
		return;
	wire_note(w, "sp    %04x rings, generation %u", id, generation);
	if (generation && sp->told) /* else it is one that the daemon has not met: it has to look first */
		sp->told = real_instance(w, (size_t)(sp - w->sp), generation);
	world_post(w, &in);
}
