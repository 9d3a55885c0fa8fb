/* SPDX-License-Identifier: Apache-2.0 */

/* Text of others: what is left of it, and that sd-bus takes all that is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/text.h"

static const struct {
	const char *was, *is;
} rows[] = {
	{ "", "" },
	{ "the guest powered off", "the guest powered off" },
	{ "caf\xC3\xA9, \xE2\x82\xAC, \xF0\x9D\x84\x9E", "caf\xC3\xA9, \xE2\x82\xAC, \xF0\x9D\x84\x9E" },
	{ "a\nb\tc\x1B[2Jd\x7F", "a?b?c?[2Jd?" },
	{ "\xC2\x9B" "2J", "??2J" },                     /* CSI, of the C1 controls */
	{ "\xA9 cut before", "? cut before" },
	{ "cut behind \xE2\x82", "cut behind ??" },
	{ "\xC0\xAF \xE0\x80\xAF", "?? ???" },           /* longer than it may be */
	{ "\xED\xA0\x80", "???" },                       /* a surrogate */
	{ "\xEF\xBF\xBE \xEF\xB7\x90", "??? ???" },     /* no characters, for ever */
	{ "\xF4\x90\x80\x80 \xF8\x88\x80\x80\x80 \xFF", "???? ????? ?" },
	{ "\xC3(", "?(" },
};

static void what_is_no_text_becomes_question_marks(void **unused)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char text[128];

		strcpy(text, rows[i].was);
		text_clean(text, sizeof(text));
		assert_string_equal(text, rows[i].is);
	}
}

/* Texts of several lines are sent, too. */
static void lines_stay_lines(void **unused)
{
	char text[] = "a\nb\xC3";

	text_make_utf8(text, sizeof(text));
	assert_string_equal(text, "a\nb?");
}

static void nothing_is_touched_behind_the_end(void **unused)
{
	char text[] = "\xC3\xA9\xC3\xA9\x01";

	text_clean(text, 3); /* of the second character the first half alone */
	assert_memory_equal(text, "\xC3\xA9?\xA9\x01", sizeof(text));
	strcpy(text, "a");
	text[2] = '\x02';
	text_clean(text, sizeof(text));
	assert_int_equal(text[2], 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_text_becomes_question_marks),
		cmocka_unit_test(lines_stay_lines),
		cmocka_unit_test(nothing_is_touched_behind_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
