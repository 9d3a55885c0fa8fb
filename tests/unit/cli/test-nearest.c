/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "nearest.h"

static const char *of(const char *word)
{
	static const char *const words[] = { "start", "restart", "status", "stop", "list", "log-level", "why",
		"a-word-that-is-longer-than-anybody-would-write" };
	struct nearest n = { .word = word };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		nearest_try(&n, words[i]);
	return n.found;
}

static void a_slip_is_seen_through(void **state)
{
	(void)state;
	assert_string_equal(of("strat"), "start");
	assert_string_equal(of("strt"), "start");
	assert_string_equal(of("restsrt"), "restart");
	assert_string_equal(of("sttaus"), "status");
	assert_string_equal(of("lsit"), "list");
	assert_string_equal(of("ist"), "list");
	assert_string_equal(of("loglevel"), "log-level");
	assert_string_equal(of("stopp"), "stop");
}

static void what_is_like_nothing_is_nothing(void **state)
{
	(void)state;
	assert_null(of("frobnicate"));
	assert_null(of("wtf"));
	assert_null(of(""));
	assert_null(of("a-word-that-is-longer-than-anybody-would-writ"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slip_is_seen_through),
		cmocka_unit_test(what_is_like_nothing_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
