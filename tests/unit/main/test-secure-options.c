/* SPDX-License-Identifier: Apache-2.0 */
/* What the command line says of the secure side: taken whole, or refused with a remedy. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#include "main/secure_options.h"

#define MS 1000000ull

static void the_defaults_are_those_of_the_manual(void **state)
{
	struct secure_options o;

	secure_options_init(&o);
	assert_int_equal(o.retry.first, 200000);
	assert_int_equal(o.retry.cap, 100 * MS);
	assert_int_equal(o.retry.active, 5000 * MS);
	assert_int_equal(o.retry.probe, 1000 * MS);
	assert_int_equal(o.retry.jitter, 20);
	assert_int_equal(o.discover_every, 60000 * MS);
	assert_int_equal(o.frame_timeout, 2000 * MS);
}

static void one_sp_may_differ(void **state)
{
	struct secure_options o;

	secure_options_init(&o);
	assert_int_equal(secure_options_retry(&o, "first=1ms,cap=20ms,jitter=0"), 0);
	assert_int_equal(secure_options_retry(&o, "0x8002:cap=500ms"), 0);
	assert_int_equal(secure_options_retry(&o, "0x8002:probe=10s"), 0);
	assert_int_equal(o.retry.cap, 20 * MS);
	assert_int_equal(o.retry_for_count, 1);
	assert_int_equal(o.retry_for[0].sp, 0x8002);
	assert_int_equal(o.retry_for[0].rule.first, 1 * MS);
	assert_int_equal(o.retry_for[0].rule.cap, 500 * MS);
	assert_int_equal(o.retry_for[0].rule.probe, 10000 * MS);
	assert_int_equal(o.retry_for[0].rule.jitter, 0);
}

static void a_rule_that_makes_no_sense_is_refused(void **state)
{
	static const char *const bad[] = { "", "first", "first=", "first=5", "first=-1ms", "first=1m", "cap=2h",
		"jitter=91", "jitter=1%", "first=200ms", "probe=50ms", "active=1ms", "first=0us", "0x8001:active=5s",
		"0x8000:cap=1s", "0x18001:cap=1s", "sleep=1s", "first=1ms,,cap=5ms", "first=99999999999999999999s",
		"cap=3601s" };
	struct secure_options o;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		secure_options_init(&o);
		if (secure_options_retry(&o, bad[i]) == 0)
			fail_msg("taken: %s", bad[i]);
	}
}

static void says_who_is_there(void **state)
{
	static const char *const bad[] = { "0x8001", "0x8001=", "0x8001=all", "8001=both", "0x8000=both", "=both",
		"-1=both" };
	struct secure_options o;

	secure_options_init(&o);
	assert_int_equal(secure_options_sp(&o, "0x8001=both"), 0);
	assert_int_equal(secure_options_sp(&o, "0x8002=created"), 0);
	assert_int_equal(secure_options_sp(&o, "0x8003=destroyed"), 0);
	assert_int_equal(secure_options_sp(&o, "0x8004=none"), 0);
	assert_int_equal(o.listed[0].properties, 0xC1);
	assert_int_equal(o.listed[1].properties, 0x41);
	assert_int_equal(o.listed[2].properties, 0x81);
	assert_int_equal(o.listed[3].properties, 0x01);
	assert_int_equal(secure_options_sp(&o, "0x8001=none"), -22);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(secure_options_sp(&o, bad[i]), -22);
	assert_int_equal(o.listed_count, 4);
	for (unsigned i = 4; i < MODEL_SP_MAX; i++) {
		char text[32];

		snprintf(text, sizeof(text), "%u=both", 0x8001 + i);
		assert_int_equal(secure_options_sp(&o, text), 0);
	}
	assert_int_equal(secure_options_sp(&o, "0x9000=both"), -22);
}

static void times_have_units_and_bounds(void **state)
{
	struct secure_options o;

	secure_options_init(&o);
	assert_int_equal(secure_options_discover_every(&o, "never"), 0);
	assert_int_equal(o.discover_every, 0);
	assert_int_equal(secure_options_discover_every(&o, "2s"), 0);
	assert_int_equal(o.discover_every, 2000 * MS);
	assert_int_equal(secure_options_discover_every(&o, "2ms"), -22);
	assert_int_equal(secure_options_discover_every(&o, "2"), -22);
	assert_int_equal(secure_options_frame_timeout(&o, "50ms"), 0);
	assert_int_equal(o.frame_timeout, 50 * MS);
	assert_int_equal(secure_options_frame_timeout(&o, "0s"), -22);
	assert_int_equal(secure_options_profile(&o, "0x8001=trusty"), 0);
	assert_int_equal(secure_options_profile(&o, "0x8001=gunyah"), -22);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_defaults_are_those_of_the_manual),
		cmocka_unit_test(one_sp_may_differ),
		cmocka_unit_test(a_rule_that_makes_no_sense_is_refused),
		cmocka_unit_test(says_who_is_there),
		cmocka_unit_test(times_have_units_and_bounds),
	};

	return cmocka_run_group_tests_name("secure options", tests, NULL, NULL);
}
