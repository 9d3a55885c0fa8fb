/* SPDX-License-Identifier: Apache-2.0 */

/* Words and errors go there and back. */

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "connection.h"
#include "proto/errors.h"
#include "proto/lifecycle.h"

struct words {
	int count;
	const char *(*name)(int);
	int (*from_name)(const char *);
};

static void every_number_has_a_word_that_leads_back(void **state)
{
	static const struct words all[] = {
		{ VM_STATE_COUNT, lifecycle_state_name, lifecycle_state_from_name },
		{ VM_SUBSTATE_COUNT, lifecycle_substate_name, lifecycle_substate_from_name },
		{ VCPU_STATE_COUNT, lifecycle_vcpu_state_name, lifecycle_vcpu_state_from_name },
		{ CAUSE_COUNT, lifecycle_cause_name, lifecycle_cause_from_name },
		{ DEBT_STATE_COUNT, lifecycle_debt_name, lifecycle_debt_from_name },
		{ DEBT_HOW_COUNT, lifecycle_how_name, lifecycle_how_from_name },
		{ OPERATION_COUNT, lifecycle_operation_name, lifecycle_operation_from_name },
		{ OUTCOME_COUNT, lifecycle_outcome_name, lifecycle_outcome_from_name },
		{ WAIT_COUNT, lifecycle_wait_name, lifecycle_wait_from_name },
		{ REFUSAL_COUNT, lifecycle_refusal_name, lifecycle_refusal_from_name },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		for (int n = 0; n < all[i].count; n++)
			assert_int_equal(all[i].from_name(all[i].name(n)), n);
		assert_int_equal(all[i].from_name("no such word"), -EINVAL);
		assert_int_equal(all[i].from_name(NULL), -EINVAL);
	}
	assert_string_equal(lifecycle_state_name(LIFECYCLE_UNKNOWN), "unknown");
	assert_string_equal(lifecycle_cause_name(CAUSE_COUNT), "unknown");
}

static void every_refusal_goes_round(void **state)
{
#define ROW(symbol, word, number, code)                                                                                \
	assert_int_equal(error_to_refusal(BUS_ERROR_PREFIX word), symbol == REFUSED_NOT ? LIFECYCLE_LOCAL : (int)symbol);   \
	assert_int_equal(lifecycle_refusal_errno(symbol), number);                                                     \
	assert_int_equal(lifecycle_refusal_exit_code(symbol), code);
	REFUSALS(ROW)
#undef ROW
}

static void other_errors_are_told_by_what_they_mean(void **state)
{
	assert_int_equal(error_to_refusal("org.freedesktop.DBus.Error.ServiceUnknown"), LIFECYCLE_UNREACHABLE);
	assert_int_equal(error_to_refusal("org.freedesktop.DBus.Error.NoReply"), LIFECYCLE_NO_ANSWER);
	assert_int_equal(error_to_refusal("org.freedesktop.DBus.Error.AccessDenied"), LIFECYCLE_REFUSED_ACCESS);
	assert_int_equal(error_to_refusal(BUS_ERROR_PREFIX "FromTheFuture"), LIFECYCLE_LOCAL);
	assert_int_equal(error_to_refusal("com.example.Error.NoSuchVM"), LIFECYCLE_LOCAL);
	assert_int_equal(error_to_refusal(NULL), LIFECYCLE_LOCAL);
	assert_int_equal(lifecycle_refusal_exit_code(LIFECYCLE_UNREACHABLE), EXIT_NO_DAEMON);
	assert_int_equal(lifecycle_refusal_exit_code(LIFECYCLE_LOCAL), EXIT_FAILED);
	assert_int_equal(lifecycle_refusal_errno(LIFECYCLE_NO_ANSWER), ETIMEDOUT);
}

static void every_refusal_has_a_text_for_its_errno(void **state)
{
	for (int refusal = 1; lifecycle_refusal_from_name(lifecycle_refusal_name(refusal)) == refusal; refusal++) {
		const char *text = lifecycle_error_text(-lifecycle_refusal_errno(refusal));

		assert_string_equal(text, lifecycle_error_text(lifecycle_refusal_errno(refusal)));
		assert_string_not_equal(text, "unknown error");
	}
	assert_string_equal(lifecycle_error_text(-ESTALE), "that life is over");
	assert_string_equal(lifecycle_error_text(-EEXIST), "another VM has that name, UUID or FF-A id");
	assert_string_equal(lifecycle_error_text(-EPERM), "Operation not permitted");
	assert_string_equal(lifecycle_error_text(INT_MIN), lifecycle_error_text(0));
	assert_string_equal(lifecycle_error_text(123456), "unknown error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_refusal_has_a_text_for_its_errno),
		cmocka_unit_test(every_number_has_a_word_that_leads_back),
		cmocka_unit_test(every_refusal_goes_round),
		cmocka_unit_test(other_errors_are_told_by_what_they_mean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
