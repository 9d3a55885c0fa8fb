/* SPDX-License-Identifier: Apache-2.0 */

/* SPs that are slow, and SPs that lie. */

#include "fixture.h"

#include <stdio.h>

#define ID 0x8001
#define RUN 0x8400006D

static struct world *hostile(const char *does)
{
	char text[64];

	snprintf(text, sizeof(text), "hostile:0x8001:does=%s", does);
	return world_with(text, NULL);
}

/* ---- slow ---- */

static void a_slow_answer_comes_later_and_holds_up_nobody(void **unused)
{
	struct world *w = world_with("slow:0x8001:delay=5000", "strict:0x8002", NULL);
	uint64_t x[FFA_REGISTERS], call = 0;

	w->call = 41;
	assert_false(ask(w, 0x8400006F, ID, 0x80000004, 0, 0, 5));
	assert_int_equal(w->book->sp[0].live, 0);
	assert_int_equal(created(w, 0x8002, 5), 0);
	send_message(w, ID, 4, 6);
	assert_error(-4);
	ask(w, RUN, 0x80010000, 0, 0, 0, 0);
	assert_error(-4);
	assert_false(world_answer(w, &call, x));
	assert_int_equal(world_next(w), w->monotonic + 5000000);
	tick(w);
	assert_int_equal(w->book->sp[0].live, 1);
	/* Until its answer is taken it is busy. */
	send_message(w, ID, 4, 6);
	assert_error(-4);
	assert_int_equal(world_next(w), WORLD_NEVER);
	assert_true(world_answer(w, &call, x));
	assert_int_equal(call, 41);
	assert_int_equal(x[0], 0x84000070);
	assert_int_equal(x[1], 0x80010000);
	assert_int_equal(x[2], 0x80000005);
	assert_int_equal(x[3], 0);
	assert_false(world_answer(w, &call, x));
	assert_false(ask(w, 0x8400006F, ID, 0x80000004, 0, 0, 6));
	world_end(w);
}

static void a_slow_sp_does_what_it_was_asked_by_one_who_is_gone(void **unused)
{
	struct world *w = world_with("slow:0x8001:delay=5000", NULL);
	uint64_t x[FFA_REGISTERS], call;

	assert_false(ask(w, 0x8400006F, ID, 0x80000004, 0, 0, 5));
	world_abandon(w);
	tick(w);
	assert_false(world_answer(w, &call, x));
	assert_int_equal(state_of(w, 0, 5), SP_VM_AVAILABLE);
	assert_false(ask(w, 0x8400006F, ID, 0x80000004, 0, 0, 6));
	tick(w);
	assert_true(world_answer(w, &call, x));
	world_end(w);
}

static void a_slow_sp_that_dies_says_so_at_once(void **unused)
{
	struct world *w = world_with("slow:0x8001:delay=5000", NULL);
	uint64_t x[FFA_REGISTERS], call;

	assert_false(ask(w, 0x8400006F, ID, 0x80000004, 0, 0, 5));
	world_restart_sp(w, 0);
	assert_true(world_answer(w, &call, x));
	assert_int_equal(x[0], 0x84000060);
	assert_int_equal((int32_t)x[2], -8);
	assert_int_equal(w->book->sp[0].live, 0);
	assert_int_equal(world_next(w), WORLD_NEVER);
	world_end(w);
}

static void faults_and_delays_go_together(void **unused)
{
	struct world *w = world_with("strict:0x8001:delay=10,preempt=1,mute=1", NULL);
	uint64_t x[FFA_REGISTERS], call;

	assert_false(ask(w, 0x8400006F, ID, 0x80000004, 0, 0, 5));
	tick(w);
	assert_true(world_answer(w, &call, x));
	assert_int_equal(x[0], 0x84000062);
	assert_false(ask(w, RUN, 0x80010000, 0, 0, 0, 0));
	tick(w);
	assert_true(world_answer(w, &call, x));
	assert_int_equal(x[0], 0x84000070);
	assert_false(ask(w, 0x8400006F, ID, 0x80000004, 0, 0, 6));
	tick(w);
	assert_false(world_answer(w, &call, x));
	assert_int_equal(state_of(w, 0, 6), SP_VM_AVAILABLE);
	world_end(w);
}

/* ---- hostile: a trick a test, 200 times ---- */

static void never_answers_0(void **unused)
{
	struct world *w = hostile("never-0");

	for (uint16_t vm = 1; vm <= 200; vm++)
		assert_true(created(w, ID, vm) != 0);
	world_end(w);
}

static void answers_with_a_wrong_type(void **unused)
{
	struct world *w = hostile("wrong-type");

	for (uint16_t vm = 1; vm <= 200; vm++) {
		send_message(w, ID, 4, vm);
		assert_int_equal(answer[0], 0x84000070);
		assert_int_equal(answer[1], 0x80010000);
		assert_int_equal(answer[2] & 0xFFFFFF00, 0x80000000);
		assert_true((answer[2] & 0xFF) != 5);
	}
	world_end(w);
}

static void answers_for_another_receiver(void **unused)
{
	struct world *w = hostile("wrong-ids");

	for (uint16_t vm = 1; vm <= 200; vm++) {
		send_message(w, ID, 4, vm);
		assert_int_equal(answer[1] >> 16, ID);
		assert_true((answer[1] & 0xFFFF) != 0);
	}
	world_end(w);
}

static void answers_as_another_sender(void **unused)
{
	struct world *w = hostile("wrong-sender");

	for (uint16_t vm = 1; vm <= 200; vm++) {
		send_message(w, ID, 4, vm);
		assert_true(answer[1] >> 16 != ID);
		assert_true(answer[1] & 0x80000000);
		assert_int_equal(answer[1] & 0xFFFF, 0);
	}
	world_end(w);
}

static void assert_goes_on_for_ever(const char *does, uint32_t how)
{
	struct world *w = hostile(does);

	send_message(w, ID, 4, 5);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(answer[0], how);
		assert_int_equal(answer[1], 0x80010000);
		assert_true(w->book->sp[0].open);
		ask(w, RUN, 0x80010000, 0, 0, 0, 0);
	}
	send_message(w, ID, 4, 6);
	assert_error(-4);
	world_end(w);
}

static void is_interrupted_for_ever(void **unused)
{
	assert_goes_on_for_ever("interrupt", 0x84000062);
}

static void yields_for_ever(void **unused)
{
	assert_goes_on_for_ever("yield", 0x8400006C);
}

/* A hash of a run of answers. */
static uint64_t run_of(const char *does, uint32_t seed)
{
	static const uint8_t instance[16] = { 1 };
	struct world *w = hostile(does);
	uint64_t hash = 0;

	w->config.seed = seed;
	memset(w->book, 0, world_size(1));
	world_reset(w, instance);
	for (uint16_t vm = 1; vm <= 200; vm++) {
		send_message(w, ID, 4, vm);
		for (int i = 0; i < FFA_REGISTERS; i++)
			hash = hash * UINT64_C(0x100000001B3) ^ answer[i];
		ask(w, RUN, 0x80010000, 0, 0, 0, 0);
	}
	world_end(w);
	return hash;
}

static void the_seed_alone_says_what_comes_next(void **unused)
{
	static const char *const does[] = { "mixture", "random", "never-0", "wrong-ids" };

	for (size_t i = 0; i < sizeof(does) / sizeof(does[0]); i++) {
		assert_true(run_of(does[i], 7) == run_of(does[i], 7));
		assert_true(run_of(does[i], 7) != run_of(does[i], 8));
	}
}

/* The mixture has some of all: honest answers, other forms, and registers that mean nothing. */
static void a_mixture_is_one(void **unused)
{
	struct world *w = hostile("mixture");
	int honest = 0, open = 0, garbage = 0, other = 0;

	for (uint16_t vm = 1; vm <= 400; vm++) {
		uint32_t function;

		if (w->book->sp[0].open)
			ask(w, 0x8400006D, 0x80010000, 0, 0, 0, 0);
		else
			send_message(w, ID, 4, vm);
		function = (uint32_t)answer[0];
		if (function == 0x84000070 && answer[1] == 0x80010000 && answer[2] == 0x80000005 && answer[3] == 0)
			honest++;
		else if (function == 0x84000062 || function == 0x8400006C)
			open++;
		else if (function == 0x84000070)
			other++;
		else
			garbage++;
	}
	assert_true(honest > 0 && other > 0 && garbage > 0 && open > 0);
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slow_answer_comes_later_and_holds_up_nobody),
		cmocka_unit_test(a_slow_sp_does_what_it_was_asked_by_one_who_is_gone),
		cmocka_unit_test(a_slow_sp_that_dies_says_so_at_once),
		cmocka_unit_test(faults_and_delays_go_together),
		cmocka_unit_test(never_answers_0),
		cmocka_unit_test(answers_with_a_wrong_type),
		cmocka_unit_test(answers_for_another_receiver),
		cmocka_unit_test(answers_as_another_sender),
		cmocka_unit_test(is_interrupted_for_ever),
		cmocka_unit_test(yields_for_ever),
		cmocka_unit_test(the_seed_alone_says_what_comes_next),
		cmocka_unit_test(a_mixture_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
