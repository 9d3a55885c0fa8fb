/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What was measured of three real secure worlds, a row a test: OP-TEE 4.10 as its own SPMC (A), behind TF-A's EL3 SPMC (B)
 * and behind Hafnium (C).
 */

#include "fixture.h"

#define ID 0x8001
#define REQ 0x8400006F
#define REQ_64 0xC400006F
#define CREATED 0x80000004
#define SIGNED(status) ((uint64_t)(int64_t)(status))

static struct world *a(void)
{
	return world_with("optee-spmc:0x8001", NULL);
}

static struct world *b(void)
{
	return world_with("optee-el3:0x8001", NULL);
}

static struct world *c(void)
{
	return world_with("optee-hafnium:0x8001", NULL);
}

static struct world *(*const worlds[])(void) = { a, b, c };

#define FOR_EACH_WORLD(w) for (int n = 0; n < 3; n++) for (struct world *w = worlds[n](); w; world_end(w), w = NULL)

/* An error, whatever is left in the registers that it does not use. */
static void assert_status(int32_t status)
{
	assert_int_equal(answer[0], 0x84000060);
	assert_int_equal((int32_t)answer[2], status);
}

static void assert_response(uint32_t ids, uint32_t type, int32_t status)
{
	assert_int_equal(answer[0], 0x84000070);
	assert_int_equal(answer[1], ids);
	assert_int_equal(answer[2], 0x80000000u | type);
	assert_int_equal((int32_t)answer[3], status);
}

static void version_1_2_gets_their_own(void **unused)
{
	static const uint64_t versions[] = { 0x10002, 0x10002, 0x10003 };

	FOR_EACH_WORLD(w) {
		ask(w, 0x84000063, 0x10002, 0, 0, 0, 0);
		assert_int_equal(answer[0], versions[n]);
		/* The EL3 SPMC leaves the request in w1. */
		assert_int_equal(answer[1], n == 1 ? 0x10002 : 0);
	}
}

static void hafnium_stays_with_the_version_that_was_asked_for(void **unused)
{
	struct world *w = c();

	ask(w, 0x84000063, 0x10001, 0, 0, 0, 0);
	assert_int_equal(answer[0], 0x10003);
	ask(w, 0x84000063, 0x10002, 0, 0, 0, 0);
	assert_int_equal(answer[0], 0x10003);
	ask(w, 0x84000069, 0, 0, 0, 0, 0);
	ask(w, 0x84000063, 0x10001, 0, 0, 0, 0);
	assert_int_equal(answer[0], 0xFFFFFFFF);
	ask(w, 0x84000063, 0x10002, 0, 0, 0, 0);
	assert_int_equal(answer[0], 0x10003);
	ask(w, 0x84000063, 0x10004, 0, 0, 0, 0);
	assert_int_equal(answer[0], 0xFFFFFFFF);
	world_end(w);
}

/* Hafnium before v1.2; the others say their own version, and leave it to the caller. */
static void an_older_hafnium_refuses_a_higher_minor(void **unused)
{
	FOR_EACH_WORLD(w) {
		w->config.version = 0x10001;
		ask(w, 0x84000063, 0x10002, 0, 0, 0, 0);
		assert_int_equal((uint32_t)answer[0], n == 2 ? 0xFFFFFFFF : 0x10001);
		ask(w, 0x84000063, 0x10001, 0, 0, 0, 0);
		assert_int_equal(answer[0], 0x10001);
	}
}

static void partition_info_in_registers_is_hafniums_alone(void **unused)
{
	FOR_EACH_WORLD(w) {
		ask(w, 0x84000064, 0xC400008B, 0, 0, 0, 0);
		if (n == 2)
			assert_int_equal(answer[0], 0x84000061);
		else
			assert_status(-1);
		ask(w, 0xC400008B, 0, 0, 0, 0, 0);
		if (n == 2)
			assert_int_equal(answer[2] >> 48, 48);
		else
			assert_status(-1);
		ask(w, 0x84000068, 0, 0, 0, 0, 1);
		assert_int_equal(answer[2], 1);
		assert_int_equal(answer[3], n == 2 ? 48 : 24);
	}
}

static void properties_are_as_measured(void **unused)
{
	struct world *w = a();

	assert_int_equal(sp_properties(w, 0), 0x1C3);
	world_end(w);
	w = c();
	assert_int_equal(sp_properties(w, 0), 0x1C9);
	world_end(w);
}

static void created_twice_makes_two_objects(void **unused)
{
	FOR_EACH_WORLD(w) {
		assert_int_equal(created(w, ID, 5), 0);
		assert_int_equal(created(w, ID, 5), 0);
		assert_int_equal(w->book->sp[0].vm[5].objects, 2);
	}
}

static void created_without_room_is_denied(void **unused)
{
	FOR_EACH_WORLD(w) {
		w->config.sp[0].capacity = 1;
		assert_int_equal(created(w, ID, 5), 0);
		assert_int_equal(created(w, ID, 6), -6);
	}
}

static void vm_0_is_refused(void **unused)
{
	FOR_EACH_WORLD(w)
		assert_int_equal(created(w, ID, 0), -2);
}

static void destroyed_is_0_for_all(void **unused)
{
	FOR_EACH_WORLD(w) {
		assert_int_equal(created(w, ID, 5), 0);
		assert_int_equal(destroyed(w, ID, 5), 0);
		assert_int_equal(destroyed(w, ID, 5), 0);
		assert_int_equal(destroyed(w, ID, 77), 0);
	}
}

static void an_unknown_sp_is_an_invalid_parameter(void **unused)
{
	FOR_EACH_WORLD(w) {
		ask(w, REQ, 0x8009, CREATED, 0, 0, 5);
		assert_int_equal(answer[0], 0x84000060);
		assert_int_equal(answer[2], n == 1 ? SIGNED(-2) : 0xFFFFFFFE);
	}
}

static void optee_as_spmc_takes_what_is_sent_to_the_spmc(void **unused)
{
	FOR_EACH_WORLD(w) {
		ask(w, REQ, 0x8000, CREATED, 0, 0, 5);
		if (n == 0)
			assert_response(0x80000000, 5, 0);
		else
			assert_status(-2);
		assert_int_equal(w->book->sp[0].live, n == 0);
	}
}

static void a_vm_as_sender_is_accepted_and_mirrored(void **unused)
{
	FOR_EACH_WORLD(w) {
		ask(w, REQ, 0x00078001, CREATED, 0, 0, 5);
		assert_response(0x80010007, 5, 0);
	}
}

/* Neither Hafnium nor the EL3 SPMC looks at the sender of these messages, whoever is behind them; our own SPMC does. */
static void the_sender_is_the_concern_of_the_spmc(void **unused)
{
	static const struct {
		const char *sp;
		bool taken;
	} rows[] = {
		{ "optee-spmc:0x8001", true },
		{ "optee-el3:0x8001", true },
		{ "optee-hafnium:0x8001", true },
		{ "hafnium:0x8001", true },
		{ "el3:0x8001", true },
		{ "trusty:0x8001", false },
		{ "strict:0x8001", false },
		{ "slow:0x8001:delay=0", false },
		{ "hostile:0x8001:does=mixture", false },
	};

	assert_int_equal(sizeof(rows) / sizeof(rows[0]), PERSONALITY_COUNT);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		/* Among SPs of another kind, each is behind its own SPMC. */
		struct world *w = world_with(rows[i].sp, rows[i].taken ? "strict:0x8002" : "hafnium:0x8002", NULL);

		for (uint32_t type = 4; type <= 6; type += 2) {
			ask(w, REQ, 0x00078001, 0x80000000u | type, 0, 0, 5);
			if (rows[i].taken)
				assert_response(0x80010007, type + 1, 0);
			else
				assert_status(-2);
			assert_int_equal(w->book->sp[0].live, rows[i].taken && type == 4);
		}
		world_end(w);
	}
}

static void the_64_bit_form_is_accepted(void **unused)
{
	FOR_EACH_WORLD(w) {
		ask(w, REQ_64, ID, CREATED, 0, 0, 5);
		assert_int_equal(answer[0], 0xC4000070);
		assert_int_equal(answer[3], 0);
		assert_int_equal(w->book->sp[0].live, 1);
	}
}

static void dirty_registers_and_high_ids_are_accepted(void **unused)
{
	FOR_EACH_WORLD(w) {
		ask(w, REQ, ID, CREATED, 1, 2, 0xABCD7FFF);
		assert_response(0x80010000, 5, 0);
		assert_int_equal(state_of(w, 0, 0x7FFF), SP_VM_AVAILABLE);
		assert_int_equal(created(w, ID, 0xFFFF), 0);
	}
}

static void bit_8_of_w2_is_the_el3_spmcs_concern(void **unused)
{
	FOR_EACH_WORLD(w) {
		ask(w, REQ, ID, CREATED | 0x100, 0, 0, 5);
		if (n == 1)
			assert_status(-2);
		else
			assert_response(0x80010000, 5, 0);
	}
}

static void other_types_are_refused(void **unused)
{
	static const uint32_t types[] = { 5, 7, 0, 0xA, 0xC };

	FOR_EACH_WORLD(w)
		for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
			send_message(w, ID, types[i], 5);
			assert_status(n == 2 ? -2 : -1);
		}
}

static void type_8_is_answered_but_not_through_hafnium(void **unused)
{
	FOR_EACH_WORLD(w) {
		send_message(w, ID, 8, 5);
		if (n == 2)
			assert_status(-2);
		else
			assert_response(0x80010000, 9, 0x10002);
	}
}

static void hafnium_asks_who_subscribed_to_each_kind(void **unused)
{
	FOR_EACH_WORLD(w) {
		w->config.sp[0].subscribed = FFA_PROP_VM_CREATED;
		send_message(w, ID, 4, 5);
		assert_response(0x80010000, 5, 0);
		send_message(w, ID, 6, 5);
		if (n == 2)
			assert_status(-2);
		else
			assert_response(0x80010000, 7, 0);
	}
}

/* Hafnium lets nothing through to who did not subscribe; the other two ask OP-TEE. */
static void without_virtualization_there_are_no_vms(void **unused)
{
	FOR_EACH_WORLD(w) {
		w->config.sp[0].virtualization = false;
		assert_int_equal(sp_properties(w, 0) & 0xC0, 0);
		for (uint32_t type = 4; type <= 6; type += 2) {
			send_message(w, ID, type, 5);
			assert_status(n == 2 ? -2 : -1);
		}
		assert_int_equal(w->book->sp[0].live, 0);
	}
}

static void run_of_an_idle_sp_is_refused_or_the_end_of_its_cpu(void **unused)
{
	FOR_EACH_WORLD(w) {
		bool answered = ask(w, 0x8400006D, 0x80010000, 0, 0, 0, 0);

		assert_int_equal(answered, n == 0);
		assert_int_equal(w->book->sp[0].panicked, n != 0);
		if (n == 0)
			assert_status(-2);
		/* From then on nobody gets an answer. */
		assert_int_equal(ask(w, REQ, ID, CREATED, 0, 0, 5), n == 0);
		assert_int_equal(ask(w, 0x8400006D, 0x80010000, 0, 0, 0, 0), n == 0);
		assert_int_equal(w->book->sp[0].live, n == 0);
		world_restart_sp(w, 0);
		assert_int_equal(created(w, ID, 6), 0);
	}
}

static void run_of_an_open_call_goes_on_with_it(void **unused)
{
	FOR_EACH_WORLD(w) {
		w->config.sp[0].faults[SP_FAULT_PREEMPT] = 1;
		send_message(w, ID, 4, 5);
		assert_int_equal(answer[0], 0x84000062);
		ask(w, 0x8400006D, 0x80010000, 0, 0, 0, 0);
		assert_response(0x80010000, 5, 0);
		assert_false(w->book->sp[0].panicked);
	}
}

static void optee_as_spmc_makes_bitmaps_for_vms_it_knows(void **unused)
{
	struct world *w = a();

	ask(w, 0x8400007D, 5, 1, 0, 0, 0);
	assert_status(-2);
	assert_int_equal(created(w, ID, 5), 0);
	ask(w, 0x8400007D, 5, 1, 0, 0, 0);
	assert_int_equal(answer[0], 0x84000061);
	ask(w, 0x8400007D, 5, 1, 0, 0, 0);
	assert_status(-6);
	for (int i = 0; i < 2; i++) {
		ask(w, 0x8400007E, 5, 0, 0, 0, 0);
		assert_int_equal(answer[0], 0x84000061);
	}
	world_end(w);
}

static void the_el3_spmc_has_no_notifications(void **unused)
{
	struct world *w = b();

	assert_int_equal(created(w, ID, 5), 0);
	ask(w, 0x8400007D, 5, 1, 0, 0, 0);
	assert_status(-1);
	ask(w, 0x8400007E, 5, 0, 0, 0, 0);
	assert_status(-1);
	world_end(w);
}

static void hafnium_makes_bitmaps_for_any_vm(void **unused)
{
	struct world *w = c();

	ask(w, 0x8400007D, 5, 1, 0, 0, 0);
	assert_int_equal(answer[0], 0x84000061);
	ask(w, 0x8400007D, 5, 1, 0, 0, 0);
	assert_status(-6);
	ask(w, 0x8400007E, 5, 0, 0, 0, 0);
	assert_int_equal(answer[0], 0x84000061);
	ask(w, 0x8400007E, 5, 0, 0, 0, 0);
	assert_status(-6);
	world_end(w);
}

static void an_error_leaves_the_callers_registers(void **unused)
{
	FOR_EACH_WORLD(w) {
		uint64_t x[FFA_REGISTERS];

		for (int i = 0; i < FFA_REGISTERS; i++)
			x[i] = 0xAA00 + (uint64_t)i;
		x[0] = REQ;
		x[1] = 0x8009;
		assert_true(world_call(w, (struct world_time){ 0 }, x));
		assert_int_equal(x[0], 0x84000060);
		assert_int_equal((int32_t)x[2], -2);
		assert_int_equal(x[3], 0);
		assert_int_equal(x[9], 0xAA09);
		assert_int_equal(x[17], 0xAA11);
	}
}

/* In a world of several kinds each SP keeps the manners of its own SPMC. */
static void each_sp_keeps_its_own_spmc(void **unused)
{
	struct world *w = world_with("optee-spmc:0x8001", "optee-el3:0x8002", "optee-hafnium:0x8003", NULL);

	ask(w, 0xC400008B, 0, 0, 0, 0, 0);
	assert_int_equal(answer[2] >> 48, 24);
	ask(w, REQ, 0x8001, CREATED | 0x100, 0, 0, 5);
	assert_int_equal(answer[0], 0x84000070);
	ask(w, REQ, 0x8002, CREATED | 0x100, 0, 0, 5);
	assert_int_equal(answer[2], SIGNED(-2));
	ask(w, REQ, 0x8009, CREATED, 0, 0, 5);
	assert_int_equal(answer[2], 0xFFFFFFFE);
	send_message(w, 0x8003, 8, 5);
	assert_status(-2);
	w->config.spmc = WORLD_SPMC_HAFNIUM;
	send_message(w, 0x8001, 8, 5);
	assert_status(-2);
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_1_2_gets_their_own),
		cmocka_unit_test(hafnium_stays_with_the_version_that_was_asked_for),
		cmocka_unit_test(an_older_hafnium_refuses_a_higher_minor),
		cmocka_unit_test(partition_info_in_registers_is_hafniums_alone),
		cmocka_unit_test(properties_are_as_measured),
		cmocka_unit_test(created_twice_makes_two_objects),
		cmocka_unit_test(created_without_room_is_denied),
		cmocka_unit_test(vm_0_is_refused),
		cmocka_unit_test(destroyed_is_0_for_all),
		cmocka_unit_test(an_unknown_sp_is_an_invalid_parameter),
		cmocka_unit_test(optee_as_spmc_takes_what_is_sent_to_the_spmc),
		cmocka_unit_test(a_vm_as_sender_is_accepted_and_mirrored),
		cmocka_unit_test(the_sender_is_the_concern_of_the_spmc),
		cmocka_unit_test(the_64_bit_form_is_accepted),
		cmocka_unit_test(dirty_registers_and_high_ids_are_accepted),
		cmocka_unit_test(bit_8_of_w2_is_the_el3_spmcs_concern),
		cmocka_unit_test(other_types_are_refused),
		cmocka_unit_test(type_8_is_answered_but_not_through_hafnium),
		cmocka_unit_test(hafnium_asks_who_subscribed_to_each_kind),
		cmocka_unit_test(without_virtualization_there_are_no_vms),
		cmocka_unit_test(run_of_an_idle_sp_is_refused_or_the_end_of_its_cpu),
		cmocka_unit_test(run_of_an_open_call_goes_on_with_it),
		cmocka_unit_test(optee_as_spmc_makes_bitmaps_for_vms_it_knows),
		cmocka_unit_test(the_el3_spmc_has_no_notifications),
		cmocka_unit_test(hafnium_makes_bitmaps_for_any_vm),
		cmocka_unit_test(an_error_leaves_the_callers_registers),
		cmocka_unit_test(each_sp_keeps_its_own_spmc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
