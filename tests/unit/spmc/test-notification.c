/* SPDX-License-Identifier: Apache-2.0 */

/* Notifications between VMs and SPs at the SPMC: who may bind and set what, and what the hypervisor is told of it. */

#include "fixture.h"

#include "spmc/command.h"

#define CREATE 0x8400007D
#define BIND   0x8400007F
#define UNBIND 0x84000080
#define SET    0x84000081
#define GET    0x84000082
#define INFO   0xC4000083
#define SP     0x8001u
#define OTHER  0x8002u

static struct world *world_of_two(uint32_t vcpus)
{
	struct world *w = world_with("strict:0x8001", "strict:0x8002", NULL);

	ask(w, CREATE, 5, vcpus, 0, 0, 0);
	assert_int_equal(answer[0], 0x84000061);
	return w;
}

static int32_t status(void)
{
	return answer[0] == 0x84000060 ? (int32_t)answer[2] : 0;
}

static int32_t call(struct world *w, uint64_t function, uint32_t ids, uint32_t flags, uint64_t bitmap)
{
	ask(w, function, ids, flags, (uint32_t)bitmap, bitmap >> 32, 0);
	return status();
}

static uint64_t get(struct world *w, uint32_t vcpu)
{
	assert_int_equal(call(w, GET, vcpu << 16 | 5, 1, 0), 0);
	return answer[3] << 32 | answer[2];
}

static void what_an_sp_sets_is_got_once(void **unused)
{
	struct world *w = world_of_two(2);
	const uint64_t bits = 1ull << 63 | 1;

	assert_int_equal(world_notify(w, 0, 5, WORLD_NOTIFY_GLOBAL, 1), FFA_DENIED);
	assert_int_equal(call(w, BIND, SP << 16 | 5, 0, bits), 0);
	assert_int_equal(call(w, BIND, SP << 16 | 5, 1, 2), 0);
	assert_false(w->rings);
	assert_int_equal(world_notify(w, 0, 5, WORLD_NOTIFY_GLOBAL, bits), FFA_OK);
	assert_int_equal(world_notify(w, 0, 5, 1, 2), FFA_OK);
	assert_true(w->rings);
	assert_int_equal(get(w, 0), bits);
	assert_int_equal(get(w, 1), 2);
	assert_int_equal(get(w, 1), 0);
	world_end(w);
}

static void wrong_ones_are_refused(void **unused)
{
	struct world *w = world_of_two(2);

	assert_int_equal(call(w, BIND, SP << 16 | 5, 0, 1), 0);
	assert_int_equal(call(w, BIND, OTHER << 16 | 5, 0, 1), FFA_DENIED);
	assert_int_equal(call(w, BIND, 0x8009u << 16 | 5, 0, 2), FFA_INVALID_PARAMETERS);
	assert_int_equal(call(w, BIND, SP << 16 | 6, 0, 2), FFA_INVALID_PARAMETERS);
	assert_int_equal(call(w, BIND, SP << 16 | 5, 2, 2), FFA_INVALID_PARAMETERS);
	assert_int_equal(call(w, BIND, SP << 16 | 5, 0, 0), FFA_INVALID_PARAMETERS);
	assert_int_equal(call(w, UNBIND, OTHER << 16 | 5, 0, 1), FFA_DENIED);
	assert_int_equal(world_notify(w, 1, 5, WORLD_NOTIFY_GLOBAL, 1), FFA_DENIED);
	assert_int_equal(world_notify(w, 0, 5, 0, 1), FFA_DENIED);
	assert_int_equal(world_notify(w, 0, 5, 2, 1), FFA_INVALID_PARAMETERS);
	assert_int_equal(world_notify(w, 0, 6, WORLD_NOTIFY_GLOBAL, 1), FFA_INVALID_PARAMETERS);
	assert_int_equal(world_notify(w, 0, 5, WORLD_NOTIFY_GLOBAL, 1), FFA_OK);
	assert_int_equal(call(w, UNBIND, SP << 16 | 5, 0, 1), FFA_DENIED); /* it is pending */
	assert_int_equal(get(w, 0), 1);
	assert_int_equal(call(w, UNBIND, SP << 16 | 5, 0, 1), 0);
	assert_int_equal(call(w, BIND, OTHER << 16 | 5, 0, 1), 0);
	world_end(w);
}

static void a_vm_sets_what_the_sp_bound_to_it(void **unused)
{
	struct world *w = world_of_two(1);

	assert_int_equal(call(w, SET, 5u << 16 | SP, 0, 4), FFA_DENIED);
	world_notified_by(w, 0, 5, 4);
	assert_int_equal(call(w, SET, 5u << 16 | SP, 0, 4), 0);
	assert_int_equal(w->book->sp[0].notified, 4);
	assert_int_equal(call(w, SET, 6u << 16 | SP, 0, 4), FFA_DENIED);
	assert_int_equal(call(w, SET, 5u << 16 | SP, 1, 4), FFA_DENIED);
	assert_int_equal(call(w, SET, 5u << 16 | SP, 4, 4), FFA_INVALID_PARAMETERS);
	assert_int_equal(call(w, SET, 5u << 16 | 0x8009, 0, 4), FFA_INVALID_PARAMETERS);
	world_restart_sp(w, 0);
	assert_int_equal(call(w, SET, 5u << 16 | SP, 0, 4), FFA_DENIED);
	world_end(w);
}

static void each_is_told_of_once(void **unused)
{
	struct world *w = world_of_two(8);

	assert_int_equal(call(w, INFO, 0, 0, 0), FFA_NO_DATA);
	assert_int_equal(call(w, BIND, SP << 16 | 5, 0, 1), 0);
	assert_int_equal(call(w, BIND, SP << 16 | 5, 1, 2), 0);
	assert_int_equal(world_notify(w, 0, 5, WORLD_NOTIFY_GLOBAL, 1), FFA_OK);
	ask(w, INFO, 0, 0, 0, 0, 0);
	assert_int_equal(answer[0], 0xC4000061);
	assert_int_equal(answer[2], 1u << 7);
	assert_int_equal(answer[3], 5);
	assert_int_equal(call(w, INFO, 0, 0, 0), FFA_NO_DATA);
	for (int32_t i = 0; i < 8; i += 2)
		assert_int_equal(world_notify(w, 0, 5, i, 2), FFA_OK);
	ask(w, INFO, 0, 0, 0, 0, 0);
	assert_int_equal(answer[2], 1u << 14 | 3u << 12 | 2u << 7); /* two lists: of three vCPUs, and of one */
	assert_int_equal(answer[3], 4ull << 48 | 2ull << 32 | 0ull << 16 | 5);
	assert_int_equal(answer[4], 6ull << 16 | 5);
	assert_int_equal(world_notify(w, 0, 5, 3, 2), FFA_OK);
	assert_int_equal(get(w, 3), 3); /* what was got is not told of */
	assert_int_equal(call(w, INFO, 0, 0, 0), FFA_NO_DATA);
	world_end(w);
}

static void what_does_not_fit_is_told_of_next_time(void **unused)
{
	struct world *w = world_of_two(64);
	unsigned told = 0;
	bool more = true;

	assert_int_equal(call(w, BIND, SP << 16 | 5, 1, 1), 0);
	for (int32_t i = 0; i < 64; i++)
		assert_int_equal(world_notify(w, 0, 5, i, 1), FFA_OK);
	while (more) {
		ask(w, 0x84000083, 0, 0, 0, 0, 0);
		assert_int_equal(answer[0], 0x84000061);
		for (unsigned i = 0; i < (answer[2] >> 7 & 31); i++)
			told += answer[2] >> (12 + 2 * i) & 3;
		more = answer[2] & 1;
	}
	assert_int_equal(told, 64);
	assert_int_equal(call(w, 0x84000083, 0, 0, 0), FFA_NO_DATA);
	world_end(w);
}

static void an_sp_is_told_to_by_a_command(void **unused)
{
	struct world *w = world_of_two(1);
	struct command_answer said;

	assert_int_equal(call(w, BIND, SP << 16 | 5, 0, 1), 0);
	assert_int_equal(command_do(w, 0, "notification 0x8001 5 set 1", &said), 0);
	assert_int_equal(get(w, 0), 1);
	assert_true(command_do(w, 0, "notification 0x8001 5 set 1 0", &said) < 0);
	assert_non_null(strstr(said.text, "denied: "));
	assert_true(command_do(w, 0, "notification 0x8001 6 set 1", &said) < 0);
	assert_non_null(strstr(said.text, "invalid-parameters: "));
	assert_int_equal(command_do(w, 0, "notification 0x8001 5 bind 0x10", &said), 0);
	assert_int_equal(call(w, SET, 5u << 16 | SP, 0, 16), 0);
	static const char *const wrong[] = { "notification 0x8001 5 set", "notification 0x8001 5 set x", "notification 0x8001 0 set 1",
		"notification 0x8001 5 take 1", "notification 0x8001 5 set 1 x", "notification 0x8009 5 set 1" };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_true(command_do(w, 0, wrong[i], &said) < 0);
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_an_sp_sets_is_got_once),
		cmocka_unit_test(wrong_ones_are_refused),
		cmocka_unit_test(a_vm_sets_what_the_sp_bound_to_it),
		cmocka_unit_test(each_is_told_of_once),
		cmocka_unit_test(what_does_not_fit_is_told_of_next_time),
		cmocka_unit_test(an_sp_is_told_to_by_a_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
