/* SPDX-License-Identifier: Apache-2.0 */

/*
 * P5, no illegal transition: what a refusal may leave behind is a count. The legal moves are in moves.c.
 */

#include <inttypes.h>
#include <string.h>

#include "tests/simulation/sim.h"

static void say_difference(struct world *w, const struct vm_row *was, const struct vm_row *is)
{
	const uint8_t *a = (const uint8_t *)was, *b = (const uint8_t *)is;
	size_t at = 0;

	while (at < sizeof(*was) && a[at] == b[at])
		at++;
	fail(w, "P5", "a refused request changed the row of %s at byte %zu (state %u/%u to %u/%u, waits on %u %04x%s to %u %04x%s)",
		was->name, at, was->state, was->substate, is->state, is->substate, was->waits.on, was->waits.sp, was->waits.name,
		is->waits.on, is->waits.sp, is->waits.name);
}

static void no_debt_changed(struct world *w, const struct asked *asked, const struct vm_row *is)
{
	for (uint32_t i = 0; i < is->debt_count; i++) {
		const struct debt_row *a = &asked->debt[i], *b = &is->debt[i];

		if (a->sp != b->sp || a->life != b->life || a->state != b->state || a->how != b->how || a->stuck != b->stuck)
			fail(w, "P5", "a refused request changed what %s owes %04x", is->name, b->sp);
	}
}

/* Nothing but this request was on the daemon's mind, and it was refused: only the count may differ. */
void oracle_no_row_changed(struct world *w, const struct asked *asked, const struct answer *a)
{
	const struct vm_row *row = rows_vm(engine_rows(w->engine), asked->row.name);
	struct vm_row was = asked->row, is;

	if (w->disk.last_seq != asked->stored_seq)
		fail(w, "P5", "a refused request stored something");
	if (!row != !asked->had_row)
		fail(w, "P5", "a refused request made or unmade %s", was.name);
	if (!row || !asked->had_row)
		return;
	is = *row;
	if (a->refusal == REFUSED_ILLEGAL_TRANSITION && is.refused != was.refused + 1)
		fail(w, "P5", "%s: %u illegal requests were counted, one more was refused: %u", was.name, was.refused,
			is.refused);
	is.refused = was.refused;
	is.waits.tries = was.waits.tries;
	if (is.waits.on == WAIT_VM && was.waits.on == WAIT_VM) /* of several that have to run first either may be named */
		memcpy(is.waits.name, was.waits.name, sizeof(is.waits.name));
	if (memcmp(&is, &was, sizeof(is)) != 0)
		say_difference(w, &was, &is);
	else
		no_debt_changed(w, asked, &is);
}

/* What must be refused: an end where nothing lived and nothing was about to. */
static bool had_nothing_to_end(struct world *w, const char *name)
{
	const struct picture *p = oracle_picture(w, name);

	if (!p || p->turn != w->publishes)
		return !p || (!p->life && !p->operation);
	return !p->was_life && !p->was_operation;
}

/* The verb of a request as the row has it; VERB_COUNT: it has none. */
static unsigned verb_of(const struct asked *asked)
{
	static const uint8_t verbs[REQUEST_CANCEL + 1] = { [REQUEST_START] = 1 + VERB_START, [REQUEST_STOP] = 1 + VERB_STOP,
		[REQUEST_ABORT] = 1 + VERB_ABORT, [REQUEST_RESTART] = 1 + VERB_RESTART, [REQUEST_DESTROY] = 1 + VERB_DESTROY,
		[REQUEST_PAUSE] = 1 + VERB_PAUSE, [REQUEST_RESUME] = 1 + VERB_RESUME, [REQUEST_CANCEL] = 1 + VERB_CANCEL };

	if (!verbs[asked->verb] || asked->bound)
		return VERB_COUNT;
	return asked->preserve ? VERB_PRESERVE : verbs[asked->verb] - 1u;
}

/* What the row said could be done is done, and nothing else is. Of a start it does not say all: it may bring others, which may be in its
 * way. */
static void oracle_could(struct world *w, const struct asked *asked, const struct answer *a)
{
	unsigned verb = verb_of(asked);
	bool could, starts = verb == VERB_START || verb == VERB_RESTART;

	if (!asked->had_row || verb == VERB_COUNT)
		return;
	could = asked->row.can >> verb & 1;
	if (a->refusal == REFUSED_NOT && could && !a->seq)
		fail(w, "P5", "verb %u of %s changed nothing, and its row said that it could", verb, asked->row.name);
	if (a->refusal == REFUSED_NOT && !could && a->seq && !starts)
		fail(w, "P5", "verb %u of %s changed something, and its row said that it could not", verb, asked->row.name);
	if (a->refusal == REFUSED_ILLEGAL_TRANSITION && could && !starts)
		fail(w, "P5", "verb %u of %s is refused, and its row said that it could", verb, asked->row.name);
}

void oracle_answer(struct world *w, const struct asked *asked, const struct answer *a)
{
	if (asked->alone)
		oracle_could(w, asked, a);
	if (a->refusal != REFUSED_NOT) {
		w->stats.refusals++;
		if (a->seq)
			fail(w, "P5", "a refused request took effect at %" PRIu64, a->seq);
		if (!a->text[0])
			fail(w, "P5", "a request is refused without a word");
		if (asked->alone)
			oracle_no_row_changed(w, asked, a);
		return;
	}
	oracle_ended_for_good(w, asked);
	if (asked->alone && asked->verb == REQUEST_CANCEL)
		oracle_cancelled(w, asked);
	oracle_defined(w, asked);
	if (asked->alone && asked->verb == REQUEST_ABORT && had_nothing_to_end(w, asked->row.name))
		fail(w, "P5", "an abort of %s is taken, which has no life", asked->row.name);
	if (a->seq > w->disk.last_seq)
		fail(w, "P4", "an answer speaks of change %" PRIu64 ", the disk ends at %" PRIu64, a->seq,
			w->disk.last_seq);
}
