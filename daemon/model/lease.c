/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Destroy leases: a client holds the end of a life. Once its vCPUs are out, all holders are asked at once to let go, and have
 * the time they asked for when they took the lease; then it is revoked. Nothing is told to an SP before the last is over.
 * A lease and its deadline are stored: a new daemon keeps it until its holder claims it again by its token, or that time is
 * over.
 */
#include "model/step.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mutant.h"

#define LEASES_PER_LIFE 16
#define LEASES_PER_UID 1024

struct lease *lease_new(void)
{
	struct lease *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	list_init(&k->link);
	heap_node_init(&k->timer.node);
	k->timer.kind = DEADLINE_LEASE;
	return k;
}

/* ---- what is stored ---- */

static uint64_t key_of(const uint8_t token[16])
{
	uint64_t key;

	memcpy(&key, token, sizeof(key));
	return key;
}

static struct lease *by_token(const struct model *m, const uint8_t token[16])
{
	for (struct map_node *n = map_get(&m->leases_by_token, key_of(token)); n; n = map_next(n)) {
		struct lease *k = container_of(n, struct lease, by_token);

		if (memcmp(k->is.token, token, sizeof(k->is.token)) == 0)
			return k;
	}
	return NULL;
}

static struct lease *by_number(const struct life *l, uint64_t number)
{
	struct lease *k;

	list_for_each(k, &l->leases, link)
		if (k->is.number == number)
			return k;
	return NULL;
}

static void forget(struct model *m, struct lease *k)
{
	heap_remove(&m->deadlines, &k->timer.node);
	map_remove(&m->leases_by_token, &k->by_token);
	list_remove(&k->link);
	m->lease_count--;
	free(k);
}

void leases_forget(struct model *m, struct life *l)
{
	struct lease *k;

	while ((k = list_first(&l->leases, struct lease, link)))
		forget(m, k);
}

static int take(struct model *m, struct life *l, const struct change_lease *c)
{
	struct lease *k;

	if (by_token(m, c->token))
		return -EBADMSG;
	if (!m->spare_lease)
		return -ENOMEM;
	k = take_ptr(&m->spare_lease);
	k->life = l;
	k->is = *c;
	list_append(&l->leases, &k->link);
	map_put(&m->leases_by_token, &k->by_token, key_of(c->token));
	m->lease_count++;
	return 0;
}

int apply_lease(struct model *m, const struct change *c)
{
	struct life *l = model_life(m, c->life);
	struct lease *k = l ? by_number(l, c->lease.number) : NULL;
	bool over = c->lease.state >= LEASE_RELEASED;

	if (!l || (!k && over) || (k && memcmp(k->is.token, c->lease.token, sizeof(k->is.token)) != 0))
		return -EBADMSG;
	if (!k)
		return take(m, l, &c->lease);
	if (over)
		forget(m, k);
	else
		k->is = c->lease;
	return 0;
}

/* ---- how it goes on ---- */

/* The lease is gone after this if it is over. */
static void change(struct step *s, struct lease *k, enum lease_state to, uint64_t deadline)
{
	struct change c = { .kind = CHANGE_LEASE, .life = k->life->number, .lease = k->is };

	c.lease.state = (uint8_t)to;
	c.lease.deadline = deadline;
	emit(s, &c);
}

static void say(struct step *s, enum output_kind kind, const struct lease *k, enum lease_state state)
{
	struct lease_word *word = &put_output(s, kind, k->life->number)->lease;

	*word = (struct lease_word){ .lease = k->is, .life = k->life->number, .cause = k->life->now.cause };
	word->lease.state = (uint8_t)state;
	memcpy(word->name, k->life->begun.name, sizeof(word->name));
}

/* It ends at the deadline, or where nobody has claimed it again, whichever comes first. */
static void arm(struct step *s, struct lease *k)
{
	uint64_t at = k->is.state == LEASE_ASKED ? k->is.deadline : 0;

	if (k->claim_by && (!at || k->claim_by < at))
		at = k->claim_by;
	if (at)
		set_deadline(s, &k->timer, at > s->now ? at : s->now);
	else
		clear_deadline(s, &k->timer);
}

static void end(struct step *s, struct lease *k, enum lease_state how)
{
	struct life *l = k->life;

	say(s, OUT_LEASE_OVER, k, how);
	change(s, k, how, 0);
	life_leases_over(s, l);
}

void leases_ask(struct step *s, struct life *l)
{
	struct lease *k;

	list_for_each(k, &l->leases, link) {
		uint64_t time = k->is.timeout_ms * NS_PER_MS;

		change(s, k, LEASE_ASKED, s->now + (MUTANT(MUTANT_P3_LEASE_CUT_SHORT) ? time / 2 : time));
		say(s, OUT_LEASE_ASK, k, LEASE_ASKED);
		arm(s, k);
	}
}

void lease_timer(struct step *s, struct lease *k)
{
	bool revoked = k->is.state == LEASE_ASKED && k->is.deadline <= s->now;

	if (MUTANT(MUTANT_P6_LEASE_FOREVER) && revoked)
		set_deadline(s, &k->timer, s->now + 100 * NS_PER_S);
	else
		end(s, k, revoked ? LEASE_REVOKED : LEASE_UNCLAIMED);
}

/* Of those whom a life waits for, the one whose time is over last. */
const struct lease *lease_that_holds(const struct life *l)
{
	const struct lease *k, *last = NULL;

	list_for_each(k, &l->leases, link)
		if (!last || k->timer.node.at > last->timer.node.at)
			last = k;
	return last;
}

/* ---- after a load ---- */

void leases_resume(struct step *s, struct life *l)
{
	struct lease *k;

	list_for_each(k, &l->leases, link) {
		k->claim_by = k->is.state == LEASE_HELD ? s->now + CLIENT_PATIENCE : 0;
		arm(s, k);
	}
}

void leases_drop(struct step *s, struct life *l)
{
	struct lease *k, *next;

	list_for_each_safe(k, next, &l->leases, link)
		change(s, k, LEASE_HUNG_UP, 0);
}

/* ---- what is asked ---- */

static enum refusal check_quotas(const struct step *s, const struct request *r, const struct life *l, struct answer *a)
{
	unsigned of_life = 0, of_uid = 0;
	const struct life *each;
	const struct lease *k;

	list_for_each(each, &s->m->lives, all)
		list_for_each(k, &each->leases, link) {
			of_life += each == l;
			of_uid += k->is.uid == r->uid;
		}
	if (of_life >= LEASES_PER_LIFE)
		snprintf(a->text, sizeof(a->text), "%s has %u leases already, and no more is allowed: release one", l->begun.name,
			of_life);
	else if (of_uid >= LEASES_PER_UID)
		snprintf(a->text, sizeof(a->text), "uid %u holds %u leases already, and no more is allowed: release one", r->uid,
			of_uid);
	else
		return REFUSED_NOT;
	return REFUSED_LIMIT;
}

enum refusal ask_lease(struct step *s, const struct request *r, struct vm *vm, struct answer *a)
{
	struct change c = { .kind = CHANGE_LEASE };
	struct life *l = vm->life;
	enum refusal refusal;

	if (r->lease.timeout_ms > LEASE_TIMEOUT_MAX_MS) {
		snprintf(a->text, sizeof(a->text), "timeout: %u ms, and a lease holds an end for %u ms at most: ask for less",
			r->lease.timeout_ms, LEASE_TIMEOUT_MAX_MS);
		return REFUSED_INVALID_ARGUMENT;
	}
	if (!l || (l->now.state != VM_CREATED && l->now.state != VM_RUNNING))
		return illegal(s, vm, a, "hold the end of", "a lease is for a life that is created or running");
	refusal = check_quotas(s, r, l, a);
	if (refusal != REFUSED_NOT)
		return refusal;
	c.life = l->number;
	c.lease = (struct change_lease){ .uid = r->uid,
		.pid = r->lease.pid,
		.timeout_ms = r->lease.timeout_ms ? r->lease.timeout_ms : LEASE_TIMEOUT_DEFAULT_MS,
		.since = s->now };
	memcpy(c.lease.token, r->lease.token, sizeof(c.lease.token));
	memcpy(c.lease.comm, r->lease.comm, sizeof(c.lease.comm));
	memcpy(c.lease.reason, r->lease.reason, sizeof(c.lease.reason));
	emit(s, &c);
	by_number(l, c.lease.number)->holder = r->lease.holder;
	return REFUSED_NOT;
}

static enum refusal find(struct step *s, const struct request *r, struct answer *a, struct lease **ret)
{
	struct lease *k = by_token(s->m, r->lease.token);

	if (!k) {
		snprintf(a->text, sizeof(a->text), "no lease has this token: it was released or revoked, or never was");
		return REFUSED_NO_SUCH_LEASE;
	}
	if (r->uid != k->is.uid && r->uid) {
		snprintf(a->text, sizeof(a->text), "this lease is of uid %u; you are uid %u", k->is.uid, r->uid);
		return REFUSED_ACCESS;
	}
	*ret = k;
	return REFUSED_NOT;
}

/* Whoever shows the token has the lease from now on, whatever became of the end that had it. */
enum refusal ask_reclaim_lease(struct step *s, const struct request *r, struct answer *a)
{
	struct lease *k;
	enum refusal refusal = find(s, r, a, &k);
	struct change c;

	if (refusal != REFUSED_NOT)
		return refusal;
	c = (struct change){ .kind = CHANGE_LEASE, .life = k->life->number, .lease = k->is };
	c.lease.pid = r->lease.pid;
	memcpy(c.lease.comm, r->lease.comm, sizeof(c.lease.comm));
	if (c.lease.pid != k->is.pid || strcmp(c.lease.comm, k->is.comm) != 0)
		emit(s, &c);
	k->holder = r->lease.holder;
	k->claim_by = 0;
	arm(s, k);
	touch(s, k->life->vm);
	if (k->is.state == LEASE_ASKED && !MUTANT(MUTANT_P6_LEASE_UNASKED)) /* perhaps it never heard */
		say(s, OUT_LEASE_ASK, k, LEASE_ASKED);
	a->life = k->life->number;
	return REFUSED_NOT;
}

enum refusal ask_release_lease(struct step *s, const struct request *r, struct answer *a)
{
	struct lease *k;
	enum refusal refusal = find(s, r, a, &k);

	if (refusal != REFUSED_NOT)
		return refusal;
	if (r->lease.holder && r->lease.holder != k->holder && !MUTANT(MUTANT_P4_LEASE_RELEASED_BY_OLD)) {
		snprintf(a->text, sizeof(a->text), "another holds this lease now");
		return REFUSED_NO_SUCH_LEASE;
	}
	end(s, k, r->lease.hung_up ? LEASE_HUNG_UP : LEASE_RELEASED);
	return REFUSED_NOT;
}
