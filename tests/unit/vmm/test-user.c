/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/sandbox/user.h"

static void reads_a_user_and_its_groups(void **state)
{
	struct sandbox_user user;

	assert_int_equal(user_parse("1000:100", &user), 0);
	assert_true(user.is_asked_for);
	assert_int_equal(user.uid, 1000);
	assert_int_equal(user.gid, 100);
	assert_int_equal(user.group_count, 0);
	assert_int_equal(user_parse("0:0,4294967294,7", &user), 0);
	assert_int_equal(user.group_count, 2);
	assert_int_equal(user.group[0], 4294967294u);
	assert_int_equal(user.group[1], 7);
}

static void refuses_what_is_no_user(void **state)
{
	/* 4294967295 is -1, by which setresuid leaves everything as it is. */
	static const char *const wrong[] = { "", ":", "1", "1:", ":1", "-1:1", "1:-1", "4294967295:1", "1:4294967295",
		"1:1,4294967295", "1:1,", "1:1,,2", "1:1 ", " 1:1", "1:1;2", "root:root", "18446744073709551617:1" };
	struct sandbox_user user = { .uid = 5 };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(user_parse(wrong[i], &user), -EINVAL);
	assert_false(user.is_asked_for);
	assert_int_equal(user.uid, 5);
}

static void takes_as_many_groups_as_there_is_room_for(void **state)
{
	char text[512] = "1:1";
	struct sandbox_user user;

	for (unsigned i = 0; i < USER_GROUPS_MAX; i++)
		sprintf(text + strlen(text), ",%u", i);
	assert_int_equal(user_parse(text, &user), 0);
	assert_int_equal(user.group_count, USER_GROUPS_MAX);
	strcat(text, ",99");
	assert_int_equal(user_parse(text, &user), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_user_and_its_groups),
		cmocka_unit_test(refuses_what_is_no_user),
		cmocka_unit_test(takes_as_many_groups_as_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
