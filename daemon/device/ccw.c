/* SPDX-License-Identifier: Apache-2.0 */
/* The one door of the ccw machine, and the way from an event through its cell (ccw_table.c) to what is owed for it. */
#include "device/ccw_table.h"

#include <errno.h>
#include <string.h>

#define NS_PER_S 1000000000ull
#define CLEAR_TRIES_MAX 255

const struct ccw_limits ccw_default_limits = {
	.step_ns = 3 * NS_PER_S, .total_ns = 30 * NS_PER_S, .clear_tries = CLEAR_TRIES_MAX,
};

int ccw_begin(struct ccw *m, const struct ccw_ops *ops, void *device, const struct ccw_limits *limits)
{
	if (!limits)
		limits = &ccw_default_limits;
	if (!limits->step_ns || !limits->clear_tries || limits->step_ns > limits->total_ns ||
		limits->clear_tries > CLEAR_TRIES_MAX)
		return -EINVAL;
	*m = (struct ccw){ .ops = ops, .device = device, .limits = *limits, .state = CCW_NOT_OPERATIONAL };
	return 0;
}

/* ---- effects ---- */

/* XSCH would end it without an interrupt, and the guest would wait for ever: halt, else clear. */
static void abort_once(struct ccw *m)
{
	if (m->ops->halt(m->device) != 0)
		(void)m->ops->clear(m->device);
}

static void free_program(struct ccw *m, uint32_t *effects)
{
	if (!m->program) {
		*effects &= ~(uint32_t)CCW_FX_FREE_PROGRAM;
		return;
	}
	m->program = false;
	if (*effects & FX_BY_FINAL)
		m->counts.finished++;
	else
		m->counts.aborted++;
}

static void count(struct ccw *m, uint32_t effects)
{
	m->counts.ignored += !!(effects & FX_IGNORE);
	m->counts.dropped += !!(effects & FX_DROP);
	m->generation += !!(effects & FX_NEW);
}

static void set_pending(struct ccw *m, uint32_t effects)
{
	m->pending |= (effects & FX_REMOVE ? PENDING_REMOVE : 0) | (effects & FX_RELEASE ? PENDING_RELEASE : 0) |
		(effects & FX_ONLINE ? PENDING_ONLINE : 0);
	if (effects & FX_NOT_ONLINE)
		m->pending &= ~(uint32_t)PENDING_ONLINE;
}

static void perform(struct ccw_turn *t, uint32_t effects)
{
	struct ccw *m = t->m;

	if (effects & FX_STORE && t->in->irb)
		memcpy(m->irb, t->in->irb, sizeof(m->irb));
	if (effects & CCW_FX_FREE_PROGRAM)
		free_program(m, &effects);
	if (effects & FX_ABORT)
		abort_once(m);
	if (effects & CCW_FX_FREE_OBJECT && m->freed)
		effects &= ~(uint32_t)CCW_FX_FREE_OBJECT;
	m->freed |= !!(effects & CCW_FX_FREE_OBJECT);
	if (effects & FX_NEW)
		m->freed = false;
	count(m, effects);
	set_pending(m, effects);
	t->out->effects |= effects & FX_OF_OWNER;
}

/* ---- moves ---- */

static void arrive(struct ccw_turn *t, const struct ccw_exit *e)
{
	struct ccw *m = t->m;

	m->state = e->to;
	if (e->to == CCW_NOT_OPERATIONAL) {
		m->reason = e->reason;
		m->pending = 0;
	}
	if (t->out->hops < CCW_HOPS_MAX)
		t->out->hop[t->out->hops++] = (uint8_t)e->to;
}

static void enter_cell(struct ccw_turn *t, const struct ccw_cell *c)
{
	const struct ccw_exit *e;

	perform(t, c->effects);
	e = &c->exit[ccw_give_order(t, c->order)];
	if (!e->said) { /* an answer that no order of ours may give: where it is, it stays */
		t->out->result = -EPROTO;
		return;
	}
	if (e->moves)
		arrive(t, e);
	perform(t, e->effects);
}

static void climb_first(struct ccw_turn *t)
{
	ccw_begin_ladder(t->m, t->in->now);
	t->out->result = 0;
	enter_cell(t, &ccw_first_rung);
}

static void follow_up(struct ccw_turn *t)
{
	for (size_t i = 0; i < CCW_FOLLOW_UPS; i++) {
		if (t->m->pending & ccw_follow_ups[i].pending) {
			t->m->pending = 0;
			enter_cell(t, &ccw_follow_ups[i].cell);
			return;
		}
	}
}

/* Out of QUIESCING: the program is not the channel's any more, unless it would not let go of it. */
static void leave_ladder(struct ccw_turn *t)
{
	struct ccw *m = t->m;
	static const int failures[CCW_REASON_COUNT] = { [CCW_GONE] = -ENODEV, [CCW_QUIESCE_FAILED] = -ETIMEDOUT };

	t->out->result = m->state == CCW_NOT_OPERATIONAL ? failures[m->reason] : 0;
	if (m->state == CCW_STANDBY) {
		perform(t, CCW_FX_FREE_PROGRAM);
		follow_up(t);
	}
	t->out->effects |= CCW_FX_FINISH;
	t->out->finish = t->out->result;
}

/* A late interrupt of an earlier life is nobody's any more, whatever the state. */
static bool is_stale(const struct ccw *m, const struct ccw_input *in)
{
	bool irq = in->event == CCW_EV_IRQ_FINAL || in->event == CCW_EV_IRQ_PARTIAL || in->event == CCW_EV_IRQ_UNSOLICITED;

	return irq && in->generation != m->generation;
}

static void step(struct ccw_turn *t, const struct ccw_cell *c)
{
	struct ccw *m = t->m;
	enum ccw_state from = m->state;

	enter_cell(t, c);
	if (from != CCW_QUIESCING && m->state == CCW_QUIESCING) {
		climb_first(t);
		from = CCW_QUIESCING;
	}
	if (from == CCW_QUIESCING && m->state != CCW_QUIESCING)
		leave_ladder(t);
	else if (m->state == CCW_STANDBY)
		follow_up(t);
}

int ccw_step(struct ccw *m, const struct ccw_input *in, struct ccw_outcome *ret)
{
	struct ccw_turn t = { .m = m, .in = in, .out = ret };
	const struct ccw_cell *c;

	*ret = (struct ccw_outcome){ 0 };
	if (m->stepping)
		return ret->result = -EAGAIN;
	if ((unsigned)in->event >= CCW_EVENT_COUNT)
		return ret->result = -EPERM;
	if (is_stale(m, in)) {
		m->counts.stale++;
		m->counts.dropped++;
		return 0;
	}
	c = &ccw_cells[m->state][in->event];
	if (!c->said || c->denied) { /* a cell that is missing is zero, and zero is refused */
		m->counts.denied++;
		return ret->result = c->said ? -c->denied : -EPERM;
	}
	m->stepping = true;
	step(&t, c);
	m->stepping = false;
	return ret->result;
}

uint64_t ccw_timer(const struct ccw *m)
{
	return m->state == CCW_QUIESCING ? m->ladder.step_until : 0;
}

void ccw_count_unnotified(struct ccw *m)
{
	m->counts.unnotified++;
}
