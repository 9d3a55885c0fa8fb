/* SPDX-License-Identifier: Apache-2.0 */

/* The secure world as a whole: its birth, its resets, its SPs' restarts, and the work they do by themselves. */

#include "spmc/world.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "spmc/personality.h"

/* Is this a book that the SPs of this command line can go on with? */
int world_check(const struct world_book *book, size_t size, const struct world_config *config, const char **ret_why)
{
	const char *why = NULL;

	if (size < sizeof(*book) || book->magic != WORLD_MAGIC)
		why = "it is not a state file of this program";
	else if (book->version != WORLD_VERSION)
		why = "it was written by another version";
	else if (book->sp_count != config->sp_count)
		why = "it holds another number of SPs";
	else if (size != world_size(config->sp_count) || book->size != size)
		why = "it has another size";
	for (uint32_t i = 0; !why && i < config->sp_count; i++)
		if (book->sp[i].id != config->sp[i].id || book->sp[i].personality != config->sp[i].personality)
			why = "it holds another set of SPs";
	if (!why)
		return 0;
	*ret_why = why;
	return -EINVAL;
}

static void change_tag(struct world *w)
{
	if (++w->book->tag == 0)
		w->book->tag = 1;
}

static void fence(void)
{
	atomic_signal_fence(memory_order_seq_cst);
}

/* A new instance: nothing is remembered, all generations are 1. */
void world_reset(struct world *w, const uint8_t instance[16])
{
	struct world_book *b = w->book;
	uint16_t tag = b->tag;

	b->whole = 0;
	fence();
	memset(b->bitmaps, 0, sizeof(b->bitmaps));
	b->incarnation = 0;
	for (uint32_t i = 0; i < w->config.sp_count; i++) {
		memset(&b->sp[i], 0, sizeof(b->sp[i]));
		b->sp[i].id = w->config.sp[i].id;
		b->sp[i].personality = w->config.sp[i].personality;
		b->sp[i].generation = 1;
		w->work_at[i] = WORLD_NEVER;
	}
	memcpy(b->instance, instance, sizeof(b->instance));
	b->sp_count = w->config.sp_count;
	b->size = world_size(b->sp_count);
	b->version = WORLD_VERSION;
	b->magic = WORLD_MAGIC;
	b->tag = tag;
	change_tag(w);
	w->doorbells = 0;
	w->rx.full = false;
	fence();
	b->whole = 1;
}

static void forget_sp(struct world *w, uint32_t index)
{
	struct sp *sp = &w->book->sp[index];

	sp_forget(sp);
	sp->generation++;
	change_tag(w);
	fence();
	sp->restarting = 0;
}

/* After a load: the process may have died at any store. */
void world_recover(struct world *w)
{
	for (uint32_t i = 0; i < w->config.sp_count; i++) {
		sp_recover(&w->book->sp[i]);
		if (w->book->sp[i].restarting)
			forget_sp(w, i);
		w->work_at[i] = WORLD_NEVER;
		world_plan(w, i, 0);
	}
}

/* The SP dies and comes back: it knows no VM, and whoever listens is told of the new generation. */
void world_restart_sp(struct world *w, uint32_t index)
{
	w->book->sp[index].restarting = 1;
	fence();
	forget_sp(w, index);
	w->work_at[index] = WORLD_NEVER;
	w->doorbells |= UINT64_C(1) << index;
}

int world_find(const struct world *w, uint16_t id)
{
	for (uint32_t i = 0; i < w->config.sp_count; i++)
		if (w->config.sp[i].id == id)
			return (int)i;
	return -ENOENT;
}

/* Sets the time of the next work step, if there is work and no step is planned already. */
void world_plan(struct world *w, uint32_t index, uint64_t monotonic)
{
	const struct sp_config *c = &w->config.sp[index];
	const struct personality *p = personality_get(c->personality);

	if (!p->has_work || !p->has_work(c, &w->book->sp[index]))
		w->work_at[index] = WORLD_NEVER;
	else if (w->work_at[index] == WORLD_NEVER)
		w->work_at[index] = monotonic + c->tick_us * UINT64_C(1000);
}

uint64_t world_next(const struct world *w)
{
	uint64_t next = WORLD_NEVER;

	for (uint32_t i = 0; i < w->config.sp_count; i++)
		if (w->work_at[i] < next)
			next = w->work_at[i];
	return next;
}

/* One work step of each SP whose time has come. */
void world_work(struct world *w, uint64_t monotonic)
{
	for (uint32_t i = 0; i < w->config.sp_count; i++) {
		const struct sp_config *c = &w->config.sp[i];

		if (w->work_at[i] == WORLD_NEVER || w->work_at[i] > monotonic)
			continue;
		w->work_at[i] = WORLD_NEVER;
		if (personality_get(c->personality)->work(c, &w->book->sp[i]) && c->doorbell)
			w->doorbells |= UINT64_C(1) << i;
		world_plan(w, i, monotonic);
	}
}
