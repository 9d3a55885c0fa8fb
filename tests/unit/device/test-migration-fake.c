/* SPDX-License-Identifier: Apache-2.0 */
/* Scripts, the device that obeys them, and sets of such devices driven through virtual time. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "device/migration_drive.h"
#include "device/migration_fake.h"
#include "oracle.h"

#define S(state) VFIO_DEVICE_STATE_##state
#define MS       1000000ull
#define PATIENCE (100 * MS)

static struct migration_script parse(const char *text)
{
	struct migration_script s;
	const char *what;
	size_t at;

	assert_int_equal(migration_script_parse(text, &s, &what, &at), 0);
	return s;
}

static void reads_every_word_of_a_script(void **state)
{
	struct migration_script s = parse("flags 3; delay 2s;set running>running-p2p fail 5 then error delay 20ms skip 2 times 1 ;\n"
					  "get says stop; reset never;configure fail 0; set stop fd; set >stop never; set stop> never");

	assert_int_equal(s.flags, 3);
	assert_int_equal(s.delay, 2000 * MS);
	assert_int_equal(s.count, 7);
	assert_int_equal(s.rule[0].kind, MIGRATION_SET_STATE);
	assert_int_equal(s.rule[0].from, S(RUNNING));
	assert_int_equal(s.rule[0].to, S(RUNNING_P2P));
	assert_int_equal(s.rule[0].error, 5);
	assert_int_equal(s.rule[0].then, S(ERROR) + 1);
	assert_int_equal(s.rule[0].delay, 20 * MS);
	assert_int_equal(s.rule[0].skip, 2);
	assert_int_equal(s.rule[0].times, 1);
	assert_int_equal(s.rule[1].says, S(STOP) + 1);
	assert_true(s.rule[2].never);
	assert_int_equal(s.rule[3].error, EIO);
	assert_true(s.rule[4].wrong_fd);
	assert_int_equal(s.rule[4].from, 0);
	assert_int_equal(s.rule[5].to, S(STOP));
	assert_int_equal(s.rule[6].from, S(STOP));
	assert_int_equal(s.rule[6].to, 0);
	assert_int_equal(parse("").flags, 7);
	assert_int_equal(parse(" ; ;").count, 0);
	assert_int_equal(parse("flags 0").flags, 0);
}

static void says_what_is_wrong_with_a_script_and_where(void **state)
{
	static const struct {
		const char *text;
		size_t at;
	} bad[] = {
		{ "flog 3", 0 },
		{ "flags", 5 },
		{ "flags 6", 6 },
		{ "flags 8", 6 },
		{ "flags 7 reset never", 8 },
		{ "delay 5", 6 },
		{ "delay 5000000s", 6 },
		{ "delay ms", 6 },
		{ "set", 3 },
		{ "set stop", 8 },
		{ "set stopp fail 5", 4 },
		{ "set runing>stop fail 5", 4 },
		{ "set running>halt fail 5", 12 },
		{ "set stop fail", 13 },
		{ "set stop fail x", 14 },
		{ "set stop fail 99999", 14 },
		{ "set stop fail 5 then", 20 },
		{ "set stop fail 5 then 3", 21 },
		{ "get says nothing", 9 },
		{ "reset never; reset", 18 },
		{ "reset times 99999999999", 12 },
		{ "get never;get never;get never;get never;get never;get never;get never;get never;get never", 80 },
	};
	struct migration_script s;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const char *what = NULL;
		size_t at = 999;

		memset(&s, 0x5a, sizeof(s));
		assert_int_equal(migration_script_parse(bad[i].text, &s, &what, &at), -EINVAL);
		assert_int_equal(at, bad[i].at);
		assert_true(what && strlen(what) > 10);
		assert_int_equal(s.flags, 0x5a);
	}
}

struct world {
	struct migration_set set;
	struct migration_fake fake[MIGRATION_SET_MAX];
	struct migration_handle handle[MIGRATION_SET_MAX];
	uint64_t now;
};

static void begin_world(struct world *w, unsigned count, const struct migration_script *script)
{
	uint64_t patience[MIGRATION_ORDER_COUNT];

	memset(w, 0, sizeof(*w));
	for (unsigned i = 0; i < MIGRATION_ORDER_COUNT; i++)
		patience[i] = PATIENCE;
	migration_set_init(&w->set, patience);
	for (unsigned i = 0; i < count; i++) {
		migration_fake_init(&w->fake[i], &script[i]);
		w->handle[i] = (struct migration_handle) { &migration_fake_ops, &w->fake[i] };
		assert_int_equal(migration_set_add(&w->set, script[i].flags, w->fake[i].state), i);
	}
}

/* Virtual time until the goal is over; how long that took. */
static uint64_t reach(struct world *w, enum migration_goal goal)
{
	uint64_t began = w->now, bound = migration_set_most_orders(&w->set) * PATIENCE;

	if (migration_set_begin(&w->set, goal, true, w->now) != 0)
		return 0;
	for (migration_drive(&w->set, w->handle, w->now); w->set.outcome == MIGRATION_WORKING;
		migration_drive(&w->set, w->handle, w->now)) {
		uint64_t next = migration_drive_deadline(&w->set, w->handle);

		assert_non_null(migration_set_waits(&w->set));
		assert_true(next > w->now && next != UINT64_MAX);
		w->now = next;
		assert_true(w->now - began <= bound);
	}
	return w->now - began;
}

static void a_device_without_a_script_does_all_at_once(void **state)
{
	struct migration_script scripts[3] = { parse(""), parse("flags 3"), parse("flags 1") };
	struct world w;

	begin_world(&w, 3, scripts);
	assert_int_equal(reach(&w, MIGRATION_PAUSE), 0);
	assert_int_equal(w.set.outcome, MIGRATION_DONE);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(w.fake[i].state, S(STOP));
	(void)reach(&w, MIGRATION_RESUME);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(w.fake[i].state, S(RUNNING));
}

static void a_slow_device_is_waited_for_and_named(void **state)
{
	struct migration_script scripts[2] = { parse("flags 1; set stop delay 30ms"), parse("flags 1; delay 40ms") };
	struct world w;

	begin_world(&w, 2, scripts);
	assert_int_equal(migration_set_begin(&w.set, MIGRATION_PAUSE, true, 0), 0);
	migration_drive(&w.set, w.handle, 0);
	assert_int_equal(migration_set_waits(&w.set)->device, 1);
	assert_int_equal(migration_set_waits(&w.set)->until, PATIENCE);
	assert_int_equal(migration_drive_deadline(&w.set, w.handle), 40 * MS);
	migration_drive(&w.set, w.handle, 40 * MS);
	assert_int_equal(migration_set_waits(&w.set)->device, 0);
	migration_drive(&w.set, w.handle, 70 * MS - 1);
	assert_int_equal(w.set.outcome, MIGRATION_WORKING);
	migration_drive(&w.set, w.handle, 70 * MS);
	assert_int_equal(w.set.outcome, MIGRATION_DONE);
}

static void a_device_that_fails_once_leads_the_others_back(void **state)
{
	struct migration_script scripts[2] = { parse("set stop fail 5 times 1"), parse("") };
	struct world w;

	begin_world(&w, 2, scripts);
	(void)reach(&w, MIGRATION_PAUSE);
	assert_int_equal(w.set.outcome, MIGRATION_LED_BACK);
	assert_int_equal(w.set.culprit, 0);
	assert_int_equal(w.set.device[0].fault.error, 5);
	assert_int_equal(w.set.device[0].fault.from, S(RUNNING_P2P));
	assert_int_equal(w.set.device[0].fault.to, S(STOP));
	assert_false(w.set.device[0].was_reset);
	assert_int_equal(w.fake[1].state, S(RUNNING));
	(void)reach(&w, MIGRATION_PAUSE);
	assert_int_equal(w.set.outcome, MIGRATION_DONE);
}

static void a_data_fd_that_comes_or_is_missing_against_the_rules_is_a_failure(void **state)
{
	struct migration_script scripts[2] = { parse("set stop-copy fd"), parse("set running-p2p fd") };
	struct world w;

	begin_world(&w, 1, &scripts[0]);
	(void)reach(&w, MIGRATION_PAUSE);
	assert_int_equal(w.set.outcome, MIGRATION_DONE);
	(void)reach(&w, MIGRATION_STOP_COPY);
	assert_int_equal(w.set.outcome, MIGRATION_LED_BACK);
	assert_int_equal(w.set.device[0].fault.error, EBADF);
	assert_int_equal(w.fake[0].state, S(STOP));
	begin_world(&w, 1, &scripts[1]);
	(void)reach(&w, MIGRATION_PAUSE);
	assert_int_equal(w.set.device[0].fault.error, EBADF);
	assert_int_equal(w.fake[0].state, S(RUNNING));
}

static void a_device_that_does_not_answer_is_reset_and_its_late_answer_ignored(void **state)
{
	struct migration_script scripts[1] = { parse("set stop never times 1") };
	struct world w;

	begin_world(&w, 1, scripts);
	assert_int_equal(reach(&w, MIGRATION_PAUSE), PATIENCE);
	assert_int_equal(w.set.outcome, MIGRATION_LED_BACK);
	assert_int_equal(w.set.device[0].fault.error, ETIMEDOUT);
	assert_true(w.set.device[0].was_reset);
	assert_true(w.fake[0].configured);
	assert_false(w.fake[0].late.is);
	assert_int_equal(w.fake[0].state, S(RUNNING));
}

static void a_device_that_is_beyond_help_is_dead_and_the_rest_stops(void **state)
{
	struct migration_script scripts[2] = { parse("set fail 5 then error; reset fail 5"), parse("") };
	struct world w;

	begin_world(&w, 2, scripts);
	(void)reach(&w, MIGRATION_ABORT);
	assert_int_equal(w.set.outcome, MIGRATION_LOST);
	assert_true(w.set.device[0].dead);
	assert_int_equal(w.fake[1].state, S(STOP));
}

static void an_order_that_cannot_even_begin_has_failed(void **state)
{
	struct migration_script scripts[1] = { parse("") };
	struct world w;

	begin_world(&w, 1, scripts);
	/* as if somebody else had one under way */
	w.fake[0].pending = (struct migration_fake_pending) { .is = true, .at = UINT64_MAX };
	(void)reach(&w, MIGRATION_PAUSE);
	assert_int_equal(w.set.device[0].fault.error, EBUSY);
	assert_int_equal(w.set.outcome, MIGRATION_LED_BACK);
}

/* xorshift: the same numbers on every machine. */
static uint32_t roll(uint32_t *seed, uint32_t sides)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed % sides;
}

static struct migration_script random_script(uint32_t *seed)
{
	static const uint8_t flags[] = { 0, 1, 3, 5, 7, 7 };
	struct migration_script s = { .flags = flags[roll(seed, 6)], .delay = roll(seed, 3) * 10 * MS };

	s.count = (uint8_t)roll(seed, 4);
	for (unsigned i = 0; i < s.count; i++)
		s.rule[i] = (struct migration_rule) {
			.kind = (uint8_t)(MIGRATION_SET_STATE + roll(seed, 4)),
			.to = (uint8_t)(roll(seed, 2) ? roll(seed, VFIO_DEVICE_STATE_COUNT) : 0),
			.error = roll(seed, 2) ? (int32_t)roll(seed, 40) : 0,
			.never = roll(seed, 5) == 0,
			.wrong_fd = roll(seed, 6) == 0,
			.has_delay = roll(seed, 2),
			.delay = roll(seed, 130) * MS,
			.skip = roll(seed, 3),
			.times = roll(seed, 3),
		};
	for (unsigned i = 0; i < s.count; i++)
		if (s.rule[i].error && s.rule[i].kind == MIGRATION_SET_STATE && roll(seed, 3) == 0)
			s.rule[i].then = S(ERROR) + 1;
	return s;
}

static bool rests(enum migration_goal goal, unsigned state)
{
	bool stopped = state == S(STOP) || state == S(STOP_COPY);

	return goal == MIGRATION_ABORT ? state == S(STOP) : goal == MIGRATION_RESET ? state == S(RUNNING) :
								    stopped || state == S(RUNNING);
}

/* However its devices misbehave, a set comes to rest in bounded time, knows where each is, and says who is dead. */
static void any_set_comes_to_rest_and_knows_where_its_devices_are(void **state)
{
	static const enum migration_goal goals[] = { MIGRATION_PAUSE, MIGRATION_RESUME, MIGRATION_ABORT, MIGRATION_RESET,
		MIGRATION_REVIVE };
	unsigned ended[MIGRATION_OUTCOME_COUNT] = { 0 };

	for (uint32_t life = 1; life <= 20000; life++) {
		struct migration_script scripts[4];
		uint32_t seed = life * 2654435761u | 1;
		unsigned count = 1 + roll(&seed, 4);
		struct world w;

		for (unsigned i = 0; i < count; i++)
			scripts[i] = random_script(&seed);
		begin_world(&w, count, scripts);
		for (unsigned act = 0; act < 6; act++) {
			enum migration_goal goal = goals[roll(&seed, sizeof(goals) / sizeof(*goals))];

			(void)reach(&w, goal);
			ended[w.set.outcome]++;
			for (unsigned i = 0; i < count; i++) {
				const struct migration_device *d = &w.set.device[i];

				if (d->dead || !d->flags || w.set.asked != goal)
					continue;
				assert_int_equal(d->state, w.fake[i].state);
				assert_true(w.fake[i].configured);
				if (w.set.outcome == MIGRATION_DONE && goal != MIGRATION_REVIVE)
					assert_true(rests(goal, d->state));
			}
		}
	}
	for (unsigned o = MIGRATION_DONE; o < MIGRATION_OUTCOME_COUNT; o++)
		assert_true(ended[o] > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_every_word_of_a_script),
		cmocka_unit_test(says_what_is_wrong_with_a_script_and_where),
		cmocka_unit_test(a_device_without_a_script_does_all_at_once),
		cmocka_unit_test(a_slow_device_is_waited_for_and_named),
		cmocka_unit_test(a_device_that_fails_once_leads_the_others_back),
		cmocka_unit_test(a_data_fd_that_comes_or_is_missing_against_the_rules_is_a_failure),
		cmocka_unit_test(a_device_that_does_not_answer_is_reset_and_its_late_answer_ignored),
		cmocka_unit_test(a_device_that_is_beyond_help_is_dead_and_the_rest_stops),
		cmocka_unit_test(an_order_that_cannot_even_begin_has_failed),
		cmocka_unit_test(any_set_comes_to_rest_and_knows_where_its_devices_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
