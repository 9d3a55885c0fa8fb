/* SPDX-License-Identifier: Apache-2.0 */
#include "device/ccw_unit.h"

/* Inside, time is counted from its beginning, as its script does. */
static int give(struct ccw_unit *u, enum ccw_event event)
{
	struct ccw_input in = { .event = event, .now = u->fake.now, .present = true };
	struct ccw_outcome out;

	(void)ccw_step(&u->ccw, &in, &out);
	return -out.result;
}

void ccw_unit_begin(struct ccw_unit *u, const struct ccw_script *script, const struct ccw_limits *limits, uint64_t now)
{
	*u = (struct ccw_unit) { .script = *script, .began = now };
	(void)ccw_begin(&u->ccw, &ccw_fake_ops, &u->fake, limits);
	ccw_fake_begin(&u->fake, &u->ccw, u->script.act, u->script.acts);
	u->error = give(u, CCW_EV_INIT);
	if (!u->error)
		u->error = give(u, CCW_EV_ONLINE);
}

/* Until now: what the subchannel raised reaches the machine. What the guest would be handed ends here. */
static void come_to(struct ccw_unit *u, uint64_t now)
{
	struct ccw_outcome out;
	struct ccw_input in;

	ccw_fake_advance(&u->fake, now - u->began);
	while (ccw_fake_take(&u->fake, &in))
		(void)ccw_step(&u->ccw, &in, &out);
}

static bool has_program(const struct ccw_unit *u)
{
	return !u->held && u->started < u->script.programs;
}

void ccw_unit_run(struct ccw_unit *u, uint64_t now)
{
	uint64_t timer;

	come_to(u, now);
	timer = ccw_timer(&u->ccw);
	if (timer && timer <= u->fake.now)
		(void)give(u, CCW_EV_TIMEOUT);
	for (; has_program(u) && u->script.program[u->started] <= u->fake.now; u->started++)
		(void)give(u, CCW_EV_SSCH);
}

uint64_t ccw_unit_next(const struct ccw_unit *u)
{
	uint64_t at = ccw_fake_next(&u->fake), timer = ccw_timer(&u->ccw);

	if (timer && timer < at)
		at = timer;
	if (has_program(u) && u->script.program[u->started] < at)
		at = u->script.program[u->started];
	return at == UINT64_MAX ? at : u->began + at;
}

void ccw_unit_end(struct ccw_unit *u, uint64_t now)
{
	u->held = true;
	come_to(u, now);
	(void)give(u, CCW_EV_OFFLINE);
}

bool ccw_unit_is_over(const struct ccw_unit *u)
{
	return u->ccw.state == CCW_STANDBY || u->ccw.state == CCW_NOT_OPERATIONAL;
}
