/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ccw machine beside the kernel's (drivers/s390/cio, 6.12), on the kernel's six events: the same condition of the
 * device must come out, but for the differences that are meant, which are listed. The kernel's machine is told here anew,
 * from its description: two moves of it are functions, for what it does there depends on the hardware.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "device/ccw.h"

/* ---- the hardware, the same for both ---- */

struct hardware {
	int enable, start, issue, disable; /* disable: of a subchannel that is at work, -EBUSY until the ladder did `patience` */
	unsigned patience;                 /* orders of the ladder until it can be disabled; ~0u: never */
};

static const struct hardware kinds[] = {
	{ 0, 0, 0, 0, 0 },
	{ 0, 0, 0, -EBUSY, 1 },
	{ 0, 0, 0, -EBUSY, 3 },
	{ 0, 0, 0, -EBUSY, ~0u },
	{ -ENODEV, 0, 0, 0, 0 },
	{ -EIO, 0, 0, 0, 0 },
	{ 0, -EBUSY, -EBUSY, 0, 0 },
	{ 0, -ENODEV, -ENODEV, 0, 0 },
	{ 0, -EACCES, 0, 0, 0 },
	{ 0, -EINVAL, 0, 0, 0 },
	{ 0, 0, 0, -ENODEV, 0 },
	{ 0, 0, 0, -EIO, 0 },
};
#define KINDS (sizeof(kinds) / sizeof(*kinds))

/* ---- the kernel ---- */

enum k_state { K_NOT_OPER, K_STANDBY, K_IDLE, K_CP };
enum k_event { K_EV_NOT_OPER, K_EV_IO_REQ, K_EV_IRQ_FINAL, K_EV_IRQ_PARTIAL, K_EV_IRQ_UNSOLICITED, K_EV_ASYNC_REQ,
	K_EV_OPEN, K_EV_CLOSE, K_EVENT_COUNT };

struct kernel {
	enum k_state state;
	bool program;
	unsigned forwards;
};

static int k_to_not_oper(struct kernel *k)
{
	k->state = K_NOT_OPER;
	k->program = false;
	return 0;
}

static int k_io_request(struct kernel *k, const struct hardware *h)
{
	if (k->state == K_NOT_OPER || k->state == K_STANDBY)
		return -EIO;
	if (k->state == K_CP)
		return -EBUSY;
	if (h->start == 0) {
		k->state = K_CP;
		k->program = true;
	}
	return h->start;
}

static int k_async_request(struct kernel *k, const struct hardware *h)
{
	return k->state == K_IDLE || k->state == K_CP ? h->issue : -EIO;
}

static int k_interrupt(struct kernel *k, enum k_event event)
{
	if (k->state != K_IDLE && k->state != K_CP)
		return 0; /* disabled again */
	if (event == K_EV_IRQ_FINAL && k->state == K_CP) {
		k->state = K_IDLE;
		k->program = false;
	}
	k->forwards++;
	return 0;
}

static int k_open(struct kernel *k, const struct hardware *h)
{
	if (k->state == K_NOT_OPER)
		return -EINVAL;
	if (k->state != K_STANDBY || h->enable)
		return k_to_not_oper(k);
	k->state = K_IDLE;
	return 0;
}

/* The blocking loop, told as what comes out of it. */
static int k_close(struct kernel *k, const struct hardware *h)
{
	int r = h->disable;

	if (k->state == K_NOT_OPER)
		return 0;
	if (k->state == K_STANDBY)
		return k_to_not_oper(k);
	if (r == -EBUSY)
		r = h->patience > 1 + 3 + 255 ? -EIO : 0;
	if (r)
		return k_to_not_oper(k);
	k->state = K_STANDBY;
	k->program = false;
	return 0;
}

static int kernel_event(struct kernel *k, enum k_event event, const struct hardware *h)
{
	switch (event) {
	case K_EV_NOT_OPER:
		return k_to_not_oper(k);
	case K_EV_IO_REQ:
		return k_io_request(k, h);
	case K_EV_ASYNC_REQ:
		return k_async_request(k, h);
	case K_EV_OPEN:
		return k_open(k, h);
	case K_EV_CLOSE:
		return k_close(k, h);
	default:
		return k_interrupt(k, event);
	}
}

/* ---- ours ---- */

struct device {
	const struct hardware *h;
	unsigned orders; /* of this ladder */
};

static int set_up(void *arg)
{
	return 0;
}

static int enable(void *arg)
{
	return ((struct device *)arg)->h->enable;
}

static int disable(void *arg)
{
	struct device *d = arg;

	return d->h->disable == -EBUSY && d->orders >= d->h->patience && d->orders ? 0 : d->h->disable;
}

static int start(void *arg)
{
	return ((struct device *)arg)->h->start;
}

static int order(void *arg)
{
	struct device *d = arg;

	d->orders++;
	return d->h->disable == -EBUSY ? 0 : d->h->issue;
}

static int too_late(void *arg)
{
	return -EBUSY;
}

static int look(void *arg)
{
	return 0;
}

static const struct ccw_ops ops = { set_up, enable, disable, start, too_late, order, order, look };

struct ours {
	struct ccw m;
	struct device d;
	unsigned forwards;
	uint64_t now;
};

static int give(struct ours *o, enum ccw_event event)
{
	static const uint8_t irb[CCW_IRB_BYTES];
	struct ccw_input in = { .event = event, .now = o->now, .generation = o->m.generation, .irb = irb };
	struct ccw_outcome out;

	o->m.device = &o->d;
	ccw_step(&o->m, &in, &out);
	o->forwards += !!(out.effects & CCW_FX_FORWARD);
	return out.result;
}

/* Halt and clear are the one event ASYNC_REQ there. */
static int our_event(struct ours *o, enum k_event event, const struct hardware *h, bool clear)
{
	static const enum ccw_event events[K_EVENT_COUNT] = {
		[K_EV_NOT_OPER] = CCW_EV_NOT_OPERATIONAL, [K_EV_IO_REQ] = CCW_EV_SSCH, [K_EV_ASYNC_REQ] = CCW_EV_HSCH,
		[K_EV_IRQ_FINAL] = CCW_EV_IRQ_FINAL, [K_EV_IRQ_PARTIAL] = CCW_EV_IRQ_PARTIAL,
		[K_EV_IRQ_UNSOLICITED] = CCW_EV_IRQ_UNSOLICITED, [K_EV_OPEN] = CCW_EV_ONLINE, [K_EV_CLOSE] = CCW_EV_OFFLINE,
	};
	int r;

	o->d = (struct device){ .h = h };
	r = give(o, event == K_EV_ASYNC_REQ && clear ? CCW_EV_CSCH : events[event]);
	while (o->m.state == CCW_QUIESCING) { /* the kernel blocks here */
		o->now = ccw_timer(&o->m);
		give(o, CCW_EV_TIMEOUT);
	}
	return r;
}

/* ---- beside each other ---- */

static enum k_state theirs_of(const struct ccw *m)
{
	static const enum k_state map[CCW_STATE_COUNT] = { [CCW_NOT_OPERATIONAL] = K_NOT_OPER, [CCW_STANDBY] = K_STANDBY,
		[CCW_IDLE] = K_IDLE, [CCW_BUSY] = K_CP };

	return map[m->state];
}

/* The differences that are meant. `seen` shows that each really is one: a list that excuses nothing is wrong, too. */
enum difference { OPEN_TWICE, CLOSE_TWICE, ENABLE_MAY_BE_TRIED_AGAIN, BUSY_WITHOUT_END_KEEPS_PROGRAM, DIFFERENCES };

static unsigned seen[DIFFERENCES], compared;

static int meant(enum k_state before, enum k_event event, const struct hardware *h)
{
	if (event == K_EV_OPEN && (before == K_IDLE || before == K_CP))
		return OPEN_TWICE;
	if (event == K_EV_CLOSE && before == K_STANDBY && h->disable != -ENODEV)
		return CLOSE_TWICE;
	if (event == K_EV_OPEN && before == K_STANDBY && h->enable && h->enable != -ENODEV)
		return ENABLE_MAY_BE_TRIED_AGAIN;
	if (event == K_EV_CLOSE && before == K_CP && h->disable == -EBUSY && h->patience == ~0u)
		return BUSY_WITHOUT_END_KEEPS_PROGRAM;
	return -1;
}

static bool is_a_request(enum k_event event)
{
	return event == K_EV_IO_REQ || event == K_EV_ASYNC_REQ;
}

/* A subchannel at work cannot be disabled straight away, and one that lost it answers so from there on: not compared. */
static bool can_be(const struct kernel *k, enum k_event event, const struct hardware *h)
{
	return event != K_EV_CLOSE || k->state != K_CP || h->disable == -EBUSY;
}

/* Whether this event would come out the same with hardware that was tried before. */
static bool is_tried(enum k_event event, size_t kind)
{
	const struct hardware *h = &kinds[kind];

	for (size_t i = 0; i < kind; i++) {
		const struct hardware *o = &kinds[i];
		bool same = event == K_EV_OPEN ? o->enable == h->enable :
			event == K_EV_IO_REQ ? o->start == h->start :
			event == K_EV_ASYNC_REQ ? o->issue == h->issue && (i & 1) == (kind & 1) :
			event == K_EV_CLOSE ? o->disable == h->disable && o->patience == h->patience : true;

		if (same)
			return true;
	}
	return false;
}

static void walk(const struct kernel *k0, const struct ours *o0, unsigned depth)
{
	for (unsigned e = 0; depth > 0 && e < K_EVENT_COUNT; e++) {
		for (size_t i = 0; i < KINDS; i++) {
			struct kernel k = *k0;
			struct ours o = *o0;
			int difference = meant(k.state, e, &kinds[i]), rk, ro;

			if (is_tried(e, i) || !can_be(&k, e, &kinds[i]))
				continue;
			rk = kernel_event(&k, e, &kinds[i]);
			ro = our_event(&o, e, &kinds[i], i & 1);
			compared++;
			if (difference >= 0) {
				assert_true(theirs_of(&o.m) != k.state || o.m.program != k.program);
				seen[difference]++;
				continue;
			}
			assert_int_equal(theirs_of(&o.m), k.state);
			assert_int_equal(o.m.program, k.program);
			assert_int_equal(o.forwards, k.forwards);
			if (is_a_request(e))
				assert_int_equal(ro, rk);
			walk(&k, &o, depth - 1);
		}
	}
}

static void the_kernels_six_events_lead_where_they_lead_there(void **state)
{
	struct kernel k = { .state = K_STANDBY }; /* after the probe; ours begins before it */
	struct ours o = { 0 };

	assert_int_equal(ccw_begin(&o.m, &ops, &o.d, NULL), 0);
	o.d.h = &kinds[0];
	assert_int_equal(give(&o, CCW_EV_INIT), 0);
	walk(&k, &o, 5);
	for (unsigned i = 0; i < DIFFERENCES; i++)
		assert_true(seen[i] > 0);
	print_message("%u comparisons\n", compared);
}

/* The one difference that the walk cannot show, for here the kernel is inside its loop: what comes in meanwhile. */
static void interrupts_during_a_close_are_not_forwarded(void **state)
{
	struct ours o = { 0 };

	assert_int_equal(ccw_begin(&o.m, &ops, &o.d, NULL), 0);
	o.d.h = &kinds[3];
	give(&o, CCW_EV_INIT);
	give(&o, CCW_EV_ONLINE);
	give(&o, CCW_EV_SSCH);
	give(&o, CCW_EV_OFFLINE);
	assert_int_equal(o.m.state, CCW_QUIESCING);
	give(&o, CCW_EV_IRQ_UNSOLICITED);
	give(&o, CCW_EV_IRQ_PARTIAL);
	give(&o, CCW_EV_IRQ_FINAL);
	assert_int_equal(o.forwards, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernels_six_events_lead_where_they_lead_there),
		cmocka_unit_test(interrupts_during_a_close_are_not_forwarded),
	};

	return cmocka_run_group_tests_name("ccw beside the kernel", tests, NULL, NULL);
}
