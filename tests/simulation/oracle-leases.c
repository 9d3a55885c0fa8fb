/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Leases, as their holders and the disk have them: nobody is told of the end of a life that a client holds (P3), no crash
 * loses a lease (P4), and whom it waits for is said, is asked, and is not waited for longer than was said (P6).
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/simulation/holders.h"
#include "tests/simulation/sim.h"

static struct stored_lease *stored(struct world *w, uint64_t number)
{
	for (size_t i = 0; i < SIM_LEASES_MAX; i++)
		if (w->holders.stored[i].used && w->holders.stored[i].is.number == number)
			return &w->holders.stored[i];
	return NULL;
}

static struct stored_lease *free_place(struct world *w)
{
	for (size_t i = 0; i < SIM_LEASES_MAX; i++)
		if (!w->holders.stored[i].used)
			return &w->holders.stored[i];
	return NULL;
}

/* Its holder may let go until the time is over that it asked for. */
static void check_time(struct world *w, const struct life *life, const struct change_lease *is)
{
	if (is->state != LEASE_ASKED || !life || life->stored_substate != VM_SUB_LEASES)
		return;
	if (is->deadline < life->stored_since + is->timeout_ms * MS)
		fail(w, "P3", "lease %" PRIu64 " is to be revoked %" PRIu64 " ms after the end began, its holder was promised %u",
			is->number, (is->deadline - life->stored_since) / MS, is->timeout_ms);
}

void oracle_leases_stored(struct world *w, const struct change *c)
{
	struct stored_lease *s = c->kind == CHANGE_LEASE ? stored(w, c->lease.number) : NULL;

	for (size_t i = 0; c->kind == CHANGE_LIFE_GONE && i < SIM_LEASES_MAX; i++)
		if (w->holders.stored[i].used && w->holders.stored[i].life == c->life)
			fail(w, "P3", "life %" PRIu64 " is gone while lease %" PRIu64 " is held", c->life,
				w->holders.stored[i].is.number);
	if (c->kind != CHANGE_LEASE)
		return;
	if (!s && c->lease.number != c->seq && c->lease.state < LEASE_RELEASED)
		fail(w, "P4", "lease %" PRIu64 " is stored as if it had been taken before", c->lease.number);
	w->stats.lease[c->lease.state < LEASE_STATE_COUNT ? c->lease.state : 0]++;
	check_time(w, world_life(w, c->life), &c->lease);
	s = s ? s : free_place(w);
	if (s)
		*s = (struct stored_lease) { c->lease.state < LEASE_RELEASED, c->life, c->lease };
}

static bool still_holds(const struct fake_holder *h, uint64_t life)
{
	return h->used && h->holds && !h->over && !h->released && h->life == life;
}

/* What a new daemon has not heard of yet it must know from the log. */
void oracle_leases_end(struct world *w, uint64_t life)
{
	for (size_t i = 0; i < SIM_HOLDERS_MAX; i++) {
		const struct fake_holder *h = &w->holders.at[i];
		const struct stored_lease *s = still_holds(h, life) ? stored(w, h->number) : NULL;

		if (still_holds(h, life) && s)
			fail(w, h->connected ? "P3" : "P4", "an SP is told of the end of life %" PRIu64 ", which %s holds", life, s->is.comm);
	}
}

/* NULL: that is all the daemon knows of it. */
void oracle_lease_over(struct world *w, const struct fake_holder *h, const struct change_lease *is)
{
	uint64_t now = world_monotonic(w);

	if (!is) {
		if (stored(w, h->number))
			fail(w, "P4", "lease %" PRIu64 " is not known to the daemon, the disk has it", h->number);
		return;
	}
	if (is->state == LEASE_REVOKED && is->deadline > now)
		fail(w, "P3", "lease %" PRIu64 " is revoked before its time", h->number);
	if (is->state == LEASE_UNCLAIMED && (h->connected || now < w->holders.daemon_since + 5 * S))
		fail(w, "P4", "lease %" PRIu64 " is taken for unclaimed", h->number);
	if ((is->state == LEASE_RELEASED || is->state == LEASE_HUNG_UP) && !h->released)
		fail(w, "P4", "lease %" PRIu64 " is said to be given up by its holder, who did not", h->number);
}

/* The row says a holder of now, and a time that is not beyond the last of the deadlines. */
bool oracle_lease_holds(struct world *w, const struct vm_row *row)
{
	uint64_t latest = 0;
	bool named = false;

	for (size_t i = 0; i < SIM_LEASES_MAX; i++) {
		const struct stored_lease *s = &w->holders.stored[i];
		char name[VM_NAME_MAX + 1];

		if (!s->used || s->life != row->life)
			continue;
		snprintf(name, sizeof(name), "%s[%d]", s->is.comm, s->is.pid);
		named |= !strcmp(name, row->waits.name);
		latest = s->is.deadline > latest ? s->is.deadline : latest;
	}
	if (latest < world_monotonic(w)) /* over while nobody was there */
		latest = world_monotonic(w);
	return row->substate == VM_SUB_LEASES && named && row->waits.until && row->waits.until <= latest;
}

static const struct lease_row *find_row(const struct vm_row *row, uint64_t number)
{
	for (uint32_t i = 0; row && i < row->lease_count; i++)
		if (row->lease[i].number == number)
			return &row->lease[i];
	return NULL;
}

/* Holders that the daemon has heard find themselves in its rows, and are asked when the life is to end. */
void oracle_leases(struct world *w)
{
	for (size_t i = 0; i < SIM_HOLDERS_MAX; i++) {
		const struct fake_holder *h = &w->holders.at[i];
		struct life *life = h->used && h->holds ? world_life(w, h->life) : NULL;
		const struct vm_row *row = life ? rows_vm(engine_rows(w->engine), life->name) : NULL;

		if (!life || h->over || !h->connected || h->released || h->request)
			continue;
		if (!find_row(row, h->number))
			fail(w, "P4", "lease %" PRIu64 " of life %" PRIu64 " is held, and no row says so", h->number, h->life);
		else if (!find_row(row, h->number)->claimed)
			fail(w, "P4", "lease %" PRIu64 " is held, and shown as not claimed", h->number);
		else if (row->substate == VM_SUB_LEASES && !h->asked)
			fail(w, "P6", "life %" PRIu64 " waits for the holder of lease %" PRIu64 ", who was not asked", h->life,
				h->number);
	}
}
