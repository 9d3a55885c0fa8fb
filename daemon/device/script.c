/* SPDX-License-Identifier: Apache-2.0 */
#include "device/script.h"

#include <errno.h>
#include <string.h>

#define MS 1000000ull
#define DELAY_MAX_MS 3600000u
#define ERRNO_MAX 4095

struct script_word script_peek(struct script *t)
{
	struct script_word w;

	t->at += strspn(t->at, " \t\n");
	w.s = t->at;
	w.length = strcspn(t->at, " \t\n;");
	return w;
}

struct script_word script_next(struct script *t)
{
	struct script_word w = script_peek(t);

	t->at += w.length;
	return w;
}

bool script_is(struct script_word w, const char *name)
{
	return w.length == strlen(name) && memcmp(w.s, name, w.length) == 0;
}

bool script_wrong(struct script *t, struct script_word at, const char *what)
{
	t->at = at.s;
	t->what = what;
	return false;
}

bool script_number(struct script *t, uint32_t max, uint32_t *ret)
{
	struct script_word w = script_next(t);
	uint64_t n = 0;

	if (w.length == 0 || w.length > 9)
		return script_wrong(t, w, "a number is missing here");
	for (size_t i = 0; i < w.length; i++) {
		if (w.s[i] < '0' || w.s[i] > '9')
			return script_wrong(t, w, "a number is missing here");
		n = n * 10 + (uint64_t)(w.s[i] - '0');
	}
	if (n > max)
		return script_wrong(t, w, "the number is too large");
	*ret = (uint32_t)n;
	return true;
}

bool script_time(struct script *t, uint64_t *ret)
{
	struct script_word w = script_next(t), unit;
	uint64_t n = 0, ms;
	size_t i = 0;

	for (; i < w.length && i < 8 && w.s[i] >= '0' && w.s[i] <= '9'; i++)
		n = n * 10 + (uint64_t)(w.s[i] - '0');
	unit = (struct script_word) { w.s + i, w.length - i };
	ms = script_is(unit, "ms") ? 1 : script_is(unit, "s") ? 1000 : 0;
	if (i == 0 || !ms || n * ms > DELAY_MAX_MS)
		return script_wrong(t, w, "a time is missing here, as 20ms or 2s, at most an hour");
	*ret = n * ms * MS;
	return true;
}

bool script_errno(struct script *t, int32_t *ret)
{
	uint32_t n;

	if (!script_number(t, ERRNO_MAX, &n))
		return false;
	*ret = n ? (int32_t)n : EIO;
	return true;
}

int script_parse(const char *text, bool (*read)(struct script *t, struct script_word first, void *ret), void *ret,
	const char **ret_what, size_t *ret_at)
{
	struct script t = { .at = text };
	bool good = true;

	while (good && *t.at) {
		struct script_word first = script_next(&t);

		good = !first.length || read(&t, first, ret);
		if (good && script_peek(&t).length)
			good = script_wrong(&t, script_peek(&t), "end the statement with ';' before this");
		if (good && *t.at == ';')
			t.at++;
	}
	if (good)
		return 0;
	*ret_what = t.what;
	*ret_at = (size_t)(t.at - text);
	return -EINVAL;
}
