/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Clients with which VMs live. One hangs up, with a daemon that sees it or without; after a crash of the daemon it binds its
 * VM again, or is late, or never comes. The oracle: no VM outlives a client whose end the daemon saw (P5), none ends for a
 * client that is there (P5), and nobody is waited for longer than 5 s (P6).
 */

#include <inttypes.h>
#include <string.h>

#include "tests/simulation/sim.h"

#define CLIENTS (sizeof(((struct world *)NULL)->client) / sizeof(((struct world *)NULL)->client[0]))
#define PATIENCE (5 * S)

static struct client *by_token(struct world *w, const uint8_t token[16])
{
	for (size_t i = 0; i < CLIENTS; i++)
		if (w->client[i].there && !memcmp(w->client[i].token, token, sizeof(w->client[i].token)))
			return &w->client[i];
	return NULL;
}

static struct client *of_vm(struct world *w, uint64_t vm)
{
	for (size_t i = 0; vm && i < CLIENTS; i++)
		if (w->client[i].there && w->client[i].vm == vm)
			return &w->client[i];
	return NULL;
}

static struct client *of_request(struct world *w, uint64_t token)
{
	for (size_t i = 0; i < CLIENTS; i++)
		if (w->client[i].there && w->client[i].asked == token)
			return &w->client[i];
	return NULL;
}

void client_starts(struct world *w, struct request *r)
{
	struct client *c = NULL;

	for (size_t i = 0; i < CLIENTS && !c; i++)
		if (!w->client[i].there)
			c = &w->client[i];
	if (!c)
		return;
	*c = (struct client) { .there = true, .asked = r->token, .end = ++w->last_client_end };
	memcpy(c->token, &w->last_client_end, sizeof(w->last_client_end));
	memcpy(r->bind.token, c->token, sizeof(c->token));
	r->bind.end = c->end;
}

void client_is_answered(struct world *w, const struct answer *a)
{
	struct client *c = of_request(w, a->token);

	if (!c)
		return;
	c->asked = 0;
	if (a->refusal != REFUSED_NOT) /* it was not bound, or not any more */
		c->there = c->stored && a->refusal != REFUSED_NOT_BOUND;
	else
		c->claimed = true;
}

static void hang_up(struct world *w, struct client *c)
{
	struct input in = { .kind = IN_REQUEST, .request = { .verb = REQUEST_UNBIND, .bind.end = c->end } };

	c->gone = true;
	if (!w->engine || w->dead || !c->claimed)
		return;
	memcpy(in.request.bind.token, c->token, sizeof(c->token));
	wire_note(w, "user  client %" PRIu64 " hangs up", c->end);
	c->told = true;
	world_post(w, &in);
}

void clients_act(struct world *w)
{
	struct client *c = &w->client[random_below(&w->random, CLIENTS)];

	if (c->there && c->stored && !c->gone && !c->asked && random_chance(&w->random, 300))
		hang_up(w, c);
}

static void comes_back(struct world *w, uint64_t index, uint64_t end, void *data)
{
	struct client *c = &w->client[index];

	if (!c->there || c->gone || c->claimed || c->asked || c->end != end)
		return;
	if (!w->engine || w->dead || w->quitting || !users_bind_again(w, c)) {
		queue_put(&w->queue, w->now + 50 * MS, comes_back, index, end, NULL);
		return;
	}
}

/* What it was not answered it does not have. */
void clients_crash(struct world *w, bool reboot)
{
	for (size_t i = 0; i < CLIENTS; i++) {
		struct client *c = &w->client[i];

		if (!c->there)
			continue;
		c->there = c->stored;
		c->gone |= reboot || (!c->claimed && !c->came) || (!w->quiet && random_chance(&w->random, 100));
		c->came |= c->claimed;
		c->claimed = c->told = false;
		c->asked = 0;
		c->end = ++w->last_client_end;
		if (c->there && !c->gone)
			queue_put(&w->queue, w->now + random_between(&w->random, MS, random_chance(&w->random, 100) ? 7 * S : 2 * S),
				comes_back, i, c->end, NULL);
	}
}

/* ---- the oracle ---- */

static bool is_gone(const struct world *w, const struct client *c)
{
	return c->gone || (!c->claimed && world_monotonic(w) >= w->daemon_since + PATIENCE);
}

void oracle_client_stored(struct world *w, const struct change *c)
{
	struct client *was = of_vm(w, c->vm), *is = c->bound.active ? by_token(w, c->bound.token) : NULL;

	if (c->bound.active && !is)
		fail(w, "P5", "VM %" PRIu64 " is bound to a client that did not ask for it", c->vm);
	for (size_t i = 0; i < sizeof(w->kept) / sizeof(*w->kept); i++)
		if (w->kept[i].vm == c->vm)
			w->kept[i].client_gone = !is && was && is_gone(w, was);
	if (was && was != is)
		was->there = false;
	if (is) {
		is->stored = true;
		is->vm = c->vm;
	}
}

void oracle_client(struct world *w, const struct vm_row *row)
{
	const struct client *c = of_vm(w, row->vm);

	if (!row->bound)
		return;
	if (c && c->told && row->bound_end == c->end)
		fail(w, "P5", "%s outlives its client", row->name);
	if (!row->bound_end && world_monotonic(w) > w->daemon_since + PATIENCE + 100 * MS)
		fail(w, "P6", "%s waits for its client beyond 5 s", row->name);
}
