/* SPDX-License-Identifier: Apache-2.0 */
#include "model/pace.h"

#include "model/step.h"

/*
 * A call that is suspended is run again at once, as it should: the SP was interrupted and has work to do. One that does
 * nothing but be suspended costs at most one FFA_RUN a millisecond, in the mean of so many.
 */
#define RUN_EVERY NS_PER_MS
#define RUN_BURST 16
/* So often an SP is asked in the mean, however many wait: a thousand would ask it ten thousand times a second. */
#define CROWD_EVERY NS_PER_MS
#define HINT_MAX  NS_PER_S /* an SP that yields may ask for patience, not for eternity */

const struct retry_rule retry_default = {
	.first = 200000,
	.cap = 100 * NS_PER_MS,
	.active = 5 * NS_PER_S,
	.probe = 1 * NS_PER_S,
	.jitter = 20,
};

const struct retry_rule *pace_rule(const struct model *m, const struct sp *sp)
{
	for (size_t i = 0; i < m->retry_for_count; i++)
		if (m->retry_for[i].sp == sp->info.id)
			return &m->retry_for[i].rule;
	return &m->retry;
}

/* xorshift64: jitter needs no secrecy, a run must be reproducible from its seed */
static uint64_t random_next(struct model *m)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return m->random;
}

uint64_t pace_jitter(struct model *m, unsigned percent, uint64_t delay)
{
	uint64_t width = delay / 100 * percent;

	return delay - width + random_next(m) % (2 * width + 1);
}

uint64_t pace_delay(struct step *s, const struct sp *sp, uint8_t *doubled, uint32_t crowd)
{
	const struct retry_rule *rule = pace_rule(s->m, sp);
	uint64_t delay = rule->first, crowded = crowd * CROWD_EVERY, cap = crowded > rule->cap ? crowded : rule->cap;

	for (unsigned i = 0; i < *doubled && delay < cap; i++)
		delay *= 2;
	if (delay < cap)
		++*doubled;
	else
		delay = cap;
	return pace_jitter(s->m, rule->jitter, delay);
}

bool pace_is_late(const struct step *s, const struct sp *sp, uint64_t since)
{
	return s->now >= since + pace_rule(s->m, sp)->active;
}

/* Its message has been tried for longer than the active phase. */
bool debt_is_late(const struct step *s, const struct sp *sp, const struct debt *d)
{
	return !d || d->stuck || pace_is_late(s, sp, d->since);
}

/* ---- an SP that takes nothing rests ---- */

void pace_rest(struct step *s, struct sp *sp, const struct debt *d)
{
	const struct retry_rule *rule = pace_rule(s->m, sp);
	uint64_t delay = debt_is_late(s, sp, d) ? pace_jitter(s->m, rule->jitter, rule->probe) : pace_delay(s, sp, &sp->rested, 0);

	set_deadline(s, &sp->rest, s->now + delay);
}

void pace_wake(struct step *s, struct sp *sp)
{
	sp->rested = 0;
	clear_deadline(s, &sp->rest);
}

uint64_t debt_speaks_at(const struct sp *sp, const struct debt *d)
{
	const struct deadline *of_queue[DEBT_QUEUE_COUNT] = { [QUEUE_READY] = &sp->rest, [QUEUE_BACKOFF] = &d->again,
		[QUEUE_STUCK] = &sp->probe };
	const struct deadline *t = of_queue[d->queue];

	return t && !heap_node_is_out(&t->node) ? t->node.at : 0;
}

/* ---- a call that is open is run ---- */

void pace_run(struct step *s, struct sp *sp, bool late, uint64_t wait)
{
	uint64_t earliest = s->now > RUN_BURST * RUN_EVERY ? s->now - RUN_BURST * RUN_EVERY : 0;
	uint64_t at = s->now + (wait < HINT_MAX ? wait : HINT_MAX);

	if (sp->run_at < earliest)
		sp->run_at = earliest;
	sp->run_at += RUN_EVERY;
	if (late && at < s->now + pace_rule(s->m, sp)->cap)
		at = s->now + pace_rule(s->m, sp)->cap;
	if (at < sp->run_at)
		at = sp->run_at;
	if (at > s->now)
		set_deadline(s, &sp->resume, at);
}
