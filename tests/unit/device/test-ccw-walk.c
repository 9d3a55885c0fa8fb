/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every situation that the ccw machine can be in, found by giving it every event with every answer of the device from each
 * situation found before, until there is no new one; and what must hold of all of them.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "device/ccw.h"

#define STEP  2u
#define TOTAL 9u

/* What the device has seen of the machine: told from the orders alone. */
struct shadow {
	bool enabled;   /* by the last order that succeeded */
	bool from_busy; /* QUIESCING was entered with a program */
	bool bound;     /* an object that was not freed */
};

struct situation {
	struct ccw m;
	struct shadow shadow;
	uint64_t now;
};

struct device {
	struct shadow *shadow;
	int answer[8]; /* set_up, enable, disable, start, cancel, halt, clear, store_schib */
	unsigned asked;
};

static int ask(struct device *d, unsigned op)
{
	d->asked++;
	return d->answer[op];
}

static int set_up(void *arg)
{
	return ask(arg, 0);
}

static int enable(void *arg)
{
	struct device *d = arg;
	int r = ask(d, 1);

	if (r == 0)
		d->shadow->enabled = true;
	return r;
}

static int disable(void *arg)
{
	struct device *d = arg;
	int r = ask(d, 2);

	if (r == 0)
		d->shadow->enabled = false;
	return r;
}

static int start(void *arg)
{
	return ask(arg, 3);
}

static int end_order(struct device *d, unsigned op)
{
	int r = ask(d, op);

	if (r == CCW_OP_DISABLED)
		d->shadow->enabled = false;
	return r;
}

static int cancel(void *arg)
{
	return end_order(arg, 4);
}

static int halt(void *arg)
{
	return end_order(arg, 5);
}

static int clear(void *arg)
{
	return end_order(arg, 6);
}

static int store_schib(void *arg)
{
	return ask(arg, 7);
}

static const struct ccw_ops ops = { set_up, enable, disable, start, cancel, halt, clear, store_schib };
static const struct ccw_limits limits = { .step_ns = STEP, .total_ns = TOTAL, .clear_tries = 2 };

/*
 * The answers that are tried: orders alike, and those of the ladder each on its own, for what a cancel and the disabling
 * after it say together decides. disable, cancel, halt/clear/others.
 */
static const int tried[][3] = {
	{ 0, 0, 0 },
	{ -EBUSY, 0, 0 },
	{ -EBUSY, -EBUSY, 0 },
	{ -EBUSY, -EBUSY, -EBUSY },
	{ -EBUSY, -EBUSY, -ENODEV },
	{ -EBUSY, -ENODEV, -ENODEV },
	{ -EBUSY, CCW_OP_DISABLED, CCW_OP_DISABLED },
	{ -EBUSY, -EBUSY, CCW_OP_DISABLED },
	{ -ENODEV, 0, 0 },
	{ -ENODEV, -ENODEV, -ENODEV },
	{ -EPIPE, 0, 0 },
	{ -EPIPE, -EPIPE, -EPIPE },
	{ 0, 0, -EPIPE },
	{ 0, -EBUSY, CCW_OP_PATH_LOST },
};
#define TRIED (sizeof(tried) / sizeof(*tried))

static void answer_by(struct device *d, const int *row)
{
	for (unsigned i = 0; i < 8; i++)
		d->answer[i] = row[2] > 0 ? 0 : row[2];
	d->answer[2] = row[0];
	d->answer[4] = row[1];
	d->answer[5] = d->answer[6] = row[2];
	d->answer[7] = row[2];
}

/* ---- situations: two that differ only in counters and in the absolute time are one ---- */

struct key {
	uint8_t state, reason, pending, program, freed, rung, tries, step_left, left;
	struct shadow shadow;
};

static struct key key_of(const struct situation *s)
{
	struct key k;

	memset(&k, 0, sizeof(k));
	k.state = (uint8_t)s->m.state;
	k.reason = (uint8_t)s->m.reason;
	k.pending = (uint8_t)s->m.pending;
	k.program = s->m.program;
	k.freed = s->m.freed;
	k.shadow = s->shadow;
	if (s->m.state == CCW_QUIESCING) {
		k.rung = (uint8_t)s->m.ladder.rung;
		k.tries = (uint8_t)s->m.ladder.tries;
		k.step_left = (uint8_t)(s->m.ladder.step_until > s->now ? s->m.ladder.step_until - s->now : 0);
		k.left = (uint8_t)(s->m.ladder.until > s->now ? s->m.ladder.until - s->now : 0);
	}
	return k;
}

#define SITUATIONS_MAX 8192
#define SLOTS          (4 * SITUATIONS_MAX)
static struct situation found[SITUATIONS_MAX];
static struct key keys[SITUATIONS_MAX];
static uint16_t slots[SLOTS]; /* 1 + index of what hashes there, or 0 */
static size_t found_count;
static unsigned seen_state[CCW_STATE_COUNT];

static uint16_t *slot_of(const struct key *k)
{
	const uint8_t *byte = (const uint8_t *)k;
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < sizeof(*k); i++)
		hash = (hash ^ byte[i]) * 16777619u;
	while (slots[hash % SLOTS] && memcmp(&keys[slots[hash % SLOTS] - 1], k, sizeof(*k)))
		hash++;
	return &slots[hash % SLOTS];
}

static void remember(const struct situation *s)
{
	struct key k = key_of(s);
	uint16_t *slot = slot_of(&k);

	if (*slot)
		return;
	assert_true(found_count < SITUATIONS_MAX);
	keys[found_count] = k;
	found[found_count] = *s;
	*slot = (uint16_t)++found_count;
	seen_state[s->m.state]++;
}

/* ---- what must hold ---- */

static void holds_everywhere(const struct situation *s)
{
	const struct ccw *m = &s->m;
	bool may_have = m->state == CCW_BUSY || (m->state == CCW_QUIESCING && s->shadow.from_busy) ||
		(m->state == CCW_NOT_OPERATIONAL && m->reason == CCW_QUIESCE_FAILED && s->shadow.from_busy);

	assert_int_equal(m->program, may_have);
	assert_int_equal(m->counts.started, m->counts.finished + m->counts.aborted + m->program);
	if (m->state == CCW_IDLE || m->state == CCW_BUSY)
		assert_true(s->shadow.enabled);
	if (m->state == CCW_STANDBY)
		assert_false(s->shadow.enabled);
	if (m->state == CCW_NOT_OPERATIONAL && m->reason == CCW_INITIAL)
		assert_false(s->shadow.enabled);
	assert_int_equal(ccw_timer(m) != 0, m->state == CCW_QUIESCING);
	if (m->state == CCW_QUIESCING) {
		assert_in_range(ccw_timer(m), m->ladder.since, m->ladder.since + TOTAL);
		assert_true(m->ladder.rung < CCW_RUNG_SPENT);
	} else {
		assert_int_equal(m->pending, 0);
	}
	if (m->state == CCW_NOT_OPERATIONAL)
		assert_true(m->reason != CCW_REMOVED || m->freed);
}

static void a_refusal_changed_nothing(const struct ccw *before, const struct ccw *after, const struct device *d)
{
	struct ccw same;

	memcpy(&same, before, sizeof(same));
	same.counts = after->counts;
	assert_memory_equal(&same, after, sizeof(same));
	assert_int_equal(d->asked, 0);
}

static void path_is_allowed(enum ccw_state from, const struct ccw_outcome *out, enum ccw_state to)
{
	for (unsigned i = 0; i < out->hops; i++) {
		enum ccw_state next = out->hop[i];

		if (from == CCW_QUIESCING)
			assert_true(next == CCW_STANDBY || next == CCW_NOT_OPERATIONAL);
		if (next == CCW_BUSY)
			assert_int_equal(from, CCW_IDLE);
		if (next == CCW_IDLE)
			assert_true(from == CCW_STANDBY || from == CCW_BUSY);
		from = next;
	}
	assert_int_equal(from, to);
}

static void effects_are_owed(const struct situation *before, const struct situation *s, const struct ccw_outcome *out)
{
	const struct ccw *m = &s->m;
	bool was_quiescing = before->m.state == CCW_QUIESCING;

	for (unsigned i = 0; i < out->hops; i++)
		was_quiescing |= out->hop[i] == CCW_QUIESCING;
	if (out->effects & (CCW_FX_FORWARD | CCW_FX_CRW | CCW_FX_TELL_REQ | CCW_FX_TELL_GONE))
		assert_true(before->m.state == CCW_IDLE || before->m.state == CCW_BUSY);
	assert_int_equal(!!(out->effects & CCW_FX_FREE_PROGRAM), before->m.program && !m->program);
	assert_int_equal(!!(out->effects & CCW_FX_FINISH), was_quiescing && m->state != CCW_QUIESCING);
	if (out->effects & CCW_FX_COMPLETE)
		assert_true(before->m.state == CCW_BUSY && m->state == CCW_NOT_OPERATIONAL);
	if (out->effects & CCW_FX_FREE_OBJECT)
		assert_true(before->shadow.bound && m->reason == CCW_REMOVED);
}

static struct situation give(const struct situation *from, enum ccw_event event, const int *row, bool late, bool stale,
	struct ccw_outcome *out)
{
	static const uint8_t irb[CCW_IRB_BYTES];
	struct device d = { 0 };
	struct situation s;
	struct ccw_input in;
	struct ccw before;

	memcpy(&s, from, sizeof(s));
	memcpy(&before, &from->m, sizeof(before));
	d.shadow = &s.shadow;
	answer_by(&d, row);
	s.m.device = &d;
	before.device = &d;
	if (late && s.m.state == CCW_QUIESCING && ccw_timer(&s.m) > s.now)
		s.now = ccw_timer(&s.m);
	in = (struct ccw_input){ .event = event, .now = s.now, .generation = s.m.generation - stale, .present = true,
		.irb = irb };
	ccw_step(&s.m, &in, out);
	if (event == CCW_EV_INIT && out->result == 0)
		s.shadow.bound = true, s.shadow.enabled = false; /* what set_up promises */
	for (unsigned i = 0; i < out->hops; i++)
		if (out->hop[i] == CCW_QUIESCING)
			s.shadow.from_busy = before.program;
	if (s.m.state != CCW_QUIESCING && s.m.state != CCW_NOT_OPERATIONAL)
		s.shadow.from_busy = false;
	if (s.m.counts.denied > before.counts.denied || s.m.counts.stale > before.counts.stale)
		a_refusal_changed_nothing(&before, &s.m, &d);
	if (event == CCW_EV_NOT_OPERATIONAL)
		assert_int_equal(s.m.state, CCW_NOT_OPERATIONAL);
	if (stale && event >= CCW_EV_IRQ_FINAL && event <= CCW_EV_IRQ_UNSOLICITED)
		assert_int_equal(s.m.counts.stale, before.counts.stale + 1);
	assert_true(s.m.generation - before.generation <= 1);
	path_is_allowed(before.state, out, s.m.state);
	effects_are_owed(from, &s, out);
	if (out->effects & CCW_FX_FREE_OBJECT)
		s.shadow.bound = false;
	s.m.device = NULL;
	holds_everywhere(&s);
	return s;
}

/* That an enabled subchannel says it is not enabled is no answer of a device to a guest's own halt. */
static bool can_be(const struct situation *s, enum ccw_event event, const int *row)
{
	bool opened = s->m.state == CCW_IDLE || s->m.state == CCW_BUSY;

	return !opened || row[2] != CCW_OP_DISABLED || (event != CCW_EV_HSCH && event != CCW_EV_CSCH);
}

static void find_all(void)
{
	struct situation first = { .shadow = { .bound = true } };
	struct ccw_outcome out;

	if (found_count)
		return;
	assert_int_equal(ccw_begin(&first.m, &ops, NULL, &limits), 0);
	remember(&first);
	for (size_t i = 0; i < found_count; i++) {
		for (unsigned e = 0; e < CCW_EVENT_COUNT; e++) {
			for (size_t t = 0; t < TRIED; t++) {
				for (unsigned variant = 0; variant < 4 && can_be(&found[i], e, tried[t]); variant++) {
					struct situation s = give(&found[i], e, tried[t], variant & 1, variant & 2, &out);

					remember(&s);
				}
			}
		}
	}
}

static void what_must_hold_does_in_every_situation(void **state)
{
	find_all();
	for (unsigned s = 0; s < CCW_STATE_COUNT; s++)
		assert_true(seen_state[s] > 0);
	assert_true(seen_state[CCW_QUIESCING] > 500); /* every rung, with every pending, with and without a program */
	print_message("%zu situations, %zu cases\n", found_count, found_count * CCW_EVENT_COUNT * TRIED * 4);
}

static bool is_at_rest(const struct ccw *m)
{
	return m->state == CCW_STANDBY || m->state == CCW_NOT_OPERATIONAL;
}

/* From everywhere, whatever the device answers, with nothing but the timer: it ends, in time, and it does not open again. */
static void a_close_ends_within_its_bound_from_everywhere(void **state)
{
	struct ccw_outcome out;

	find_all();
	for (size_t i = 0; i < found_count; i++) {
		for (size_t t = 0; t < TRIED; t++) {
			struct situation s = give(&found[i], CCW_EV_OFFLINE, tried[t], false, false, &out);
			uint64_t until = found[i].m.state == CCW_QUIESCING ? found[i].m.ladder.until : s.now + TOTAL;
			unsigned timers = 0;

			while (!is_at_rest(&s.m)) {
				assert_int_equal(s.m.state, CCW_QUIESCING);
				assert_true(timers++ <= 1 + 3 + limits.clear_tries);
				s = give(&s, CCW_EV_TIMEOUT, tried[t], true, false, &out);
			}
			assert_true(s.now <= until || found[i].now > until);
		}
	}
}

/* The same with a device that may answer otherwise at each order: all ways through the ladder, to its end. */
static void end_of_ladder(const struct situation *s, unsigned depth, unsigned *ends)
{
	struct ccw_outcome out;

	if (is_at_rest(&s->m)) {
		(*ends)++;
		return;
	}
	assert_true(depth < 8);
	for (size_t t = 0; t < 8; t++) {
		struct situation next = give(s, CCW_EV_TIMEOUT, tried[t], true, false, &out);

		end_of_ladder(&next, depth + 1, ends);
	}
}

static void every_way_through_the_ladder_ends(void **state)
{
	static const enum ccw_event way[] = { CCW_EV_INIT, CCW_EV_ONLINE, CCW_EV_SSCH };
	struct situation s = { .shadow = { .bound = true } };
	struct ccw_outcome out;
	unsigned ends = 0;

	ccw_begin(&s.m, &ops, NULL, &limits);
	for (unsigned i = 0; i < 3; i++)
		s = give(&s, way[i], tried[0], false, false, &out);
	for (size_t t = 0; t < TRIED; t++) {
		struct situation next = give(&s, CCW_EV_OFFLINE, tried[t], false, false, &out);

		end_of_ladder(&next, 0, &ends);
	}
	assert_true(ends > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_must_hold_does_in_every_situation),
		cmocka_unit_test(a_close_ends_within_its_bound_from_everywhere),
		cmocka_unit_test(every_way_through_the_ladder_ends),
	};

	return cmocka_run_group_tests_name("ccw, walked whole", tests, NULL, NULL);
}
