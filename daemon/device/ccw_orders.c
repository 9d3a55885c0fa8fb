/* SPDX-License-Identifier: Apache-2.0 */
/* The orders that the cells of the ccw table give to the device. None waits, and none sets the state. */
#include "device/ccw_table.h"

#include <errno.h>

/* The ladder: cancel once, halt three times, then clear. */
#define CANCEL_TRIES 1
#define HALT_TRIES   3

static enum ccw_answer meaning(int r)
{
	return r == 0 ? OK : r == -EBUSY ? BUSY : r == -ENODEV ? GONE : OTHER;
}

/* Whoever asked is told the errno itself. */
static enum ccw_answer answered(struct ccw_turn *t, int r)
{
	t->out->result = r > 0 ? -EIO : r; /* not enabled: no state to take requests in */
	return meaning(r);
}

/*
 * `gone`: the bus has to have it back first. `quiesce-failed`: the channel may still read and write the kept program, so
 * that is set up anew only once the subchannel lets itself be disabled.
 */
static enum ccw_answer order_set_up(struct ccw_turn *t)
{
	struct ccw *m = t->m;
	enum ccw_answer a;

	if (m->reason == CCW_GONE && !t->in->present)
		return answered(t, -ENODEV);
	if (m->reason == CCW_QUIESCE_FAILED) {
		a = answered(t, m->ops->disable(m->device));
		if (a != OK)
			return a;
	}
	return answered(t, m->ops->set_up(m->device));
}

static enum ccw_answer order_enable(struct ccw_turn *t)
{
	return answered(t, t->m->ops->enable(t->m->device));
}

static enum ccw_answer order_disable(struct ccw_turn *t)
{
	return answered(t, t->m->ops->disable(t->m->device));
}

static enum ccw_answer order_re_disable(struct ccw_turn *t)
{
	(void)t->m->ops->disable(t->m->device); /* nobody asked; if it fails the next interrupt brings us here again */
	return OK;
}

static enum ccw_answer order_start(struct ccw_turn *t)
{
	enum ccw_answer a = answered(t, t->m->ops->start(t->m->device));

	if (a == OK) {
		t->m->program = true;
		t->m->counts.started++;
	}
	return a;
}

static enum ccw_answer order_halt(struct ccw_turn *t)
{
	return answered(t, t->m->ops->halt(t->m->device));
}

static enum ccw_answer order_clear(struct ccw_turn *t)
{
	return answered(t, t->m->ops->clear(t->m->device));
}

static enum ccw_answer order_refresh(struct ccw_turn *t)
{
	int r = t->m->ops->store_schib(t->m->device);

	if (r == CCW_OP_PATH_LOST)
		return LOST;
	if (r == 0)
		return OK;
	t->out->result = r < 0 ? r : -EIO;
	return GONE; /* unreadable, for whatever reason */
}

/* ---- the ladder ---- */

static uint32_t tries_on(const struct ccw *m, enum ccw_rung rung)
{
	const uint32_t tries[CCW_RUNG_COUNT] = {
		[CCW_RUNG_CANCEL] = CANCEL_TRIES, [CCW_RUNG_HALT] = HALT_TRIES, [CCW_RUNG_CLEAR] = m->limits.clear_tries,
	};

	return tries[rung];
}

static int order_of(struct ccw *m, enum ccw_rung rung)
{
	int (*const orders[CCW_RUNG_COUNT])(void *) = {
		[CCW_RUNG_CANCEL] = m->ops->cancel, [CCW_RUNG_HALT] = m->ops->halt, [CCW_RUNG_CLEAR] = m->ops->clear,
	};

	return orders[rung](m->device);
}

void ccw_begin_ladder(struct ccw *m, uint64_t now)
{
	m->ladder.rung = CCW_RUNG_CANCEL;
	m->ladder.tries = 0;
	m->ladder.since = now;
	m->ladder.until = now + m->limits.total_ns;
	m->ladder.step_until = now;
}

static void climb(struct ccw *m)
{
	while (m->ladder.rung < CCW_RUNG_SPENT && m->ladder.tries >= tries_on(m, m->ladder.rung)) {
		m->ladder.rung++;
		m->ladder.tries = 0;
	}
}

static void wait_for_order(struct ccw *m, uint64_t now)
{
	uint64_t until = now + m->limits.step_ns;

	m->ladder.step_until = until < m->ladder.until ? until : m->ladder.until;
}

static enum ccw_answer disabled_by_now(struct ccw *m)
{
	return meaning(m->ops->disable(m->device));
}

/*
 * The next order. Halt and clear are answered by an interrupt, or by nothing, which the timer bounds. A cancel that
 * succeeded brings no interrupt: the subchannel can be disabled at once; one that came too late is followed by halt.
 */
static enum ccw_answer give_order(struct ccw *m, uint64_t now)
{
	for (;;) {
		enum ccw_rung rung;
		enum ccw_answer a;
		int r;

		climb(m);
		rung = m->ladder.rung;
		if (rung == CCW_RUNG_SPENT || now >= m->ladder.until)
			return SPENT;
		m->ladder.tries++;
		r = order_of(m, rung);
		if (r == CCW_OP_DISABLED)
			return OK;
		if (r == -ENODEV)
			return GONE;
		if (rung != CCW_RUNG_CANCEL) {
			wait_for_order(m, now);
			return BUSY;
		}
		a = r == 0 ? disabled_by_now(m) : BUSY;
		if (a != BUSY)
			return a;
	}
}

/* An order may have come to its end without a word, so each round asks first whether it can be disabled by now. */
static enum ccw_answer order_rung(struct ccw_turn *t)
{
	struct ccw *m = t->m;
	enum ccw_answer a = BUSY;

	if (t->in->event == CCW_EV_TIMEOUT && t->in->now < m->ladder.step_until)
		return EARLY;
	if (m->ladder.tries)
		a = disabled_by_now(m);
	return a == BUSY ? give_order(m, t->in->now) : a;
}

static enum ccw_answer order_nothing(struct ccw_turn *t)
{
	return OK;
}

static enum ccw_answer (*const how[ORDER_COUNT])(struct ccw_turn *t) = {
	[NOTHING] = order_nothing,
	[SET_UP] = order_set_up,
	[ENABLE] = order_enable,
	[DISABLE] = order_disable,
	[RE_DISABLE] = order_re_disable,
	[START] = order_start,
	[HALT] = order_halt,
	[CLEAR] = order_clear,
	[REFRESH] = order_refresh,
	[RUNG] = order_rung,
};

enum ccw_answer ccw_give_order(struct ccw_turn *t, enum ccw_order order)
{
	return how[order](t);
}
