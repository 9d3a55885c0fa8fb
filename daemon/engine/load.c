/* SPDX-License-Identifier: Apache-2.0 */
/* The log, turn by turn, before the engine starts: into the model, and what followers may still ask for into the ring. */
#include "engine/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/lifecycle.h"

int engine_init_model(struct engine *e)
{
	int r = model_init(&e->model, e->config.random);

	if (e->config.first_id)
		ids_init(&e->model.ids, e->config.first_id, e->config.last_id);
	e->model.memory_limit = e->config.memory_limit;
	e->model.huge_limit = e->config.huge_limit;
	if (e->config.retry.first)
		e->model.retry = e->config.retry;
	for (size_t i = 0; i < e->config.retry_for_count; i++)
		e->model.retry_for[e->model.retry_for_count++] = e->config.retry_for[i];
	e->model.has_secure_side = e->config.has_secure_side;
	return r;
}

static int load_change(struct engine *e, struct change *c, uint64_t when, bool snapshot)
{
	struct event_record event;
	int r = model_reserve(&e->model);
	bool told;

	if (r < 0)
		return r;
	told = !snapshot && model_event(&e->model, c, when, &event);
	r = model_apply(&e->model, c);
	if (r == 0 && told)
		ring_put(e->ring, &event);
	return r;
}

/* Its number is used all the same. */
static void leave_out(struct engine *e, struct change *c)
{
	if (c->seq > e->model.seq)
		e->model.seq = c->seq;
	if (change_has_definition(c)) {
		free(c->definition);
		c->definition = NULL;
	}
}

static int load_guarded(struct engine *e, const struct turn *turn, size_t i, bool snapshot, const struct load_guard *guard)
{
	struct change *c = &turn->change[i];
	int r = 0;

	if (guard && !guard->before(guard->arg, i)) {
		leave_out(e, c);
		return 0;
	}
	r = load_change(e, c, turn->realtime, snapshot);
	if (r < 0)
		leave_out(e, c);
	if (r != -EBADMSG || !guard)
		return r;
	guard->refused(guard->arg, i);
	return 0;
}

int engine_load(struct engine *e, const struct turn *turn, bool snapshot, const struct load_guard *guard)
{
	int r = 0;

	if (snapshot) {
		model_clear(&e->model);
		if (engine_init_model(e) < 0)
			return -ENOMEM;
		if (!e->loaded || (guard && guard->anew))
			ring_begin_at(e->ring, turn->last_seq);
		e->model.seq = turn->last_seq;
	}
	e->loaded = true;
	memcpy(e->boot, turn->boot, sizeof(e->boot));
	for (size_t i = 0; r == 0 && i < turn->count; i++)
		r = load_guarded(e, turn, i, snapshot, guard);
	model_empty_graves(&e->model);
	return r;
}

int engine_lose_id(struct engine *e, uint16_t id)
{
	return model_lose_id(&e->model, id);
}

void engine_each_vmm(struct engine *e,
	void (*each)(void *arg, uint64_t life, const struct change_vmm *vmm, const char *name, bool huge), void *arg)
{
	const struct life *l;

	if (memcmp(e->boot, e->config.boot, sizeof(e->boot)) != 0)
		return;
	list_for_each(l, &e->model.lives, all)
		if (l->vmm.pid)
			each(arg, l->number, &l->vmm, l->begun.name, l->begun.huge);
}

uint16_t engine_log_lost(struct engine *e, uint64_t highest)
{
	if (e->model.seq < highest)
		e->model.seq = highest;
	return model_begin_ids(&e->model);
}
