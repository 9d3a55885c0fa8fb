/* SPDX-License-Identifier: Apache-2.0 */
/* Events by themselves: the seed alone says what happens, when, and to whom. */
#include "fixture.h"
#include "spmc/schedule.h"

#define MS UINT64_C(1000000)
#define COUNT 200

struct happened {
	uint64_t at;
	enum world_event event;
	uint32_t sp;
};

/* What happens in `step`s of time, which is how late the process looks. */
static size_t run(const char *text, uint64_t seed, uint64_t step, struct happened ret[COUNT])
{
	struct schedule s = { 0 };
	size_t n = 0;

	assert_int_equal(schedule_parse(&s, text), 0);
	schedule_start(&s, seed, 1000 * MS);
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
	static const char *const bad[] = { "", "crash", "crash=", "crash=0", "crash=-1", "crash=1s", "crash=3600001", "boom=5", "crash=5,,ring=5" };
	struct schedule s = { 0 };

	schedule_start(&s, 1, 5);
	assert_true(schedule_next(&s) == WORLD_NEVER);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(schedule_parse(&s, bad[i]) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_seed_alone_decides),
		cmocka_unit_test(the_mean_is_what_was_asked_for),
		cmocka_unit_test(nothing_is_scheduled_unless_it_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
