/* SPDX-License-Identifier: Apache-2.0 */

/* What is said of a row's conditions, and what is not said because it is not so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/message.h"
#include "engine/notes.h"
#include "fake-journal.h"

#define STUCK "MESSAGE=web: the end of life 17 is stuck at the secure side"
#define FREED "MESSAGE=web: the end of life 17 is stuck no more"

static const char *said(const struct vm_row *before, const struct vm_row *now)
{
	const struct conditions c = conditions_of(before);

	conditions_say(&c, now);
	return fake_journal_read();
}

static void what_begins_and_what_is_over_is_said_once(void **state)
{
	struct vm_row well = { .name = "web", .life = 17 }, bad = well, over = { .name = "web" }, again = { .name = "web", .life = 30 };

	bad.secure_stuck = true;
	assert_true(message_has(said(&well, &bad), STUCK));
	assert_string_equal(said(&bad, &bad), "");
	assert_true(message_has(said(&bad, &well), FREED));
	assert_true(message_has(said(&bad, &over), FREED));
	assert_true(message_has(said(&bad, &again), FREED));
	well.unreachable = true;
	assert_true(message_has(said(&over, &well), "MESSAGE=web: the VMM of life 17 cannot be reached"));
	assert_string_equal(said(&well, &well), "");
}

/* on-stuck: new-id. The VM goes on with another life, and the SP has not taken the end of the one before. */
static void a_life_that_was_left_behind_is_still_stuck(void **state)
{
	struct debt_row debt[] = { { .life = 30 }, { .life = 17, .stuck = true } };
	struct vm_row bad = { .name = "web", .life = 17, .secure_stuck = true };
	struct vm_row next = { .name = "web", .life = 30, .debt = debt, .debt_count = 1, .old_debt_count = 1 };

	assert_string_equal(said(&bad, &next), "");
	debt[1].life = 12; /* that of one before */
	assert_true(message_has(said(&bad, &next), FREED));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_begins_and_what_is_over_is_said_once),
		cmocka_unit_test(a_life_that_was_left_behind_is_still_stuck),
	};

	fake_journal_begin(LOG_DEBUG);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
