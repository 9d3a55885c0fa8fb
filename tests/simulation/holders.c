/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/simulation/holders.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simulation/sim.h"

static struct fake_holder *by_token(struct world *w, const uint8_t token[16])
{
	for (size_t i = 0; i < SIM_HOLDERS_MAX; i++)
		if (w->holders.at[i].used && !memcmp(w->holders.at[i].token, token, 16))
			return &w->holders.at[i];
	return NULL;
}

static struct fake_holder *free_one(struct world *w)
{
	for (size_t i = 0; i < SIM_HOLDERS_MAX; i++) {
		struct fake_holder *h = &w->holders.at[i];

		if (!h->used || (h->over && !h->request))
			return h;
	}
	return NULL;
}

static void make_token(struct world *w, uint8_t token[16])
{
	for (size_t i = 0; i < 16; i += 8) {
		uint64_t half = random_next(&w->random);

		memcpy(token + i, &half, 8);
	}
}

static void name_it(const struct world *w, const struct fake_holder *h, struct lease_request *r)
{
	r->pid = (int32_t)(100 + (h - w->holders.at));
	snprintf(r->comm, sizeof(r->comm), "holder-%zu", (size_t)(h - w->holders.at));
}

/* With no place for one more holder it is asked for with a time that is refused. */
void holders_take(struct world *w, struct request *r, uint64_t token)
{
	struct fake_holder *h = free_one(w);

	make_token(w, r->lease.token);
	r->uid = 1000;
	r->lease.timeout_ms = LEASE_TIMEOUT_MAX_MS + 1;
	if (!h || random_chance(&w->random, 20))
		return;
	*h = (struct fake_holder) { .used = true, .request = token, .new_end = ++w->holders.last_end,
		.temper = (uint8_t)random_below(&w->random, HOLDER_TEMPERS),
		.timeout_ms = (uint32_t)random_between(&w->random, 50, 800),
		.claims = random_chance(&w->random, 500) };
	memcpy(h->token, r->lease.token, sizeof(h->token));
	memcpy(h->name, r->name, sizeof(h->name));
	r->lease.timeout_ms = h->timeout_ms;
	r->lease.holder = h->new_end;
	snprintf(r->lease.reason, sizeof(r->lease.reason), "maps it");
	name_it(w, h, &r->lease);
}

void holders_forge(struct world *w, struct request *r)
{
	r->uid = 1000;
	make_token(w, r->lease.token);
}

/* ---- they let go ---- */

static void let_go(struct world *w, struct fake_holder *h, bool hang_up)
{
	struct input in = { .kind = IN_REQUEST, .request = { .verb = REQUEST_RELEASE_LEASE, .uid = 1000 } };

	if (!w->engine || w->dead || !h->holds || !h->connected || h->released)
		return;
	h->released = true;
	h->hung_up = hang_up;
	memcpy(in.request.lease.token, h->token, sizeof(h->token));
	in.request.lease.holder = h->end;
	in.request.lease.hung_up = hang_up;
	wire_note(w, "lease %" PRIu64 " of life %" PRIu64 ": its holder %s", h->number, h->life, hang_up ? "hangs up" : "lets go");
	world_post(w, &in);
}

static void lets_go_late(struct world *w, uint64_t slot, uint64_t number, void *data)
{
	struct fake_holder *h = &w->holders.at[slot];

	if (h->used && h->number == number)
		let_go(w, h, h->temper == HOLDER_HANGS_UP);
}

/* ---- they claim it again ---- */

static void claim(struct world *w, struct fake_holder *h)
{
	struct input in = { .kind = IN_REQUEST, .request = { .verb = REQUEST_RECLAIM_LEASE, .uid = 1000 } };

	in.request.token = h->request = ++w->next_token;
	memcpy(in.request.lease.token, h->token, sizeof(h->token));
	h->new_end = in.request.lease.holder = ++w->holders.last_end;
	name_it(w, h, &in.request.lease);
	wire_note(w, "lease %" PRIu64 " of life %" PRIu64 " is claimed again", h->number, h->life);
	world_post(w, &in);
}

static void claims_again(struct world *w, uint64_t slot, uint64_t number, void *data)
{
	struct fake_holder *h = &w->holders.at[slot];

	if (!h->used || h->number != number || !h->holds || h->connected || h->over)
		return;
	if (w->engine && !w->dead && !h->request)
		claim(w, h);
	queue_put(&w->queue, w->now + random_between(&w->random, 50 * MS, S), claims_again, slot, number, NULL);
}

/* It hands the lease on to another process, and goes: its hang-up is not that of the lease. */
static void hand_on(struct world *w, struct fake_holder *h)
{
	struct input in = { .kind = IN_REQUEST, .request = { .verb = REQUEST_RELEASE_LEASE, .uid = 1000 } };

	if (!h->connected || h->request || h->released)
		return;
	memcpy(in.request.lease.token, h->token, sizeof(h->token));
	in.request.lease.holder = h->end;
	in.request.lease.hung_up = true;
	h->asked = false; /* on the new end it is not yet */
	claim(w, h);
	world_post(w, &in);
}

void holders_do_something(struct world *w)
{
	struct fake_holder *h = &w->holders.at[random_below(&w->random, SIM_HOLDERS_MAX)];
	uint64_t dice = random_below(&w->random, 10);

	if (!h->used || !h->holds || h->over || !w->engine)
		return;
	if (dice < 3)
		let_go(w, h, dice == 0);
	else if (dice < 6)
		hand_on(w, h);
}

/* ---- what they are told ---- */

static void taken(struct world *w, struct fake_holder *h, const struct answer *a)
{
	h->end = h->new_end;
	h->connected = true;
	h->life = a->life;
	if (!h->holds)
		h->number = a->seq;
	h->holds = true;
}

/* Claimed too late, or by nobody that has it. */
static void not_taken(struct world *w, struct fake_holder *h, const struct answer *a)
{
	if (!h->holds)
		h->used = false;
	else if (a->refusal != REFUSED_NO_SUCH_LEASE)
		fail(w, "P5", "lease %" PRIu64 " cannot be claimed: %s", h->number, a->text);
	else if (!h->over)
		oracle_lease_over(w, h, NULL);
	h->over = true;
}

bool holders_answered(struct world *w, const struct answer *a)
{
	for (size_t i = 0; i < SIM_HOLDERS_MAX; i++) {
		struct fake_holder *h = &w->holders.at[i];

		if (!h->used || h->request != a->token)
			continue;
		h->request = 0;
		if (a->refusal == REFUSED_NOT)
			taken(w, h, a);
		else
			not_taken(w, h, a);
		return true;
	}
	return false;
}

static void ask(void *who, struct committed proof, const struct lease_word *word)
{
	struct world *w = who;
	struct fake_holder *h = by_token(w, word->lease.token);

	if (!world_output(w))
		return;
	oracle_act(w, proof);
	wire_note(w, "lease %" PRIu64 " of life %" PRIu64 ": its holder is asked", word->lease.number, h ? h->life : 0);
	if (!h || h->released)
		return;
	if (h->over)
		fail(w, "P5", "the holder of lease %" PRIu64 " is asked after it let go", h->number);
	h->number = word->lease.number;
	h->asked = true;
	if (h->temper != HOLDER_NEVER_HEARS)
		queue_put(&w->queue, w->now + random_below(&w->random, h->timeout_ms * 5 / 4) * MS, lets_go_late,
			(uint64_t)(h - w->holders.at), h->number, NULL);
}

static void over(void *who, struct committed proof, const struct lease_word *word)
{
	struct world *w = who;
	struct fake_holder *h = by_token(w, word->lease.token);

	if (!world_output(w))
		return;
	oracle_act(w, proof);
	wire_note(w, "lease %" PRIu64 " is over: %u", word->lease.number, word->lease.state);
	if (!h)
		return;
	if (h->holds)
		oracle_lease_over(w, h, &word->lease);
	h->over = true;
}

const struct lease_ops holder_ops = { ask, over };

/* ---- the daemon comes and goes ---- */

void holders_crash(struct world *w, bool reboot)
{
	for (size_t i = 0; i < SIM_HOLDERS_MAX; i++) {
		struct fake_holder *h = &w->holders.at[i];

		h->request = 0;
		h->connected = h->asked = false;
		if (reboot || !h->holds) /* who did not hear that it has the lease does not know its token */
			h->used = false;
		if (h->released && !h->over) { /* that may be lost: it does not care, the lease is over for it */
			h->over = true;
			h->used = false;
		}
	}
	if (reboot)
		memset(w->holders.stored, 0, sizeof(w->holders.stored));
}

void holders_daemon(struct world *w)
{
	w->holders.daemon_since = world_monotonic(w);
	for (size_t i = 0; i < SIM_HOLDERS_MAX; i++) {
		struct fake_holder *h = &w->holders.at[i];

		if (h->used && h->holds && !h->over && h->claims)
			queue_put(&w->queue, w->now + random_between(&w->random, 0, random_chance(&w->random, 100) ? 7 * S : S),
				claims_again, i, h->number, NULL);
	}
}
