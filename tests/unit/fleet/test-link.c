/* SPDX-License-Identifier: Apache-2.0 */
/* A link beside the engine that it fills. */
#include "world.h"

static void what_a_vmm_says_waits_while_the_engine_is_behind(void **state)
{
	struct world *w = *state;
	size_t before;

	world_born(w, 7, "live");
	world_wait(w, IN_VMM_BUILT);
	before = w->engine.count;
	w->engine.behind = true;
	fleet_ops.command(w->fleet, (struct committed){ 100 }, 7, COMMAND_ENTER);
	for (unsigned i = 0; i < 10; i++) { /* there it is, and it is left alone */
		assert_int_equal(loop_turn(w->loop, true), 0);
		assert_int_equal(w->engine.count, before);
	}
	w->engine.behind = false;
	assert_int_equal(world_wait(w, IN_VMM_ENTERED)->life, 7);
	fleet_ops.command(w->fleet, (struct committed){ 101 }, 7, COMMAND_KILL);
	world_wait(w, IN_VMM_GONE);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_a_vmm_says_waits_while_the_engine_is_behind, world_setup, world_teardown),
	};

	if (argc != 2)
		return 2;
	fake_vmm = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
