/* SPDX-License-Identifier: Apache-2.0 */
#include "device/migration_script.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "device/migration.h"
#include "device/migration_set.h"

#define MS 1000000ull
#define DELAY_MAX_MS 3600000u

struct text {
	const char *start, *at;
	const char *what; /* NULL: nothing is wrong yet */
};

struct word {
	const char *s;
	size_t length;
};

/* The next word of the statement; length 0: it is over. */
static struct word peek(struct text *t)
{
	struct word w;

	t->at += strspn(t->at, " \t\n");
	w.s = t->at;
	w.length = strcspn(t->at, " \t\n;");
	return w;
}

static struct word next(struct text *t)
{
	struct word w = peek(t);

	t->at += w.length;
	return w;
}

static bool is(struct word w, const char *name)
{
	return w.length == strlen(name) && memcmp(w.s, name, w.length) == 0;
}

static bool wrong(struct text *t, struct word at, const char *what)
{
	t->at = at.s;
	t->what = what;
	return false;
}

static bool read_number(struct text *t, uint32_t max, uint32_t *ret)
{
	struct word w = next(t);
	uint64_t n = 0;

	if (w.length == 0 || w.length > 9)
		return wrong(t, w, "a number is missing here");
	for (size_t i = 0; i < w.length; i++) {
		if (w.s[i] < '0' || w.s[i] > '9')
			return wrong(t, w, "a number is missing here");
		n = n * 10 + (uint64_t)(w.s[i] - '0');
	}
	if (n > max)
		return wrong(t, w, "the number is too large");
	*ret = (uint32_t)n;
	return true;
}

static bool read_time(struct text *t, uint64_t *ret)
{
	struct word w = next(t);
	uint64_t n = 0, unit;
	size_t i = 0;

	for (; i < w.length && i < 8 && w.s[i] >= '0' && w.s[i] <= '9'; i++)
		n = n * 10 + (uint64_t)(w.s[i] - '0');
	unit = is((struct word) { w.s + i, w.length - i }, "ms") ? 1 : is((struct word) { w.s + i, w.length - i }, "s") ? 1000 : 0;
	if (i == 0 || !unit || n * unit > DELAY_MAX_MS)
		return wrong(t, w, "a time is missing here, as 20ms or 2s, at most an hour");
	*ret = n * unit * MS;
	return true;
}

static bool find_state(struct word w, uint8_t *ret)
{
	for (unsigned s = 0; s < VFIO_DEVICE_STATE_COUNT; s++)
		if (is(w, migration_state_name(s))) {
			*ret = (uint8_t)s;
			return true;
		}
	return false;
}

static bool read_state_plus_1(struct text *t, uint8_t *ret)
{
	struct word w = next(t);

	if (!find_state(w, ret))
		return wrong(t, w, "there is no such state");
	++*ret;
	return true;
}

static bool effect_fail(struct text *t, struct migration_rule *r)
{
	uint32_t n;

	if (!read_number(t, 4095, &n))
		return false;
	r->error = n ? (int32_t)n : EIO;
	return true;
}

static bool effect_then(struct text *t, struct migration_rule *r)
{
	return read_state_plus_1(t, &r->then);
}

static bool effect_says(struct text *t, struct migration_rule *r)
{
	return read_state_plus_1(t, &r->says);
}

static bool effect_delay(struct text *t, struct migration_rule *r)
{
	r->has_delay = true;
	return read_time(t, &r->delay);
}

static bool effect_never(struct text *t, struct migration_rule *r)
{
	return r->never = true;
}

static bool effect_fd(struct text *t, struct migration_rule *r)
{
	return r->wrong_fd = true;
}

static bool effect_skip(struct text *t, struct migration_rule *r)
{
	return read_number(t, 1000000, &r->skip);
}

static bool effect_times(struct text *t, struct migration_rule *r)
{
	return read_number(t, 1000000, &r->times);
}

static const struct {
	const char *name;
	bool (*read)(struct text *t, struct migration_rule *r);
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

static bool read_effect(struct text *t, struct migration_rule *r)
{
	struct word w = next(t);

	for (size_t i = 0; i < sizeof(effects) / sizeof(*effects); i++)
		if (is(w, effects[i].name))
			return effects[i].read(t, r);
	return wrong(t, w, "there is no such effect; known: fail, then, says, delay, never, fd, skip, times");
}

/* FROM>TO, >TO, FROM> or TO, before the effects of a set. */
static bool read_arc(struct text *t, struct migration_rule *r)
{
	struct word w = peek(t), from = w, to = w;
	const char *arrow = memchr(w.s, '>', w.length);

	if (arrow) {
		from.length = (size_t)(arrow - w.s);
		to = (struct word) { arrow + 1, w.length - from.length - 1 };
		if (from.length && !find_state(from, &r->from))
			return wrong(t, from, "there is no such state");
		if (to.length && !find_state(to, &r->to))
			return wrong(t, to, "there is no such state");
	} else if (!find_state(w, &r->to)) {
		return true; /* an effect */
	}
	(void)next(t);
	return true;
}

static bool read_rule(struct text *t, struct word w, struct migration_script *s)
{
	struct migration_rule *r = &s->rule[s->count];

	if (s->count == MIGRATION_RULES_MAX)
		return wrong(t, w, "there are too many statements");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (is(w, kinds[i].name))
			r->kind = kinds[i].kind;
	if (!r->kind)
		return wrong(t, w, "there is no such statement; known: flags, delay, set, get, reset, configure");
	if (r->kind == MIGRATION_SET_STATE && !read_arc(t, r))
		return false;
	do {
		if (!read_effect(t, r))
			return false;
	} while (peek(t).length);
	s->count++;
	return true;
}

static bool read_flags(struct text *t, struct migration_script *s)
{
	struct word w = peek(t);
	uint32_t n;

	if (!read_number(t, 7, &n))
		return false;
	if (n && migration_flags(n) != n)
		return wrong(t, w, "no device can have these flags; write 0, 1, 3, 5 or 7");
	s->flags = (uint8_t)n;
	return true;
}

static bool read_statement(struct text *t, struct migration_script *s)
{
	struct word w = next(t);

	if (w.length == 0)
		return true;
	if (is(w, "flags"))
		return read_flags(t, s);
	if (is(w, "delay"))
		return read_time(t, &s->delay);
	return read_rule(t, w, s);
}

int migration_script_parse(const char *text, struct migration_script *ret, const char **ret_what, size_t *ret_at)
{
	struct migration_script s = { .flags = VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P | VFIO_MIGRATION_PRE_COPY };
	struct text t = { .start = text, .at = text };
	bool good = true;

	while (good && *t.at) {
		good = read_statement(&t, &s);
		if (good && peek(&t).length)
			good = wrong(&t, peek(&t), "end the statement with ';' before this");
		if (good && *t.at == ';')
			t.at++;
	}
	if (good) {
		*ret = s;
		return 0;
	}
	*ret_what = t.what;
	*ret_at = (size_t)(t.at - t.start);
	return -EINVAL;
}
