/* SPDX-License-Identifier: Apache-2.0 */
#include "ccw_device.h"

#include <errno.h>

static int start_nested(struct device *d)
{
	struct ccw_input in = { .event = CCW_EV_SSCH };
	struct ccw_outcome out;

	if (d->nested)
		d->nested_result = ccw_step(d->nested, &in, &out);
	return d->start;
}

#define OP(op, count, answer)                                                                                          \
	static int do_##op(void *device)                                                                               \
	{                                                                                                              \
		struct device *d = device;                                                                             \
                                                                                                                       \
		d->count++;                                                                                            \
		return answer;                                                                                         \
	}
OP(set_up, set_ups, d->set_up)
OP(enable, enables, d->enable)
OP(disable, disables, d->disable)
OP(start, starts, start_nested(d))
OP(cancel, cancels, d->cancel)
OP(halt, halts, d->halt)
OP(clear, clears, d->clear)
OP(store_schib, looks, d->store_schib)

const struct ccw_ops ops = {
	.set_up = do_set_up, .enable = do_enable, .disable = do_disable, .start = do_start,
	.cancel = do_cancel, .halt = do_halt, .clear = do_clear, .store_schib = do_store_schib,
};

const struct ccw_limits limits = { .step_ns = STEP, .total_ns = TOTAL, .clear_tries = 2 };

unsigned orders(const struct device *d)
{
	return d->set_ups + d->enables + d->disables + d->starts + d->cancels + d->halts + d->clears + d->looks;
}

void answer_all(struct device *d, int errno_value)
{
	d->set_up = d->enable = d->disable = d->start = d->cancel = d->halt = d->clear = d->store_schib = errno_value;
}

struct ccw_outcome last;

int give_at(struct ccw *m, enum ccw_event event, uint64_t now)
{
	static const uint8_t irb[CCW_IRB_BYTES] = { 0xab, 0xcd };
	struct ccw_input in = { .event = event, .now = now, .generation = m->generation, .present = true, .irb = irb };

	return ccw_step(m, &in, &last);
}

int give(struct ccw *m, enum ccw_event event)
{
	return give_at(m, event, 0);
}

void put(struct ccw *m, struct device *d, enum ccw_state state)
{
	static const enum ccw_event way[] = { CCW_EV_INIT, CCW_EV_ONLINE, CCW_EV_SSCH, CCW_EV_OFFLINE };

	*d = (struct device){ .cancel = -EBUSY };
	assert_int_equal(ccw_begin(m, &ops, d, &limits), 0);
	for (unsigned s = 0; s < state; s++)
		assert_int_equal(give(m, way[s]), 0);
	assert_int_equal(m->state, state);
	*d = (struct device){ 0 };
}
