/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Burned FF-A ids: an operator forgot what a life owed an SP, and the SP may know the life still. So nobody gets the id,
 * life or no life, until the SP, or the secure world, is another instance. The ids of lives that the log has lost are burned at
 * nobody in particular until SPs are met, and then at all of these.
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
	m->burned.unmet += !c->burned.sp;
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
	m->burned.unmet -= !c->burned.sp;
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

/*
 * Which SP was told of that life is not known: any may have been, and the log may have lost who they are, and that they restarted.
 * Nor is the life's number known, so it gets one that no life has. Who has no secure side meets nobody.
 */
void burn_lost_ids(struct step *s)
{
	struct lost_ids *lost = &s->m->lost_ids;

	for (size_t i = 0; i < lost->count && !MUTANT(MUTANT_P2_LOST_ID_REUSED); i++) {
		struct change c = { .kind = CHANGE_BURNED, .life = s->m->seq + 1 };

		c.burned.endpoint = lost->at[i];
		c.burned.at = s->realtime;
		emit(s, &c);
	}
	free(lost->at);
	*lost = (struct lost_ids){ 0 };
	if (!s->m->has_secure_side || MUTANT(MUTANT_P2_LOST_ID_UNMET))
		burned_meet(s);
}

static const struct burned *first_unmet(const struct model *m)
{
	for (size_t i = 0; m->burned.unmet && i < m->burned.count; i++)
		if (!m->burned.at[i].what.sp)
			return &m->burned.at[i];
	return NULL;
}

/* These are the SPs: what was told to SPs by a life that is lost, one of them was told. */
void burned_meet(struct step *s)
{
	const struct burned *b;

	while ((b = first_unmet(s->m))) {
		struct change c = { .kind = CHANGE_BURNED, .life = b->life, .burned = b->what };

		for (size_t i = 0; i < s->m->sp_count && !MUTANT(MUTANT_P2_LOST_ID_MET); i++) {
			c.burned.sp = s->m->sp[i].info.id;
			if (sp_is_there(&s->m->sp[i]))
				emit(s, &c);
		}
		c.burned.sp = 0;
		c.burned.released = true;
		emit(s, &c);
	}
}

bool model_waits_for_ids(const struct model *m, uint16_t wanted)
{
	if (!m->burned.unmet || model_pick_id(m, wanted))
		return false;
	for (size_t i = 0; i < m->burned.count; i++) {
		uint16_t id = m->burned.at[i].what.endpoint;

		if (m->burned.at[i].what.sp || m->endpoint[id] || !ids_is_ours(&m->ids, id))
			continue;
		if (wanted ? id == wanted : !ids_is_reserved(&m->ids, id))
			return true;
	}
	return false;
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
