/* SPDX-License-Identifier: Apache-2.0 */
/* Events by themselves: the seed alone says what happens, when, and to whom. */
#include "fixture.h"

#include <errno.h>

#include "spmc/schedule.h"

#define MS UINT64_C(1000000)
#define COUNT 200

struct happened {
	uint64_t at;
	enum world_event event;
	uint32_t sp;
};

/* What happens in `step`s of time, which is how late the process looks. */
static size_t run(const char *text, uint32_t seed, uint64_t step, struct happened ret[COUNT])
{
	struct world_config config = { .seed = seed };
	struct schedule s = { 0 };
	struct complaint why;
	size_t n = 0;

	assert_int_equal(schedule_parse(&config, text, &why), 0);
	schedule_start(&s, &config, 1000 * MS);
	for (uint64_t now = 1000 * MS; n < COUNT && now < 100000 * MS; now += step) {
		uint64_t at = schedule_next(&s);

		while (n < COUNT && schedule_take(&s, 3, now, &ret[n].event, &ret[n].sp)) {
			ret[n++].at = at - 1000 * MS;
			at = schedule_next(&s);
		}
	}
	return n;
}

static void the_seed_alone_decides(void **unused)
{
	struct happened a[COUNT], b[COUNT], c[COUNT];

	assert_int_equal(run("crash=50,restart=80,reset=900", 7, 1 * MS, a), COUNT);
	assert_int_equal(run("crash=50,restart=80,reset=900", 7, 333 * MS, b), COUNT);
	assert_int_equal(run("crash=50,restart=80,reset=900", 8, 1 * MS, c), COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(a[i].at, b[i].at);
		assert_int_equal(a[i].event, b[i].event);
		assert_int_equal(a[i].sp, b[i].sp);
	}
	assert_memory_not_equal(a, c, sizeof(a));
}

static void the_mean_is_what_was_asked_for(void **unused)
{
	struct happened a[COUNT];
	unsigned of[3] = { 0 };

	assert_int_equal(run("ring=10", 1, 1 * MS, a), COUNT);
	assert_in_range(a[COUNT - 1].at, COUNT * 8 * MS, COUNT * 12 * MS);
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(a[i].event, WORLD_RING);
		of[a[i].sp]++;
	}
	assert_true(of[0] > 30 && of[1] > 30 && of[2] > 30);
}

static void nothing_is_scheduled_unless_it_is_said(void **unused)
{
	struct world_config config = { 0 };
	struct schedule s = { 0 };
	struct complaint why;

	schedule_start(&s, &config, 5);
	assert_true(schedule_next(&s) == WORLD_NEVER);
	assert_int_equal(schedule_parse(&config, "crash=5,ring=7", &why), 0);
	assert_int_equal(schedule_parse(&config, "crash=0,ring=0", &why), 0); /* the last word */
	schedule_start(&s, &config, 5);
	assert_true(schedule_next(&s) == WORLD_NEVER);
}

static void what_is_wrong_is_said(void **unused)
{
	static const struct {
		const char *text, *what;
	} bad[] = {
		{ "", "\"\": write EVENT=MS" },
		{ "crash", "\"crash\": write EVENT=MS" },
		{ "crash=", "crash=: must be milliseconds in 0..3600000" },
		{ "crash=-1", "crash=-1: must be" },
		{ "crash=1s", "crash=1s: must be" },
		{ "crash=3600001", "crash=3600001: must be" },
		{ "boom=5", "\"boom\": the event must be crash, stop, destroy, restart, activate, finish, panic, ring or reset" },
		{ "crash=5,,ring=5", "\"\": write EVENT=MS" },
	};
	struct world_config config = { 0 };
	struct complaint why;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(schedule_parse(&config, bad[i].text, &why), -EINVAL);
		if (!strstr(why.text, bad[i].what))
			fail_msg("%s\nis answered: %s", bad[i].text, why.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_seed_alone_decides),
		cmocka_unit_test(the_mean_is_what_was_asked_for),
		cmocka_unit_test(nothing_is_scheduled_unless_it_is_said),
		cmocka_unit_test(what_is_wrong_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
