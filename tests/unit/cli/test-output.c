/* SPDX-License-Identifier: Apache-2.0 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "output.h"

static void expect_text(const char *text, size_t size, const char *wanted)
{
	char got[256] = "";
	FILE *f = fmemopen(got, sizeof(got), "w");

	put_text(f, text, size);
	(void)fclose(f);
	assert_string_equal(got, wanted);
}

static void guests_cannot_steer_the_terminal(void **state)
{
	expect_text("a\r\n\tb", 5, "a\n\tb");
	expect_text("\033[2J\a\b\x7F", 7, "?[2J???");
	expect_text("\xC2\x9B" "31m", 5, "?31m"); /* CSI as a C1 control */
	expect_text("gr\xC3\xBC\xC3\x9F", 6, "gr\xC3\xBC\xC3\x9F");
	expect_text("\xC3", 1, "?");
	expect_text("\xED\xA0\x80", 3, "???"); /* a surrogate */
	expect_text("\xF4\x90\x80\x80", 4, "????"); /* past the last character */
	expect_text("\xC0\xAF", 2, "??"); /* too long for what it says */
	expect_text("\xF0\x9F\x90\xA7", 4, "\xF0\x9F\x90\xA7");
}

static void expect_span(uint64_t ns, const char *wanted)
{
	char got[64];

	format_span(got, sizeof(got), ns);
	assert_string_equal(got, wanted);
}

static void spans_read_well(void **state)
{
	const uint64_t s = 1000000000;

	expect_span(0, "0 ms");
	expect_span(999999999, "999 ms");
	expect_span(3 * s + s / 4, "3.2 s");
	expect_span(59 * s, "59 s");
	expect_span(250 * s, "4 min 10 s");
	expect_span(7500 * s, "2 h 5 min");
	expect_span(273600 * s, "3 d 4 h");
}

static void expect_size(uint64_t bytes, const char *wanted)
{
	char got[64];

	format_size(got, sizeof(got), bytes);
	assert_string_equal(got, wanted);
}

static void sizes_read_well(void **state)
{
	expect_size(0, "0.0 KiB");
	expect_size(830000, "811 KiB");
	expect_size(1023 << 10, "1023 KiB");
	expect_size((1024 << 10) - 1, "1.0 MiB");
	expect_size(5 << 20, "5.0 MiB");
	expect_size(12ull << 30, "12 GiB");
	expect_size(2000ull << 40, "2000 TiB");
}

static void expect_bytes(uint64_t bytes, const char *wanted)
{
	char got[64];

	format_bytes(got, sizeof(got), bytes);
	assert_string_equal(got, wanted);
}

static void bytes_are_exact(void **state)
{
	expect_bytes(0, "0 B");
	expect_bytes(1023, "1023 B");
	expect_bytes(512u << 20, "512 MiB");
	expect_bytes(1ull << 40, "1 TiB");
	expect_bytes(3ull << 29, "1536 MiB");
}

static void expect_bucket(unsigned bucket, bool is_time, const char *wanted)
{
	char got[32];

	format_bucket(got, sizeof(got), bucket, is_time);
	assert_string_equal(got, wanted);
}

static void buckets_say_what_they_count(void **state)
{
	expect_bucket(0, false, "0");
	expect_bucket(1, false, "1");
	expect_bucket(2, false, "2-3");
	expect_bucket(11, false, "1024-2047");
	expect_bucket(0, true, "up to 0 us");
	expect_bucket(9, true, "up to 511 us");
	expect_bucket(10, true, "up to 1.02 ms");
	expect_bucket(19, true, "up to 524 ms");
	expect_bucket(20, true, "up to 1.0 s");
	expect_bucket(27, true, "up to 134 s");
	expect_bucket(31, true, "up to 2147 s");
}

static void states_say_no_more_than_is_needed(void **state)
{
	char got[64];

	format_state(got, sizeof(got), LIFECYCLE_STATE_RUNNING, LIFECYCLE_SUB_RUNNING);
	assert_string_equal(got, "running");
	format_state(got, sizeof(got), LIFECYCLE_STATE_NULL, LIFECYCLE_SUB_NONE);
	assert_string_equal(got, "null");
	format_state(got, sizeof(got), LIFECYCLE_STATE_RUNNING, LIFECYCLE_SUB_PAUSED);
	assert_string_equal(got, "running/paused");
	format_state(got, sizeof(got), LIFECYCLE_UNKNOWN, LIFECYCLE_UNKNOWN);
	assert_string_equal(got, "unknown/unknown");
}

static void json_text_is_always_utf8(void **state)
{
	struct json_object *o = json_object_new_object();

	json_add_text(o, "t", "a\xFF" "b", 3);
	assert_string_equal(json_object_get_string(json_object_object_get(o, "t")), "a\xEF\xBF\xBD" "b");
	json_object_put(o);
}

static void tail_begins_at_a_line(void **state)
{
	const char *text = "one\ntwo\nthree\n";
	size_t size = strlen(text);

	assert_int_equal(tail_start(text, size, -1), 0);
	assert_int_equal(tail_start(text, size, 0), size);
	assert_string_equal(text + tail_start(text, size, 1), "three\n");
	assert_string_equal(text + tail_start(text, size, 2), "two\nthree\n");
	assert_int_equal(tail_start(text, size, 3), 0);
	assert_int_equal(tail_start(text, size, 9), 0);
	assert_int_equal(tail_start(text, size - 1, 1), 8); /* the last line may lack its end */
	assert_int_equal(tail_start("", 0, 5), 0);
	assert_int_equal(tail_start("\n\n\n", 3, 2), 1);
}

static void a_word_means_one_thing(void **state)
{
	(void)state;
	assert_true(has_state("paused,running", LIFECYCLE_STATE_RUNNING, LIFECYCLE_SUB_RUNNING));
	assert_false(has_state("running", LIFECYCLE_STATE_RUNNING, LIFECYCLE_SUB_PAUSED));
	assert_true(has_state("paused", LIFECYCLE_STATE_RUNNING, LIFECYCLE_SUB_PAUSED));
	assert_true(has_state("aborting", LIFECYCLE_STATE_ABORTING, LIFECYCLE_SUB_RETIRING));
	assert_true(has_state("null", LIFECYCLE_STATE_NULL, LIFECYCLE_SUB_NONE));
	assert_false(has_state("nul,null2", LIFECYCLE_STATE_NULL, LIFECYCLE_SUB_NONE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_word_means_one_thing),
		cmocka_unit_test(guests_cannot_steer_the_terminal),
		cmocka_unit_test(spans_read_well),
		cmocka_unit_test(sizes_read_well),
		cmocka_unit_test(bytes_are_exact),
		cmocka_unit_test(buckets_say_what_they_count),
		cmocka_unit_test(states_say_no_more_than_is_needed),
		cmocka_unit_test(json_text_is_always_utf8),
		cmocka_unit_test(tail_begins_at_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
