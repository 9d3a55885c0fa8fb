/* SPDX-License-Identifier: Apache-2.0 */
/* When no FF-A id can be had: who has them, whom they wait for, and which comes back next. */
#include "model/step.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Text that ends where the room does. */
struct say {
	char *text;
	size_t size, used;
};

static __attribute__((format(printf, 2, 3))) void say(struct say *t, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(t->text + t->used, t->size - t->used, format, ap);
	va_end(ap);
	if (n > 0)
		t->used = t->used + (size_t)n < t->size ? t->used + (size_t)n : t->size - 1;
}

/* ---- when a life that is over may come one step further ---- */

/* When this debt speaks next; UINT64_MAX: when the secure side, or an SP that is gone, is met again. */
static uint64_t speaks_at(const struct step *s, const struct debt *d)
{
	const struct sp *sp = &s->m->sp[d->index];
	uint64_t at;

	if (!s->m->secure_up || !sp_is_there(sp))
		return UINT64_MAX;
	at = debt_speaks_at(sp, d);
	return at ? at : s->now;
}

/* A life moves when the last of its debts does. *ret_debt: that one; NULL: it has none, its VMM or memory is waited for. */
static uint64_t moves_at(const struct step *s, const struct life *l, const struct debt **ret_debt)
{
	uint64_t latest = s->now;

	*ret_debt = NULL;
	for (size_t i = 0; i < s->m->sp_count; i++) {
		const struct debt *d = &l->debt[i];
		uint64_t at = debt_is_done(d) ? 0 : speaks_at(s, d);

		if (at < latest)
			continue;
		latest = at;
		*ret_debt = d;
	}
	return latest;
}

/* The next to settle, as far as anybody can tell: one in its active phase before one that is stuck, then who moves first. */
static const struct life *next_to_settle(const struct step *s)
{
	const struct life *l, *best = NULL;
	uint64_t best_at = 0;

	list_for_each(l, &s->m->lives, all) {
		const struct debt *d;
		uint64_t at = moves_at(s, l, &d);

		if (!life_is_over(l))
			continue;
		if (!best || l->stuck < best->stuck || (l->stuck == best->stuck && at < best_at)) {
			best = l;
			best_at = at;
		}
	}
	return best;
}

static void say_duration(struct say *t, uint64_t ns)
{
	if (ns >= NS_PER_S)
		say(t, "%llu s", (unsigned long long)(ns / NS_PER_S));
	else
		say(t, "%llu ms", (unsigned long long)(ns / NS_PER_MS));
}

static void say_life(const struct step *s, const struct life *l, struct say *t)
{
	const struct debt *d;
	uint64_t at = moves_at(s, l, &d);

	say(t, "life %llu of %s", (unsigned long long)l->number, l->begun.name);
	if (!life_is_over(l)) {
		say(t, ", which goes on");
		return;
	}
	say(t, ", over for ");
	say_duration(t, s->now - l->now.since);
	if (!d) {
		say(t, ", waits for its VMM or its memory's removal");
		return;
	}
	say(t, ", owes SP 0x%04x, %u messages sent, the next ", s->m->sp[d->index].info.id, d->tries);
	if (at == UINT64_MAX)
		say(t, "when it can be reached");
	else {
		say(t, "in ");
		say_duration(t, at > s->now ? at - s->now : 0);
	}
}

/* ---- the two answers ---- */

static void say_sps_owed(const struct step *s, struct say *t)
{
	bool first = true;

	for (size_t i = 0; i < s->m->sp_count; i++) {
		const struct life *l;
		bool owed = false;

		list_for_each(l, &s->m->lives, all)
			owed |= life_is_over(l) && !debt_is_done(&l->debt[i]);
		if (owed)
			say(t, "%s0x%04x", first ? " (SP " : ", ", s->m->sp[i].info.id);
		first &= !owed;
	}
	if (!first)
		say(t, ")");
}

static void say_exhausted(const struct step *s, const struct vm_definition *d, struct say *t)
{
	const struct ids *ids = &s->m->ids;
	const struct life *next = next_to_settle(s);
	unsigned live = 0, over = 0, reserved = 0, burned = 0;

	for (uint16_t id = ids->first; id <= ids->last; id++) {
		const struct life *l = s->m->endpoint[id];

		live += l && !life_is_over(l);
		over += l && life_is_over(l);
		burned += !l && model_is_burned(s->m, id);
		reserved += !l && ids_is_reserved(ids, id);
	}
	say(t, "no FF-A id is free for %s: %u live, %u settle", d->name, live, over);
	say_sps_owed(s, t);
	if (reserved)
		say(t, ", %u kept by ffa-id", reserved);
	if (burned)
		say(t, ", %u burned", burned);
	if (next) {
		say(t, "; next: ");
		say_life(s, next, t);
	} else {
		say(t, "; end a VM, or widen --ids");
	}
}

void say_no_id(const struct step *s, const struct vm_definition *d, char *text, size_t size)
{
	struct say t = { text, size, 0 };
	const struct life *l = d->ffa_id ? s->m->endpoint[d->ffa_id] : NULL;

	if (is_id_of_others(s, d, text, size))
		return;
	if (l) {
		say(&t, "FF-A id %u of %s is not free: it belongs to ", d->ffa_id, d->name);
		say_life(s, l, &t);
	} else if (d->ffa_id) {
		say(&t, "FF-A id %u of %s is burned: an SP may know a life that was forgotten; it is free once the SP or the "
			"secure world is another instance",
			d->ffa_id, d->name);
	} else {
		say_exhausted(s, d, &t);
	}
}

bool is_id_of_others(const struct step *s, const struct vm_definition *d, char *text, size_t size)
{
	if (!d->ffa_id || ids_is_ours(&s->m->ids, d->ffa_id))
		return false;
	snprintf(text, size, "ffa-id %u of %s is not this daemon's to give: take one of %u-%u, or start it with other --ids",
		d->ffa_id, d->name, s->m->ids.first, s->m->ids.last);
	return true;
}
