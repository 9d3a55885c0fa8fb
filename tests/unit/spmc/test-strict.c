/* SPDX-License-Identifier: Apache-2.0 */

#include "fixture.h"

#define SP 0x8003

static void refuses_what_is_sent_twice_and_goes_on(void **unused)
{
	struct world *w = world_with("strict:0x8003", NULL);

	assert_int_equal(destroyed(w, SP, 5), -2);
	assert_int_equal(created(w, SP, 5), 0);
	assert_int_equal(created(w, SP, 5), -2);
	assert_int_equal(destroyed(w, SP, 5), 0);
	assert_int_equal(destroyed(w, SP, 5), -2);
	assert_int_equal(created(w, SP, 5), 0);
	world_end(w);
}

static void denies_without_room(void **unused)
{
	struct world *w = world_with("strict:0x8003:capacity=1", NULL);

	assert_int_equal(created(w, SP, 5), 0);
	assert_int_equal(created(w, SP, 6), -6);
	world_end(w);
}

static void refuses_other_types(void **unused)
{
	struct world *w = world_with("strict:0x8003", NULL);

	send_message(w, SP, 8, 5);
	assert_error(-2);
	world_end(w);
}

static void told_of_ends_alone_it_takes_each(void **unused)
{
	struct world *w = world_with("strict:0x8003:subscribe=destroyed", NULL);

	assert_int_equal(destroyed(w, SP, 5), 0);
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_what_is_sent_twice_and_goes_on),
		cmocka_unit_test(denies_without_room),
		cmocka_unit_test(refuses_other_types),
		cmocka_unit_test(told_of_ends_alone_it_takes_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
