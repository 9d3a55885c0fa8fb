/* SPDX-License-Identifier: Apache-2.0 */

/* FF-A calls as registers, one after another; single ones stand in tests/golden/ffa.txt. */

#include "fixture.h"

static void assert_registers(const uint64_t expected[8])
{
	for (int i = 0; i < 8; i++)
		assert_int_equal(answer[i], expected[i]);
	for (int i = 8; i < FFA_REGISTERS; i++)
		assert_int_equal(answer[i], 0);
}

static void a_preempted_call_is_open_until_it_is_run(void **unused)
{
	static const uint64_t interrupt[8] = { 0x84000062, 0x80010000 };
	static const uint64_t ack[8] = { 0x84000070, 0x80010000, 0x80000005 };
	struct world *w = world_with("optee:0x8001:preempt=1", NULL);

	ask(w, 0x8400006D, 0x80010000, 0, 0, 0, 0);
	assert_error(-2);
	send_message(w, 0x8001, 4, 5);
	assert_registers(interrupt);
	assert_int_equal(state_of(w, 0, 5), SP_VM_ABSENT);
	send_message(w, 0x8001, 4, 6);
	assert_error(-4);
	ask(w, 0x8400006D, 0x80010002, 0, 0, 0, 0);
	assert_error(-2);
	ask(w, 0x8400006D, 0x80010000, 0, 0, 0, 0);
	assert_registers(ack);
	assert_int_equal(state_of(w, 0, 5), SP_VM_AVAILABLE);
	ask(w, 0x8400006D, 0x80010000, 0, 0, 0, 0);
	assert_error(-2);
	world_end(w);
}

static void does_each_fault_for_so_many_requests_in_order(void **unused)
{
	struct world *w = world_with("optee:0x8001:yield=1,interrupted=1,busy=2,mute=1,abort=1", NULL);

	send_message(w, 0x8001, 4, 5);
	assert_error(-4);
	send_message(w, 0x8001, 4, 5);
	assert_error(-4);
	assert_int_equal(created(w, 0x8001, 5), -5);
	send_message(w, 0x8001, 4, 5);
	assert_error(-8);
	assert_int_equal(w->book->sp[0].generation, 2);
	send_message(w, 0x8001, 4, 5);
	assert_int_equal(answer[0], 0x8400006C);
	assert_int_equal(answer[1], 0x80010000);
	ask(w, 0x8400006D, 0x80010000, 0, 0, 0, 0);
	assert_int_equal(answer[0], 0x84000070);
	assert_false(ask(w, 0x8400006F, 0x8001, 0x80000004, 0, 0, 6));
	assert_int_equal(state_of(w, 0, 6), SP_VM_AVAILABLE);
	assert_int_equal(created(w, 0x8001, 7), 0);
	world_end(w);
}

static void refuses_what_no_receiver_may_see(void **unused)
{
	static const struct {
		uint32_t w1, w2;
	} bad[] = {
		{ 0x00008005, 0x80000004 }, /* no such SP */
		{ 0x00008000, 0x80000004 }, /* the SPMC itself */
		{ 0x00000005, 0x80000004 }, /* a VM */
		{ 0x00058001, 0x80000004 }, /* a guest's framework message */
		{ 0x80018001, 0x80000004 }, /* an SP's */
		{ 0x00008001, 0x80000104 }, /* bits 30:8 */
		{ 0x00008001, 0xC0000004 },
		{ 0x00008001, 0x00000004 }, /* not a framework message, and dirty */
		{ 0x80018001, 0x00000000 }, /* a partition message of an SP */
		{ 0x00008002, 0x80000006 }, /* not subscribed to that */
		{ 0x00008003, 0x80000004 },
	};
	struct world *w =
		world_with("strict:0x8001", "strict:0x8002:subscribe=created", "strict:0x8003:subscribe=destroyed", NULL);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ask(w, 0x8400006F, bad[i].w1, bad[i].w2, 0xFFFFFFFF, 0xFFFFFFFF, 5);
		assert_error(-2);
	}
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(w->book->sp[i].live, 0);
	assert_int_equal(created(w, 0x8002, 5), 0);
	assert_int_equal(destroyed(w, 0x8003, 5), 0);
	world_end(w);
}

static void tells_version_ids_and_features(void **unused)
{
	struct world *w = world_with("trusty:0x8001", NULL);

	ask(w, 0x84000063, 0x10002, 0, 0, 0, 0);
	assert_int_equal(answer[0], 0x10002);
	ask(w, 0x84000063, 0x10001, 0, 0, 0, 0);
	assert_int_equal(answer[0], 0x10002);
	ask(w, 0x84000063, 0x10003, 0, 0, 0, 0);
	assert_int_equal(answer[0], 0x10002);
	ask(w, 0x84000063, 0x20000, 0, 0, 0, 0);
	assert_int_equal(answer[0], 0xFFFFFFFF);
	ask(w, 0x84000063, 0x80010002, 0, 0, 0, 0);
	assert_int_equal(answer[0], 0xFFFFFFFF);
	ask(w, 0x84000069, 0, 0, 0, 0, 0);
	assert_int_equal(answer[0], 0x84000061);
	assert_int_equal(answer[2], 0);
	ask(w, 0x84000085, 0, 0, 0, 0, 0);
	assert_int_equal(answer[2], 0x8000);
	ask(w, 0x84000064, 0xC400008B, 0, 0, 0, 0);
	assert_int_equal(answer[0], 0x84000061);
	ask(w, 0x84000064, 0x84000071, 0, 0, 0, 0);
	assert_error(-1);
	ask(w, 0x84000071, 0, 0, 0, 0, 0);
	assert_error(-1);
	ask(w, 0xC400006F, 0x8001, 0x80000004, 0, 0, 5);
	assert_error(-1);
	world_end(w);
}

static void keeps_one_bitmap_a_vm(void **unused)
{
	struct world *w = world_with("optee:0x8001", "strict:0x8002", NULL);

	ask(w, 0x8400007D, 5, 1, 0, 0, 0);
	assert_error(-2);
	assert_int_equal(created(w, 0x8001, 5), 0);
	ask(w, 0x8400007D, 5, 1, 0, 0, 0);
	assert_int_equal(answer[0], 0x84000061);
	ask(w, 0x8400007D, 5, 1, 0, 0, 0);
	assert_error(-6);
	ask(w, 0x8400007E, 5, 0, 0, 0, 0);
	assert_int_equal(answer[0], 0x84000061);
	ask(w, 0x8400007E, 5, 0, 0, 0, 0);
	assert_error(-6);
	ask(w, 0x8400007D, 0, 1, 0, 0, 0);
	assert_error(-2);
	ask(w, 0x8400007D, 0x8001, 1, 0, 0, 0);
	assert_error(-2);
	ask(w, 0x8400007E, 0x18001, 1, 0, 0, 0);
	assert_error(-2);
	world_end(w);
}

/* What is pending keeps a bitmap; it is taken vCPU by vCPU, and what is for all by whoever asks first. */
static void a_bitmap_goes_once_nothing_is_pending(void **unused)
{
	struct world *w = world_with("strict:0x8001", NULL);
	struct vm_bitmap *b;

	ask(w, 0x8400007D, 5, 65, 0, 0, 0);
	assert_error(-2);
	ask(w, 0x8400007D, 5, 0, 0, 0, 0);
	assert_error(-2);
	ask(w, 0x84000082, 5, 1, 0, 0, 0); /* it has none */
	assert_error(-2);
	ask(w, 0x8400007D, 5, 2, 0, 0, 0);
	assert_int_equal(answer[0], 0x84000061);
	b = world_bitmap(w->book, 5);
	b->pending = 1ull << 40;
	b->pending_at[1] = 2;
	ask(w, 0x8400007E, 5, 0, 0, 0, 0);
	assert_error(-6);
	ask(w, 0x84000082, 2u << 16 | 5, 1, 0, 0, 0); /* a vCPU that there is not */
	assert_error(-2);
	ask(w, 0x84000082, 5, 2, 0, 0, 0); /* those of VMs are not here */
	assert_error(-2);
	ask(w, 0x84000082, 5, 5, 0, 0, 0);
	assert_int_equal(answer[0], 0x84000061);
	assert_int_equal(answer[2], 0);
	assert_int_equal(answer[3], 1u << 8);
	ask(w, 0x8400007E, 5, 0, 0, 0, 0);
	assert_error(-6);
	ask(w, 0x84000082, 1u << 16 | 5, 1, 0, 0, 0);
	assert_int_equal(answer[2], 2);
	ask(w, 0x8400007E, 5, 0, 0, 0, 0);
	assert_int_equal(answer[0], 0x84000061);
	world_end(w);
}

static void there_is_room_for_so_many_bitmaps(void **unused)
{
	struct world *w = world_with("strict:0x8001", NULL);

	for (uint32_t vm = 1; vm <= WORLD_BITMAPS; vm++) {
		ask(w, 0x8400007D, vm, 1, 0, 0, 0);
		assert_int_equal(answer[0], 0x84000061);
	}
	ask(w, 0x8400007D, 0x7000, 1, 0, 0, 0);
	assert_error(-3); /* NO_MEMORY */
	ask(w, 0x8400007E, 17, 0, 0, 0, 0);
	ask(w, 0x8400007D, 0x7000, 1, 0, 0, 0);
	assert_int_equal(answer[0], 0x84000061);
	world_end(w);
}

static void upper_halves_of_32_bit_calls_do_not_count(void **unused)
{
	struct world *w = world_with("optee:0x8001", NULL);

	ask(w, 0xFFFFFFFF8400006F, 0xABCD000000008001, 0xFFFFFFFF80000004, 0, 0, 0x1234567800000005);
	assert_int_equal(answer[0], 0x84000070);
	assert_int_equal(state_of(w, 0, 5), SP_VM_AVAILABLE);
	world_end(w);
}

static void remembers_what_it_was_asked(void **unused)
{
	struct world *w = world_with("trusty:0x8001:busy=1", NULL);
	const struct sp *sp = &w->book->sp[0];

	send_message(w, 0x8001, 4, 5);
	created(w, 0x8001, 5);
	tick(w);
	created(w, 0x8001, 5);
	destroyed(w, 0x8001, 6);
	assert_int_equal(sp->logged, 4);
	assert_int_equal(sp->log[0].form, SP_ERROR);
	assert_int_equal(sp->log[0].status, -4);
	assert_int_equal(sp->log[1].status, -7);
	assert_int_equal(sp->log[2].status, 0);
	assert_int_equal(sp->log[2].vm, 5);
	assert_int_equal(sp->log[2].message, 4);
	assert_int_equal(sp->log[3].vm, 6);
	assert_int_equal(sp->log[3].message, 6);
	assert_int_equal(sp->counts.created, 1);
	assert_int_equal(sp->counts.retry, 1);
	assert_int_equal(sp->counts.refused, 2);
	world_end(w);
}

/* A register is one of the telling values, or anything. */
static uint64_t some_value(uint64_t *seed)
{
	static const uint64_t values[] = { 0, 1, 5, 0x7FFF, 0x8001, 0x8002, 0x80010000, 0x80020000, 0x80000004, 0x80000006,
		0x8400006F, 0x8400006D, 0x84000068, 0x84000065, 0x8400007D, 0x8400007E, 0xC400008B, 0x84000064, 0xFFFFFFFF };

	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	if (*seed >> 62)
		return values[(*seed >> 32) % (sizeof(values) / sizeof(values[0]))];
	return *seed ^ *seed >> 29;
}

static void survives_any_registers(void **unused)
{
	struct world *w = world_with("trusty:0x8001:capacity=3", "optee:0x8002:preempt=9999,capacity=9", NULL);
	uint64_t seed = 1;

	for (int i = 0; i < 300000; i++) {
		uint64_t x[6];

		for (int r = 0; r < 6; r++)
			x[r] = some_value(&seed);
		assert_true(ask(w, x[0], x[1], x[2], x[3], x[4], x[5]));
		if (i % 16 == 0 && world_next(w) != WORLD_NEVER)
			tick(w);
		assert_true(w->book->sp[0].live <= 3 && w->book->sp[1].live <= 9);
	}
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_preempted_call_is_open_until_it_is_run),
		cmocka_unit_test(does_each_fault_for_so_many_requests_in_order),
		cmocka_unit_test(refuses_what_no_receiver_may_see),
		cmocka_unit_test(tells_version_ids_and_features),
		cmocka_unit_test(keeps_one_bitmap_a_vm),
		cmocka_unit_test(a_bitmap_goes_once_nothing_is_pending),
		cmocka_unit_test(there_is_room_for_so_many_bitmaps),
		cmocka_unit_test(upper_halves_of_32_bit_calls_do_not_count),
		cmocka_unit_test(remembers_what_it_was_asked),
		cmocka_unit_test(survives_any_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
