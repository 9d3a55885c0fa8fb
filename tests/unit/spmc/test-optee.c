/* SPDX-License-Identifier: Apache-2.0 */

/* What OP-TEE 4.10 answers as S-EL1 SPMC, as measured. */

#include "fixture.h"

#define SP 0x8002

static void accepts_a_creation_twice_as_two_objects(void **unused)
{
	struct world *w = world_with("optee:0x8002", NULL);

	assert_int_equal(created(w, SP, 5), 0);
	assert_int_equal(created(w, SP, 5), 0);
	assert_int_equal(w->book->sp[0].vm[5].objects, 2);
	assert_int_equal(destroyed(w, SP, 5), 0);
	assert_int_equal(state_of(w, 0, 5), SP_VM_AVAILABLE);
	assert_int_equal(destroyed(w, SP, 5), 0);
	assert_int_equal(state_of(w, 0, 5), SP_VM_ABSENT);
	world_end(w);
}

static void answers_every_destruction_with_0(void **unused)
{
	struct world *w = world_with("optee:0x8002", NULL);

	assert_int_equal(destroyed(w, SP, 5), 0);
	assert_int_equal(created(w, SP, 5), 0);
	assert_int_equal(destroyed(w, SP, 5), 0);
	assert_int_equal(destroyed(w, SP, 5), 0);
	assert_int_equal(w->book->sp[0].live, 0);
	world_end(w);
}

static void refuses_vm_0_and_denies_without_room(void **unused)
{
	struct world *w = world_with("optee:0x8002:capacity=2", NULL);

	assert_int_equal(created(w, SP, 0), -2);
	assert_int_equal(created(w, SP, 5), 0);
	assert_int_equal(created(w, SP, 5), 0);
	assert_int_equal(created(w, SP, 6), -6);
	assert_int_equal(destroyed(w, SP, 5), 0);
	assert_int_equal(created(w, SP, 6), 0);
	world_end(w);
}

static void takes_ids_from_7fff_on(void **unused)
{
	struct world *w = world_with("optee:0x8002", NULL);

	assert_int_equal(created(w, SP, 0x7FFF), 0);
	assert_int_equal(created(w, SP, 0xFFFF), 0);
	assert_int_equal(destroyed(w, SP, 0xFFFF), 0);
	assert_int_equal(w->book->sp[0].live, 1);
	world_end(w);
}

static void does_not_support_other_types(void **unused)
{
	static const uint32_t types[] = { 0, 5, 7, 0xA, 0xC };
	struct world *w = world_with("optee:0x8002", NULL);

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		send_message(w, SP, types[i], 5);
		assert_error(-1);
	}
	world_end(w);
}

static void serves_a_guest_from_created_to_destroyed(void **unused)
{
	struct world *w = world_with("optee:0x8002", NULL);

	ask(w, 0x8400006F, 0x00058002, 0, 1, 2, 3);
	assert_int_equal(answer[1], 0x80020005);
	assert_int_equal(answer[3], 0xFFFF0008);
	assert_int_equal(created(w, SP, 5), 0);
	ask(w, 0x8400006F, 0x00058002, 0, 1, 2, 3);
	assert_int_equal(answer[0], 0x84000070);
	assert_int_equal(answer[2], 0);
	assert_int_equal(answer[3], 1);
	assert_int_equal(answer[5], 3);
	assert_int_equal(destroyed(w, SP, 5), 0);
	ask(w, 0x8400006F, 0x00058002, 0, 1, 2, 3);
	assert_int_equal(answer[3], 0xFFFF0008);
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_a_creation_twice_as_two_objects),
		cmocka_unit_test(answers_every_destruction_with_0),
		cmocka_unit_test(refuses_vm_0_and_denies_without_room),
		cmocka_unit_test(takes_ids_from_7fff_on),
		cmocka_unit_test(does_not_support_other_types),
		cmocka_unit_test(serves_a_guest_from_created_to_destroyed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
