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

void world_change_tag(struct world *w)
{
	if (++w->book->tag == 0)
		w->book->tag = 1;
}

static void fence(void)
{
	atomic_signal_fence(memory_order_seq_cst);
}

/* splitmix64: any state will do, and the next one is as good. */
uint64_t world_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

/* The apparatus is no part of the world: a fault that resets it must not come again for that. */
struct apparatus {
	uint64_t next_order; /* of notifiers: a program of an SP that is no more is not taken for another's */
	uint32_t faults[SP_FAULT_COUNT];
	uint64_t events[WORLD_EVENT_COUNT];
	uint64_t random;
};

static void boot(struct world *w, uint32_t index)
{
	struct sp *sp = &w->book->sp[index];
	struct apparatus kept = { .random = sp->random, .next_order = sp->notifiers.next_order };

	memcpy(kept.faults, sp->faults, sizeof(kept.faults));
	memcpy(kept.events, sp->counts.events, sizeof(kept.events));
	memset(sp, 0, sizeof(*sp));
	sp->id = w->config.sp[index].id;
	sp->personality = w->config.sp[index].personality;
	sp->generation = 1;
	sp->state = SP_RUNNING;
	sp->random = kept.random ? kept.random : (uint64_t)w->config.seed << 16 | sp->id;
	sp->notifiers.next_order = kept.next_order;
	memcpy(sp->faults, kept.faults, sizeof(kept.faults));
	memcpy(sp->counts.events, kept.events, sizeof(kept.events));
	w->work_at[index] = w->event_at[index] = WORLD_NEVER;
	w->late[index] = (struct world_late){ .due = WORLD_NEVER };
}

/* A new instance: nothing is remembered, all generations are 1. */
void world_reset(struct world *w, const uint8_t instance[16])
{
	struct world_book *b = w->book;
	uint64_t resets = b->magic == WORLD_MAGIC ? b->resets + 1 : 0;
	uint16_t tag = b->tag;

	b->whole = 0;
	fence();
	memset(b->bitmap_of, 0, sizeof(b->bitmap_of));
	b->incarnation = 0;
	b->negotiated = b->frozen = 0;
	for (uint32_t i = 0; i < w->config.sp_count; i++)
		boot(w, i);
	memcpy(b->instance, instance, sizeof(b->instance));
	b->sp_count = w->config.sp_count;
	b->size = world_size(b->sp_count);
	b->version = WORLD_VERSION;
	b->magic = WORLD_MAGIC;
	b->tag = tag;
	world_change_tag(w);
	b->resets = resets;
	w->doorbells = 0;
	w->rings = false;
	w->reset_wanted = false;
	w->rx.full = false;
	fence();
	b->whole = 1;
	for (uint32_t i = 0; i < w->config.sp_count; i++)
		world_plan(w, i, w->monotonic);
}

/* Of what ran nothing does any more: a hold is over, and a program is looked for in vain. */
void world_rebooted(struct world *w)
{
	w->book->incarnation = 0;
	for (uint32_t i = 0; i < w->config.sp_count; i++) {
		struct notifiers *l = &w->book->sp[i].notifiers;

		l->run.begun = 0;
		l->run.until = l->run.until == NOTIFIER_UNTIL_TOLD ? NOTIFIER_UNTIL_TOLD : 0;
		l->run.pid_started = 0;
		for (size_t n = 0; n < NOTIFIERS; n++)
			l->object[n].since = 0;
	}
}

/* After a load: the process may have died at any store. */
void world_recover(struct world *w)
{
	for (uint32_t i = 0; i < w->config.sp_count; i++) {
		w->work_at[i] = WORLD_NEVER;
		w->late[i] = (struct world_late){ .due = WORLD_NEVER };
		sp_recover(&w->book->sp[i]);
		partition_recover(w, i);
		world_plan(w, i, 0);
	}
}

/* The SP dies and comes back: it knows no VM, and whoever listens is told of the new generation. */
void world_restart_sp(struct world *w, uint32_t index)
{
	(void)world_event(w, WORLD_RESTART, index, w->monotonic);
}

int world_find(const struct world *w, uint16_t id)
{
	for (uint32_t i = 0; i < w->config.sp_count; i++)
		if (w->config.sp[i].id == id)
			return (int)i;
	return -ENOENT;
}

static bool runs(const struct sp *sp)
{
	return sp->state == SP_RUNNING && !sp->panicked;
}

/* Sets the time of the next work step, if there is work and no step is planned already. */
void world_plan(struct world *w, uint32_t index, uint64_t monotonic)
{
	const struct sp_config *c = &w->config.sp[index];
	const struct personality *p = personality_get(c->personality);
	const struct sp *sp = &w->book->sp[index];
	uint64_t at = WORLD_NEVER;

	if (runs(sp) && p->work_at)
		at = p->work_at(c, sp, monotonic);
	if (at == WORLD_NEVER || w->work_at[index] == WORLD_NEVER)
		w->work_at[index] = at;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t world_next(const struct world *w)
{
	uint64_t next = WORLD_NEVER;

	for (uint32_t i = 0; i < w->config.sp_count; i++) {
		next = earlier(next, earlier(w->work_at[i], w->event_at[i]));
		if (!w->late[i].done)
			next = earlier(next, w->late[i].due);
	}
	return next;
}

/* One step of what the SP does between calls. */
static void work(struct world *w, uint32_t index)
{
	const struct sp_config *c = &w->config.sp[index];

	w->work_at[index] = WORLD_NEVER;
	if (personality_get(c->personality)->work(c, &w->book->sp[index], w->monotonic) && c->doorbell)
		w->doorbells |= UINT64_C(1) << index;
	world_plan(w, index, w->monotonic);
}

/* What is due: of each SP one work step, its next state, the answer that it is late with. */
void world_work(struct world *w, uint64_t monotonic)
{
	w->monotonic = monotonic;
	for (uint32_t i = 0; i < w->config.sp_count; i++) {
		if (w->event_at[i] <= monotonic)
			partition_work(w, i);
		if (w->late[i].due <= monotonic && !w->late[i].done)
			direct_execute(w, i);
		if (w->work_at[i] <= monotonic)
			work(w, i);
	}
}

enum notifier_answer world_register(struct world *w, uint32_t index, const struct notifier *n, uint64_t monotonic)
{
	const struct personality *p = personality_get(w->config.sp[index].personality);
	struct sp *sp = &w->book->sp[index];
	enum notifier_answer answer;

	if (!n)
		return NOTIFIER_INVALID_ARGUMENTS;
	if (!p->register_notifier || !runs(sp))
		return NOTIFIER_BAD_STATE;
	answer = p->register_notifier(sp, n, monotonic);
	world_plan(w, index, monotonic);
	return answer;
}

enum notifier_answer world_unregister(
	struct world *w, uint32_t index, uint16_t vm, const char *name, uint64_t monotonic)
{
	const struct sp_config *c = &w->config.sp[index];
	struct sp *sp = &w->book->sp[index];

	if (!personality_get(c->personality)->register_notifier || !runs(sp))
		return NOTIFIER_BAD_STATE;
	return notifier_unregister(&sp->notifiers, (enum notifier_contract)c->contract, vm, name);
}

/* The one that ran until it was told to have ended. */
void world_notified(struct world *w, uint32_t index, struct notifier_result result, uint64_t monotonic)
{
	notifier_end(&w->book->sp[index].notifiers, result, monotonic);
	world_plan(w, index, monotonic);
}

bool world_answer(struct world *w, uint64_t *ret_call, uint64_t x[FFA_REGISTERS])
{
	for (uint32_t i = 0; i < w->config.sp_count; i++) {
		struct world_late *l = &w->late[i];

		if (l->due == WORLD_NEVER || !l->done)
			continue;
		l->due = WORLD_NEVER;
		*ret_call = l->call;
		memcpy(x, l->x, sizeof(l->x));
		return true;
	}
	return false;
}

/* The SPs do what they were asked to all the same. */
void world_abandon(struct world *w)
{
	for (uint32_t i = 0; i < w->config.sp_count; i++) {
		w->late[i].abandoned = true;
		if (w->late[i].done)
			w->late[i].due = WORLD_NEVER;
	}
}
