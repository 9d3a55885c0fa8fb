/* SPDX-License-Identifier: Apache-2.0 */
#include "device/migration_script.h"

#include <string.h>

#include "device/migration.h"
#include "device/migration_set.h"
#include "device/script.h"

static bool find_state(struct script_word w, uint8_t *ret)
{
	for (unsigned s = 0; s < VFIO_DEVICE_STATE_COUNT; s++)
		if (script_is(w, migration_state_name(s))) {
			*ret = (uint8_t)s;
			return true;
		}
	return false;
}

static bool read_state_plus_1(struct script *t, uint8_t *ret)
{
	struct script_word w = script_next(t);

	if (!find_state(w, ret))
		return script_wrong(t, w, "there is no such state");
	++*ret;
	return true;
}

static bool effect_fail(struct script *t, struct migration_rule *r)
{
	return script_errno(t, &r->error);
}

static bool effect_then(struct script *t, struct migration_rule *r)
{
	return read_state_plus_1(t, &r->then);
}

static bool effect_says(struct script *t, struct migration_rule *r)
{
	return read_state_plus_1(t, &r->says);
}

static bool effect_delay(struct script *t, struct migration_rule *r)
{
	r->has_delay = true;
	return script_time(t, &r->delay);
}

static bool effect_never(struct script *t, struct migration_rule *r)
{
	return r->never = true;
}

static bool effect_fd(struct script *t, struct migration_rule *r)
{
	return r->wrong_fd = true;
}

static bool effect_skip(struct script *t, struct migration_rule *r)
{
	return script_number(t, 1000000, &r->skip);
}

static bool effect_times(struct script *t, struct migration_rule *r)
{
	return script_number(t, 1000000, &r->times);
}

static const struct {
	const char *name;
	bool (*read)(struct script *t, struct migration_rule *r);
} effects[] = {
	{ "fail", effect_fail },
	{ "then", effect_then },
	{ "says", effect_says },
	{ "delay", effect_delay },
	{ "never", effect_never },
	{ "fd", effect_fd },
	{ "skip", effect_skip },
	{ "times", effect_times },
};

static const struct {
	const char *name;
	uint8_t kind;
} kinds[] = {
	{ "set", MIGRATION_SET_STATE },
	{ "get", MIGRATION_GET_STATE },
	{ "reset", MIGRATION_DO_RESET },
	{ "configure", MIGRATION_CONFIGURE },
};

static bool read_effect(struct script *t, struct migration_rule *r)
{
	struct script_word w = script_next(t);

	for (size_t i = 0; i < sizeof(effects) / sizeof(*effects); i++)
		if (script_is(w, effects[i].name))
			return effects[i].read(t, r);
	return script_wrong(t, w, "there is no such effect; known: fail, then, says, delay, never, fd, skip, times");
}

/* FROM>TO, >TO, FROM> or TO, before the effects of a set. */
static bool read_arc(struct script *t, struct migration_rule *r)
{
	struct script_word w = script_peek(t), from = w, to;
	const char *arrow = memchr(w.s, '>', w.length);

	if (arrow) {
		from.length = (size_t)(arrow - w.s);
		to = (struct script_word) { arrow + 1, w.length - from.length - 1 };
		if (from.length && !find_state(from, &r->from))
			return script_wrong(t, from, "there is no such state");
		if (to.length && !find_state(to, &r->to))
			return script_wrong(t, to, "there is no such state");
	} else if (!find_state(w, &r->to)) {
		return true; /* an effect */
	}
	(void)script_next(t);
	return true;
}

static bool read_rule(struct script *t, struct script_word w, struct migration_script *s)
{
	struct migration_rule *r = &s->rule[s->count];

	if (s->count == MIGRATION_RULES_MAX)
		return script_wrong(t, w, "there are too many statements");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (script_is(w, kinds[i].name))
			r->kind = kinds[i].kind;
	if (!r->kind)
		return script_wrong(t, w, "there is no such statement; known: flags, delay, set, get, reset, configure");
	if (r->kind == MIGRATION_SET_STATE && !read_arc(t, r))
		return false;
	do {
		if (!read_effect(t, r))
			return false;
	} while (script_peek(t).length);
	s->count++;
	return true;
}

static bool read_flags(struct script *t, struct migration_script *s)
{
	struct script_word w = script_peek(t);
	uint32_t n;

	if (!script_number(t, 7, &n))
		return false;
	if (n && migration_flags(n) != n)
		return script_wrong(t, w, "no device can have these flags; write 0, 1, 3, 5 or 7");
	s->flags = (uint8_t)n;
	return true;
}

static bool read_statement(struct script *t, struct script_word w, void *ret)
{
	struct migration_script *s = ret;

	if (script_is(w, "flags"))
		return read_flags(t, s);
	if (script_is(w, "delay"))
		return script_time(t, &s->delay);
	return read_rule(t, w, s);
}

int migration_script_parse(const char *text, struct migration_script *ret, const char **ret_what, size_t *ret_at)
{
	struct migration_script s = { .flags = VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P | VFIO_MIGRATION_PRE_COPY };
	int r = script_parse(text, read_statement, &s, ret_what, ret_at);

	if (r == 0)
		*ret = s;
	return r;
}
