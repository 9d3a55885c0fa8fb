/* SPDX-License-Identifier: Apache-2.0 */
#include "set_world.h"

#include <errno.h>
#include <string.h>

#include "oracle.h"

void world_begin(struct world *w, unsigned count, const unsigned *flags, const unsigned *states)
{
	uint64_t patience[MIGRATION_ORDER_COUNT];

	memset(w, 0, sizeof(*w));
	for (unsigned i = 0; i < MIGRATION_ORDER_COUNT; i++)
		patience[i] = PATIENCE;
	migration_set_init(&w->set, patience);
	w->count = count;
	w->mishap[0].at = w->mishap[1].at = NEVER;
	for (unsigned i = 0; i < count; i++) {
		w->flags[i] = flags[i];
		w->real[i] = states[i];
		w->configured[i] = true;
		assert_int_equal(migration_set_add(&w->set, flags[i], states[i]), i);
	}
}

static bool is_stopped(unsigned state)
{
	return state == S(STOP) || state == S(STOP_COPY) || state == S(RESUMING);
}

static bool may_begin_dma_to_others(unsigned state)
{
	return state == S(RUNNING) || state == S(PRE_COPY);
}

/* Nobody begins DMA to a device that cannot answer any more. A device without P2P, or after a reset, cannot help it. */
static void check_peers(const struct world *w, const struct migration_order *o)
{
	for (unsigned i = 0; i < w->count; i++) {
		if (i == o->device || !(w->flags[i] & VFIO_MIGRATION_P2P) || w->set.device[i].dead)
			continue;
		if (w->resets || !(w->flags[o->device] & VFIO_MIGRATION_P2P) || w->set.asked == MIGRATION_LOAD)
			continue;
		if (is_stopped(o->to) && !is_stopped(w->real[o->device]))
			assert_false(may_begin_dma_to_others(w->real[i]));
		if (o->to == S(RUNNING) && w->real[o->device] == S(RUNNING_P2P))
			assert_false(is_stopped(w->real[i]));
	}
}

static void check_order(struct world *w, const struct migration_order *o)
{
	bool fd;

	assert_true(o->device < w->count);
	assert_int_not_equal(w->flags[o->device], 0);
	if (w->set.asked != MIGRATION_RESET && w->set.asked != MIGRATION_REVIVE)
		assert_false(w->set.device[o->device].dead);
	assert_ptr_equal(migration_set_waits(&w->set), &w->set.order);
	assert_int_equal(o->until, w->now + PATIENCE);
	if (o->kind != MIGRATION_SET_STATE)
		return;
	/* Only ever one arc from where it is known to be, and a blocked one never. */
	assert_int_equal(w->set.device[o->device].state, w->real[o->device]);
	assert_true(oracle_arc(w->real[o->device], o->to, w->flags[o->device], &fd));
	check_peers(w, o);
	if (w->visits < sizeof(w->visited))
		w->visited[w->visits++] = o->device;
}

struct migration_answer world_behave(struct world *w, const struct migration_order *o)
{
	struct migration_answer a = { .number = o->number };
	unsigned *real = &w->real[o->device];

	switch (o->kind) {
	case MIGRATION_SET_STATE:
		assert_true(oracle_arc(*real, o->to, w->flags[o->device], &a.data_fd));
		*real = o->to;
		break;
	case MIGRATION_GET_STATE:
		a.state = *real;
		break;
	case MIGRATION_DO_RESET:
		*real = S(RUNNING);
		w->configured[o->device] = false;
		break;
	case MIGRATION_CONFIGURE:
		w->configured[o->device] = true;
		break;
	}
	return a;
}

/* False: there is no answer. */
static bool misbehave(struct world *w, const struct migration_order *o, enum wrong how, struct migration_answer *a)
{
	unsigned before = w->real[o->device];

	if (how == IS_SILENT)
		return false;
	*a = world_behave(w, o);
	if (how == LIES) {
		a->data_fd = !a->data_fd;
		a->state = VFIO_DEVICE_STATE_COUNT;
		if (o->kind == MIGRATION_DO_RESET)
			w->real[o->device] = before;
		return true;
	}
	a->error = EIO;
	a->data_fd = false;
	if (how == FAILS)
		w->real[o->device] = before;
	if (how == FAILS_BROKEN)
		w->real[o->device] = S(ERROR);
	return true;
}

static const struct mishap *mishap_now(struct world *w, const struct migration_order *o)
{
	for (unsigned i = 0; i < 2; i++) {
		struct mishap *m = &w->mishap[i];

		if (m->at == w->orders) {
			m->device = o->device;
			return m;
		}
		if (m->at < w->orders && m->device == o->device &&
			(m->lasting == FOR_EVER || (m->lasting == WHAT_IS_SET && o->kind == MIGRATION_SET_STATE)))
			return m;
	}
	return NULL;
}

static void time_passes(struct world *w, const struct migration_order *o)
{
	w->now = o->until - 1;
	migration_set_tick(&w->set, w->now);
	assert_int_equal(w->set.order.number, o->number);
	w->now = o->until;
	migration_set_tick(&w->set, w->now);
	assert_int_not_equal(w->set.order.number == o->number && w->set.order.kind, true);
}

/* One order and what becomes of it; false: the goal is over. */
bool world_turn(struct world *w)
{
	struct migration_answer a = { 0 };
	struct migration_order o;
	const struct mishap *m;
	bool answered = true;

	if (!migration_set_take(&w->set, &o))
		return false;
	check_order(w, &o);
	assert_false(migration_set_take(&w->set, &o));
	m = mishap_now(w, &o);
	w->resets += o.kind == MIGRATION_DO_RESET;
	if (m)
		answered = misbehave(w, &o, m->how, &a);
	else
		a = world_behave(w, &o);
	w->orders++;
	if (!answered)
		time_passes(w, &o);
	else
		assert_int_equal(migration_set_answer(&w->set, &a, w->now), 0);
	return true;
}

void world_run(struct world *w)
{
	unsigned most = migration_set_most_orders(&w->set);

	while (world_turn(w))
		assert_true(w->orders <= most);
	assert_null(migration_set_waits(&w->set));
}
