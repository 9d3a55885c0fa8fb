/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Definitions: a life keeps what it was built from, however often its VM is defined anew; the next one is built from what
 * was accepted last, once; who is to go with his life has no other. Told from the stored changes, from what a VMM is
 * started with, and from what users were told.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simulation/sim.h"

static struct kept_definitions *kept(struct world *w, uint64_t vm)
{
	for (size_t i = 0; vm && i < SIM_VM_MAX; i++)
		if (w->definitions[i].vm == vm)
			return &w->definitions[i];
	return NULL;
}

static struct kept_definitions *kept_named(struct world *w, const char *name)
{
	for (size_t i = 0; i < SIM_VM_MAX; i++)
		if (w->definitions[i].vm && !strcmp(w->definitions[i].name, name))
			return &w->definitions[i];
	return NULL;
}

static void take(struct vm_definition **to, const struct vm_definition *d)
{
	free(*to);
	*to = NULL;
	if (!d)
		return;
	*to = malloc(sizeof(**to));
	if (!*to)
		abort();
	memcpy(*to, d, sizeof(**to));
}

uint64_t definition_hash(const struct vm_definition *d)
{
	uint64_t hash = 0xCBF29CE484222325ull;

	for (size_t i = 0; i < sizeof(*d); i++)
		hash = (hash ^ ((const uint8_t *)d)[i]) * 0x100000001B3ull;
	return hash;
}

static bool builds_the_same(const struct vm_definition *a, const struct vm_definition *b)
{
	return !memcmp(a->uuid, b->uuid, sizeof(a->uuid)) && a->ffa_id == b->ffa_id && a->vcpu_count == b->vcpu_count &&
	       a->huge_pages == b->huge_pages && a->console == b->console && a->memory_bytes == b->memory_bytes &&
	       !strcmp(a->kernel, b->kernel) && !strcmp(a->cmdline, b->cmdline) && a->assigned_count == b->assigned_count &&
	       a->limits.console_bytes == b->limits.console_bytes && a->limits.overcommit == b->limits.overcommit &&
	       !memcmp(&a->resources, &b->resources, sizeof(a->resources)) &&
	       !memcmp(a->placement, b->placement, sizeof(a->placement));
}

static void defined(struct world *w, const struct change *c)
{
	struct kept_definitions *k = kept(w, c->vm);

	for (size_t i = 0; !k && i < SIM_VM_MAX; i++) {
		if (w->definitions[i].vm)
			continue;
		k = &w->definitions[i];
		k->vm = c->vm;
		k->life = 0;
		memcpy(k->name, c->definition->name, sizeof(k->name));
		take(&k->in_force, c->definition);
	}
	if (!k)
		return;
	if (k->life && !builds_the_same(k->in_force, c->definition))
		fail(w, "P5", "life %" PRIu64 " of %s goes on, and what it was built from is another now", k->life, k->name);
	take(&k->in_force, c->definition);
}

static void put_off(struct world *w, const struct turn *turn, size_t i)
{
	const struct change *c = &turn->change[i];
	struct kept_definitions *k = kept(w, c->vm);
	bool begins = i + 1 < turn->count && turn->change[i + 1].kind == CHANGE_LIFE && turn->change[i + 1].vm == c->vm;

	if (!k)
		return;
	if (c->pending.what != PENDING_TAKEN && c->pending.what != PENDING_NONE && !k->life)
		fail(w, "P5", "%s has no life, and something waits for its end", k->name);
	if (c->pending.what == PENDING_TAKEN) {
		if (!k->next)
			fail(w, "P5", "%s is given a definition of its next life that nobody asked for", k->name);
		else if (k->life && !begins)
			fail(w, "P5", "life %" PRIu64 " of %s goes on, and has the definition of the next", k->life, k->name);
		else
			take(&k->in_force, k->next);
	}
	take(&k->next, c->pending.what == PENDING_CHANGE ? c->pending.definition : NULL);
	k->removal = c->pending.what == PENDING_REMOVAL;
}

static void begins(struct world *w, const struct change *c)
{
	struct kept_definitions *k = kept(w, c->vm);

	if (!k || c->begun.old)
		return;
	if (k->next)
		fail(w, "P5", "life %" PRIu64 " of %s begins, and what waited for it waits still", c->life, k->name);
	if (k->removal)
		fail(w, "P5", "life %" PRIu64 " of %s begins, which was to go with the one before", c->life, k->name);
	if (c->begun.memory_bytes != k->in_force->memory_bytes || c->begun.vcpu_count != k->in_force->vcpu_count ||
		(c->begun.fixed_id && c->begun.endpoint != k->in_force->ffa_id))
		fail(w, "P5", "life %" PRIu64 " of %s is not what its definition says", c->life, k->name);
	k->life = c->life;
}

static void gone(struct kept_definitions *k)
{
	if (!k)
		return;
	take(&k->in_force, NULL);
	take(&k->next, NULL);
	*k = (struct kept_definitions) { 0 };
}

static void life_gone(struct world *w, uint64_t life)
{
	for (size_t i = 0; i < SIM_VM_MAX; i++)
		if (w->definitions[i].vm && w->definitions[i].life == life)
			w->definitions[i].life = 0;
}

void oracle_definitions(struct world *w, const struct turn *turn)
{
	for (size_t i = 0; i < turn->count; i++) {
		const struct change *c = &turn->change[i];

		if (c->kind == CHANGE_VM)
			defined(w, c);
		else if (c->kind == CHANGE_PENDING)
			put_off(w, turn, i);
		else if (c->kind == CHANGE_LIFE)
			begins(w, c);
		else if (c->kind == CHANGE_LIFE_GONE)
			life_gone(w, c->life);
		else if (c->kind == CHANGE_VM_GONE)
			gone(kept(w, c->vm));
	}
	for (size_t i = 0; i < SIM_VM_MAX; i++) {
		const struct kept_definitions *k = &w->definitions[i];

		if (k->vm && !k->life && (k->next || k->removal))
			fail(w, "P5", "%s has no life any more, and what waited for its end waits still", k->name);
	}
}

/* Also one that is started once more, by another daemon. */
void oracle_built(struct world *w, const struct birth_place *place)
{
	const struct kept_definitions *k = kept_named(w, place->definition->name);

	if (!k || k->life != place->life)
		fail(w, "P5", "life %" PRIu64 " is built, and is not that of its VM", place->life);
	else if (memcmp(k->in_force, place->definition, sizeof(*k->in_force)) != 0)
		fail(w, "P5", "life %" PRIu64 " of %s is built from another definition than is stored", place->life, k->name);
}

static bool is_same(const struct vm_definition *a, const struct vm_definition *b)
{
	return !a == !b && (!a || !memcmp(a, b, sizeof(*a)));
}

void oracle_definition_shown(struct world *w, const struct vm_row *row)
{
	const struct kept_definitions *k = kept_named(w, row->name);

	if (!k)
		fail(w, "P4", "%s is shown, and is not stored", row->name);
	else if (!is_same(k->in_force, row->definition))
		fail(w, "P4", "%s: the definition that is shown is not the one that is stored", row->name);
	else if (!is_same(k->next, row->pending) || k->removal != (row->waits_for_end == PENDING_REMOVAL))
		fail(w, "P4", "%s: the disk says that %s waits for the end of its life, the row says %s", row->name,
			k->next ? "a change" : k->removal ? "its removal" : "nothing",
			row->pending ? "a change" : row->waits_for_end ? "its removal" : "nothing");
}

/* Nobody else was heard between: the answer means that the next life will be so, or that there will be none. */
void oracle_defined(struct world *w, const struct asked *asked)
{
	const struct vm_row *row = rows_vm(engine_rows(w->engine), asked->row.name);
	const struct vm_definition *next = row ? (row->pending ? row->pending : row->definition) : NULL;

	if (!asked->alone)
		return;
	if (asked->verb == REQUEST_DEFINE && (!next || row->waits_for_end == PENDING_REMOVAL || definition_hash(next) != asked->text))
		fail(w, "P4", "%s was defined, and its next life would be another", asked->row.name);
	if (asked->verb == REQUEST_UNDEFINE && row && row->waits_for_end != PENDING_REMOVAL)
		fail(w, "P4", "%s was undefined, and would live again", asked->row.name);
}

void oracle_definitions_free(struct world *w)
{
	for (size_t i = 0; i < SIM_VM_MAX; i++)
		gone(&w->definitions[i]);
}
