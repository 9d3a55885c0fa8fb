/* SPDX-License-Identifier: Apache-2.0 */
#include "device/ccw_script.h"

#include "device/script.h"

#define INTERRUPTS_MAX 8 /* of a kind: the queue of the subchannel has room for them */

static bool effect_fail(struct script *t, struct ccw_fake_act *a)
{
	int32_t error = 0;
	bool good = script_errno(t, &error);

	a->answer = -error;
	return good;
}

static bool effect_after(struct script *t, struct ccw_fake_act *a)
{
	return script_time(t, &a->after);
}

static bool effect_partials(struct script *t, struct ccw_fake_act *a)
{
	uint32_t n = 0;
	bool good = script_number(t, INTERRUPTS_MAX, &n);

	a->partials = (uint8_t)n;
	return good;
}

static bool effect_unsolicited(struct script *t, struct ccw_fake_act *a)
{
	uint32_t n = 0;
	bool good = script_number(t, INTERRUPTS_MAX, &n);

	a->unsolicited = (uint8_t)n;
	return good;
}

static bool effect_silent(struct script *t, struct ccw_fake_act *a)
{
	return a->silent = true;
}

static bool effect_gone(struct script *t, struct ccw_fake_act *a)
{
	return a->gone = true;
}

static bool effect_always(struct script *t, struct ccw_fake_act *a)
{
	return a->always = true;
}

static const struct {
	const char *name;
	bool (*read)(struct script *t, struct ccw_fake_act *a);
} effects[] = {
	{ "fail", effect_fail },
	{ "after", effect_after },
	{ "partials", effect_partials },
	{ "unsolicited", effect_unsolicited },
	{ "silent", effect_silent },
	{ "gone", effect_gone },
	{ "always", effect_always },
};

static const char *const ops[CCW_FAKE_OP_COUNT] = {
	[CCW_FAKE_SET_UP] = "set-up",
	[CCW_FAKE_ENABLE] = "enable",
	[CCW_FAKE_DISABLE] = "disable",
	[CCW_FAKE_START] = "start",
	[CCW_FAKE_CANCEL] = "cancel",
	[CCW_FAKE_HALT] = "halt",
	[CCW_FAKE_CLEAR] = "clear",
	[CCW_FAKE_STORE_SCHIB] = "store-schib",
	[CCW_FAKE_ITSELF] = "itself",
};

static bool read_effect(struct script *t, struct ccw_fake_act *a)
{
	struct script_word w = script_next(t);

	for (size_t i = 0; i < sizeof(effects) / sizeof(*effects); i++)
		if (script_is(w, effects[i].name))
			return effects[i].read(t, a);
	return script_wrong(t, w, "there is no such effect; known: fail, after, partials, unsolicited, silent, gone, always");
}

static bool read_act(struct script *t, struct script_word w, struct ccw_script *s)
{
	struct ccw_fake_act *a = &s->act[s->acts];
	unsigned op = 0;

	while (op < CCW_FAKE_OP_COUNT && !script_is(w, ops[op]))
		op++;
	if (op == CCW_FAKE_OP_COUNT)
		return script_wrong(t, w, "there is no such statement; known: program, set-up, enable, disable, start, cancel, halt, "
			"clear, store-schib, itself");
	if (s->acts == CCW_SCRIPT_ACTS)
		return script_wrong(t, w, "there are too many statements");
	*a = (struct ccw_fake_act) { .op = (enum ccw_fake_op)op };
	do {
		if (!read_effect(t, a))
			return false;
	} while (script_peek(t).length);
	s->acts++;
	return true;
}

static bool read_statement(struct script *t, struct script_word w, void *ret)
{
	struct ccw_script *s = ret;

	if (!script_is(w, "program"))
		return read_act(t, w, s);
	if (s->programs == CCW_SCRIPT_PROGRAMS)
		return script_wrong(t, w, "there are too many programs");
	return script_time(t, &s->program[s->programs++]);
}

int ccw_script_parse(const char *text, struct ccw_script *ret, const char **ret_what, size_t *ret_at)
{
	struct ccw_script s = { 0 };
	int r = script_parse(text, read_statement, &s, ret_what, ret_at);

	if (r == 0)
		*ret = s;
	return r;
}
