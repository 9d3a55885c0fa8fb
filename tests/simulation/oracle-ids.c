/* SPDX-License-Identifier: Apache-2.0 */

/*
 * P2, nothing is reused early, for FF-A ids: who may have one, and that the one that was free longest comes next. Told from
 * the stored changes alone.
 */

#include <inttypes.h>

#include "tests/simulation/sim.h"

static bool is_ours(const struct world *w, uint16_t id)
{
	return id >= FFA_ID_VM_FIRST && id <= FFA_ID_VM_LAST && (!w->first_id || (id >= w->first_id && id <= w->last_id));
}

static bool is_asked_for(const struct world *w, uint16_t id)
{
	for (size_t i = 0; i < SIM_VM_MAX; i++)
		if (w->ids.asked[i].vm && (w->ids.asked[i].id == id || w->ids.asked[i].next == id))
			return true;
	return false;
}

static bool is_free(const struct world *w, uint16_t id)
{
	return !w->ids.life[id] && !w->ids.burned[id] && !is_asked_for(w, id);
}

/* Since when the one that was chosen was free, against all that were free, too. */
static void check_longest_free(struct world *w, const struct change *c)
{
	uint64_t since = w->ids.free_since[c->begun.endpoint];

	for (uint16_t id = FFA_ID_VM_FIRST; since && id <= FFA_ID_VM_LAST; id++)
		if (is_ours(w, id) && is_free(w, id) && w->ids.free_since[id] < since)
			fail(w, "P2", "life %" PRIu64 " gets id %u, free since %" PRIu64 "; id %u was since %" PRIu64, c->life,
				c->begun.endpoint, since, id, w->ids.free_since[id]);
}

/* All that is stored of a definition that changes twice in a turn is what it was in the end. */
static bool definitions_are_known(const struct world *w)
{
	return w->ids.defined <= w->disk.last_seq;
}

static void begins(struct world *w, const struct change *c)
{
	uint16_t id = c->begun.endpoint;

	if (!is_ours(w, id)) {
		fail(w, "P2", "life %" PRIu64 " gets the id %u, which is not this daemon's to give", c->life, id);
		return;
	}
	if (w->ids.burned[id])
		fail(w, "P2", "life %" PRIu64 " gets id %u, which is burned", c->life, id);
	if (!c->begun.fixed_id && definitions_are_known(w) && is_asked_for(w, id))
		fail(w, "P2", "life %" PRIu64 " gets id %u, which a definition asks for", c->life, id);
	if (!c->begun.fixed_id && definitions_are_known(w))
		check_longest_free(w, c);
	for (size_t i = 0; i < w->life_count; i++) {
		const struct life *old = w->life[i];

		if (old->endpoint != id || old->number == c->life)
			continue;
		if (!old->gone)
			fail(w, "P2", "life %" PRIu64 " gets id %u, life %" PRIu64 " has not given it back", c->life, id,
				old->number);
		for (size_t sp = 0; sp < w->sp_count; sp++)
			if (oracle_may_hold(w, old, sp))
				fail(w, "P2",
					"life %" PRIu64 " gets id %u, SP %04x may still have life %" PRIu64 " there",
					c->life, id, w->sp[sp].id, old->number);
	}
	w->ids.life[id] = c->life;
}

static void ends(struct world *w, const struct change *c)
{
	struct life *life = world_life(w, c->life);

	if (!life)
		return;
	w->ids.life[life->endpoint] = 0;
	w->ids.free_since[life->endpoint] = c->seq;
}

/* By the definition in force, and by that of its next life. */
static void asks(struct world *w, uint64_t vm, uint16_t id, uint16_t next)
{
	size_t at = SIM_VM_MAX;

	for (size_t i = 0; i < SIM_VM_MAX; i++)
		if (w->ids.asked[i].vm == vm || (at == SIM_VM_MAX && !w->ids.asked[i].vm))
			at = i;
	if (at == SIM_VM_MAX || (w->ids.asked[at].vm != vm && !id && !next))
		return;
	w->ids.asked[at].vm = id || next ? vm : 0;
	w->ids.asked[at].id = id;
	w->ids.asked[at].next = next;
}

static uint16_t asked(const struct world *w, uint64_t vm, bool next)
{
	for (size_t i = 0; i < SIM_VM_MAX; i++)
		if (w->ids.asked[i].vm == vm)
			return next ? w->ids.asked[i].next : w->ids.asked[i].id;
	return 0;
}

static void puts_off(struct world *w, const struct change *c)
{
	uint16_t id = asked(w, c->vm, false), next = asked(w, c->vm, true);

	if (c->pending.what == PENDING_TAKEN)
		asks(w, c->vm, next, 0);
	else
		asks(w, c->vm, id, c->pending.definition ? c->pending.definition->ffa_id : 0);
}

/* No id is to be had for this VM: its own is burned or another's, or none of the range is free. */
bool oracle_id_is_short(const struct world *w, const char *name)
{
	uint16_t first = w->first_id ? w->first_id : FFA_ID_VM_FIRST, last = w->first_id ? w->last_id : FFA_ID_VM_LAST;
	uint64_t vm = 0;

	for (size_t i = 0; i < sizeof(w->kept) / sizeof(*w->kept); i++)
		if (w->kept[i].vm && !strcmp(w->kept[i].name, name))
			vm = w->kept[i].vm;
	for (size_t i = 0; i < SIM_VM_MAX; i++)
		if (vm && w->ids.asked[i].vm == vm && w->ids.asked[i].id)
			return w->ids.burned[w->ids.asked[i].id] || w->ids.life[w->ids.asked[i].id];
	for (uint32_t id = first; id <= last; id++)
		if (is_free(w, (uint16_t)id))
			return false;
	return true;
}

static void burns(struct world *w, const struct change *c)
{
	uint16_t id = c->burned.endpoint;

	w->ids.burned[id] = (uint8_t)(w->ids.burned[id] + (c->burned.released ? -1 : 1));
	if (!w->ids.life[id])
		w->ids.free_since[id] = c->seq;
}

void oracle_ids(struct world *w, const struct change *c)
{
	if (c->kind == CHANGE_VM || c->kind == CHANGE_VM_GONE || c->kind == CHANGE_PENDING)
		w->ids.defined = c->seq;
	if (c->kind == CHANGE_LIFE)
		begins(w, c);
	else if (c->kind == CHANGE_LIFE_GONE)
		ends(w, c);
	else if (c->kind == CHANGE_VM)
		asks(w, c->vm, c->definition->ffa_id, asked(w, c->vm, true));
	else if (c->kind == CHANGE_VM_GONE)
		asks(w, c->vm, 0, 0);
	else if (c->kind == CHANGE_PENDING)
		puts_off(w, c);
	else if (c->kind == CHANGE_BURNED)
		burns(w, c);
}
