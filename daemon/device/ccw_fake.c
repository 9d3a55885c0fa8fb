/* SPDX-License-Identifier: Apache-2.0 */
#include "device/ccw_fake.h"

#include <errno.h>
#include <string.h>

#define A_MOMENT 1000000ull /* ns */

static const struct ccw_fake_act behaves; /* what is done where the script has no more to say */

static const struct ccw_fake_act *next_act(struct ccw_fake *f, enum ccw_fake_op op)
{
	f->asked[op]++;
	for (size_t i = f->next[op]; i < f->count; i++) {
		if (f->script[i].op == op) {
			f->next[op] = f->script[i].always ? i : i + 1;
			return &f->script[i];
		}
	}
	f->next[op] = f->count;
	return &behaves;
}

static void raise_at(struct ccw_fake *f, uint64_t at, enum ccw_event event)
{
	if (f->queued == CCW_FAKE_QUEUE) {
		f->lost++;
		return;
	}
	f->queue[f->queued++] = (struct ccw_fake_event){ .at = at, .event = event };
}

/* A new order ends the one before: what that had not raised yet never comes. The subchannel's own events stay. */
static void forget_unraised(struct ccw_fake *f)
{
	size_t kept = 0;

	for (size_t i = 0; i < f->queued; i++)
		if (f->queue[i].raised || f->queue[i].event == CCW_EV_NOT_OPERATIONAL)
			f->queue[kept++] = f->queue[i];
	f->queued = kept;
}

static void answer_by_interrupts(struct ccw_fake *f, const struct ccw_fake_act *act)
{
	uint64_t after = act->after ? act->after : A_MOMENT;
	unsigned before = act->partials + act->unsolicited;

	if (act->gone) {
		raise_at(f, f->now + after, CCW_EV_NOT_OPERATIONAL);
		return;
	}
	for (unsigned i = 0; i < before; i++)
		raise_at(f, f->now + after * (i + 1) / (before + 1),
			i < act->partials ? CCW_EV_IRQ_PARTIAL : CCW_EV_IRQ_UNSOLICITED);
	if (!act->silent)
		raise_at(f, f->now + after, CCW_EV_IRQ_FINAL);
}

/* ---- the operations ---- */

static int set_up(void *device)
{
	struct ccw_fake *f = device;
	const struct ccw_fake_act *act = next_act(f, CCW_FAKE_SET_UP);

	if (f->gone)
		return -ENODEV;
	if (!act->answer)
		f->enabled = f->active = false;
	return act->answer;
}

static int enable(void *device)
{
	struct ccw_fake *f = device;
	const struct ccw_fake_act *act = next_act(f, CCW_FAKE_ENABLE);

	if (f->gone)
		return -ENODEV;
	if (!act->answer)
		f->enabled = true;
	return act->answer;
}

static int disable(void *device)
{
	struct ccw_fake *f = device;
	const struct ccw_fake_act *act = next_act(f, CCW_FAKE_DISABLE);

	if (f->gone)
		return -ENODEV;
	if (act->answer)
		return act->answer;
	if (f->active)
		return -EBUSY;
	f->enabled = false;
	return 0;
}

static int start(void *device)
{
	struct ccw_fake *f = device;
	const struct ccw_fake_act *act = next_act(f, CCW_FAKE_START);

	if (f->gone)
		return -ENODEV;
	if (act->answer)
		return act->answer;
	if (f->active || !f->enabled)
		return -EBUSY;
	f->active = true;
	answer_by_interrupts(f, act);
	return 0;
}

static int cancel(void *device)
{
	struct ccw_fake *f = device;
	const struct ccw_fake_act *act = next_act(f, CCW_FAKE_CANCEL);

	if (f->gone)
		return -ENODEV;
	if (act->answer)
		return act->answer;
	if (!f->enabled)
		return CCW_OP_DISABLED;
	forget_unraised(f);
	f->active = false;
	return 0;
}

static int end(struct ccw_fake *f, enum ccw_fake_op op)
{
	const struct ccw_fake_act *act = next_act(f, op);

	if (f->gone)
		return -ENODEV;
	if (act->answer)
		return act->answer;
	if (!f->enabled)
		return CCW_OP_DISABLED;
	if (act->silent)
		return 0;
	forget_unraised(f);
	f->active = true;
	answer_by_interrupts(f, act);
	return 0;
}

static int halt(void *device)
{
	return end(device, CCW_FAKE_HALT);
}

static int clear(void *device)
{
	return end(device, CCW_FAKE_CLEAR);
}

static int store_schib(void *device)
{
	struct ccw_fake *f = device;
	const struct ccw_fake_act *act = next_act(f, CCW_FAKE_STORE_SCHIB);

	return f->gone ? -ENODEV : act->answer;
}

const struct ccw_ops ccw_fake_ops = {
	.set_up = set_up,
	.enable = enable,
	.disable = disable,
	.start = start,
	.cancel = cancel,
	.halt = halt,
	.clear = clear,
	.store_schib = store_schib,
};

/* ---- time ---- */

void ccw_fake_begin(struct ccw_fake *f, const struct ccw *machine, const struct ccw_fake_act *script, size_t count)
{
	*f = (struct ccw_fake){ .script = script, .count = count, .machine = machine };
	for (size_t i = 0; i < count; i++)
		if (script[i].op == CCW_FAKE_ITSELF)
			raise_at(f, script[i].after, script[i].gone ? CCW_EV_NOT_OPERATIONAL : CCW_EV_IRQ_UNSOLICITED);
}

static struct ccw_fake_event *first(const struct ccw_fake *f, bool raised)
{
	const struct ccw_fake_event *found = NULL;

	for (size_t i = 0; i < f->queued; i++)
		if (f->queue[i].raised == raised && (!found || f->queue[i].at < found->at))
			found = &f->queue[i];
	return (struct ccw_fake_event *)found;
}

static void happen(struct ccw_fake *f, struct ccw_fake_event *e)
{
	e->raised = true;
	e->generation = f->machine->generation;
	if (e->event == CCW_EV_IRQ_FINAL)
		f->active = false;
	if (e->event == CCW_EV_NOT_OPERATIONAL) {
		f->gone = true;
		f->enabled = f->active = false;
	}
}

void ccw_fake_advance(struct ccw_fake *f, uint64_t now)
{
	struct ccw_fake_event *e;

	while ((e = first(f, false)) && e->at <= now) {
		if (f->gone) /* nothing comes from there any more */
			*e = f->queue[--f->queued];
		else
			happen(f, e);
	}
	f->now = now;
}

uint64_t ccw_fake_next(const struct ccw_fake *f)
{
	const struct ccw_fake_event *e = first(f, false);

	return e ? e->at : UINT64_MAX;
}

/* The first word of the status, as the three kinds have it: primary status, with the device active or not; alert alone. */
static void write_irb(uint8_t *irb, enum ccw_event event)
{
	static const uint32_t words[CCW_EVENT_COUNT] = {
		[CCW_EV_IRQ_FINAL] = 0x00004007,
		[CCW_EV_IRQ_PARTIAL] = 0x00004045,
		[CCW_EV_IRQ_UNSOLICITED] = 0x00000011,
	};

	memset(irb, 0, CCW_IRB_BYTES);
	for (unsigned i = 0; i < 4; i++)
		irb[i] = (uint8_t)(words[event] >> (24 - 8 * i));
}

bool ccw_fake_take(struct ccw_fake *f, struct ccw_input *ret)
{
	struct ccw_fake_event *e = first(f, true);

	if (!e)
		return false;
	*ret = (struct ccw_input){ .event = e->event, .now = f->now, .generation = e->generation, .irb = f->irb };
	if (e->event != CCW_EV_NOT_OPERATIONAL) {
		write_irb(f->irb, e->event);
		ret->event = ccw_irq_event(f->irb);
	}
	*e = f->queue[--f->queued];
	return true;
}

void ccw_fake_return(struct ccw_fake *f)
{
	f->gone = false;
}
