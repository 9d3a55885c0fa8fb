/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Burned FF-A ids: an operator forgot what a life owed an SP, and the SP may know the life still. So nobody gets the id,
 * life or no life, until the SP, or the secure world, is another instance.
 */
#include "model/step.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mutant.h"

int burned_reserve(struct burned_ids *b, size_t more)
{
	size_t room = b->count + more;
	struct burned *at;

	if (room <= b->room)
		return 0;
	room *= 2;
	at = realloc(b->at, room * sizeof(*at));
	if (!at)
		return -ENOMEM;
	b->at = at;
	b->room = room;
	return 0;
}

bool model_is_burned(const struct model *m, uint16_t id)
{
	for (size_t i = 0; i < m->burned.count; i++)
		if (m->burned.at[i].what.endpoint == id)
			return true;
	return false;
}

static struct burned *find(const struct model *m, uint64_t life, uint16_t sp)
{
	for (size_t i = 0; i < m->burned.count; i++)
		if (m->burned.at[i].life == life && m->burned.at[i].what.sp == sp)
			return &m->burned.at[i];
	return NULL;
}

const struct burned *model_burned(const struct model *m, uint64_t life, uint16_t sp)
{
	return find(m, life, sp);
}

static int burn(struct model *m, const struct change *c)
{
	if (find(m, c->life, c->burned.sp) || c->burned.endpoint >= FFA_ID_VM_COUNT)
		return -EBADMSG;
	if (m->burned.count == m->burned.room)
		return -ENOMEM;
	m->burned.at[m->burned.count++] = (struct burned){ c->life, c->burned };
	ids_take(&m->ids, c->burned.endpoint);
	return 0;
}

static int release(struct model *m, const struct change *c)
{
	struct burned *b = find(m, c->life, c->burned.sp);
	uint16_t id;

	if (!b)
		return -EBADMSG;
	id = b->what.endpoint;
	memmove(b, b + 1, (size_t)(m->burned.at + m->burned.count - (b + 1)) * sizeof(*b));
	m->burned.count--;
	model_give_back_id(m, id);
	return 0;
}

int apply_burned(struct model *m, const struct change *c)
{
	m->burned.changes++;
	return c->burned.released ? release(m, c) : burn(m, c);
}

void model_give_back_id(struct model *m, uint16_t id)
{
	if (!m->endpoint[id] && (!model_is_burned(m, id) || MUTANT(MUTANT_P2_BURNED_REUSED)))
		ids_give_back(&m->ids, id);
}

void burn_id(struct step *s, const struct life *l, const struct sp *sp)
{
	struct change c = { .kind = CHANGE_BURNED, .life = l->number };

	c.burned.endpoint = l->begun.endpoint;
	c.burned.sp = sp->info.id;
	c.burned.at = s->realtime;
	memcpy(c.burned.name, l->begun.name, sizeof(c.burned.name));
	emit(s, &c);
}

int model_lose_id(struct model *m, uint16_t id)
{
	struct lost_ids *lost = &m->lost_ids;
	uint16_t *at;

	if (id < FFA_ID_VM_FIRST || id > FFA_ID_VM_LAST)
		return 0;
	for (size_t i = 0; i < lost->count; i++)
		if (lost->at[i] == id)
			return 0;
	at = realloc(lost->at, (lost->count + 1) * sizeof(*at));
	if (!at)
		return -ENOMEM;
	at[lost->count++] = id;
	lost->at = at;
	return 0;
}

/* Which SP was told of that life is not known: any may have been. Nor is its number, so it gets one that no life has. */
void burn_lost_ids(struct step *s)
{
	struct lost_ids *lost = &s->m->lost_ids;

	for (size_t i = 0; i < lost->count && !MUTANT(MUTANT_P2_LOST_ID_REUSED); i++) {
		struct change c = { .kind = CHANGE_BURNED, .life = s->m->seq + 1 };

		c.burned.endpoint = lost->at[i];
		c.burned.at = s->realtime;
		for (size_t k = 0; k < s->m->sp_count; k++) {
			c.burned.sp = s->m->sp[k].info.id;
			emit(s, &c);
		}
	}
	free(lost->at);
	*lost = (struct lost_ids){ 0 };
}

/*
 * This SP's instance is gone, and what it knew with it. A VM_CREATED that was under way then may yet be taken by the next
 * one: `under_way` is the life it belongs to, or 0.
 */
void release_burned(struct step *s, const struct sp *sp, uint64_t under_way)
{
	for (size_t i = s->m->burned.count; i-- > 0;) {
		const struct burned *b = &s->m->burned.at[i];
		struct change c = { .kind = CHANGE_BURNED, .life = b->life, .burned = b->what };

		if (b->what.sp != sp->info.id || b->life == under_way)
			continue;
		c.burned.released = true;
		emit(s, &c);
	}
}
