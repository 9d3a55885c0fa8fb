/* SPDX-License-Identifier: Apache-2.0 */

/* What outlives what: restarts, resets, and a death between any two stores. */

#include "fixture.h"

#include <stdlib.h>

#include "spmc/options.h"

static void a_restarted_sp_knows_nobody(void **unused)
{
	struct world *w = world_with("strict:0x8001:preempt=1", "strict:0x8002", NULL);

	send_message(w, 0x8001, 4, 4);
	ask(w, 0x8400006D, 0x80010000, 0, 0, 0, 0);
	assert_int_equal(created(w, 0x8002, 4), 0);
	world_restart_sp(w, 0);
	assert_int_equal(w->doorbells, 1);
	assert_int_equal(w->book->sp[0].generation, 2);
	assert_int_equal(w->book->sp[1].generation, 1);
	assert_int_equal(destroyed(w, 0x8001, 4), -2);
	assert_int_equal(destroyed(w, 0x8002, 4), 0);
	assert_int_equal(w->book->sp[0].logged, 3);
	world_end(w);
}

static void a_restart_forgets_the_open_call_and_the_work(void **unused)
{
	struct world *w = world_with("trusty:0x8001:preempt=1", NULL);

	send_message(w, 0x8001, 4, 4);
	world_restart_sp(w, 0);
	ask(w, 0x8400006D, 0x80010000, 0, 0, 0, 0);
	assert_error(-2);
	assert_int_equal(created(w, 0x8001, 4), -7);
	world_restart_sp(w, 0);
	assert_int_equal(world_next(w), WORLD_NEVER);
	world_end(w);
}

static void a_reset_is_another_instance(void **unused)
{
	static const uint8_t other[16] = { 2 };
	struct world *w = world_with("trusty:0x8001", "strict:0x8002", NULL);
	uint16_t tag = w->book->tag;

	assert_int_equal(created(w, 0x8001, 4), -7);
	assert_int_equal(created(w, 0x8002, 4), 0);
	world_restart_sp(w, 1);
	w->book->incarnation = 9;
	w->book->bitmap_of[4] = 1;
	world_reset(w, other);
	assert_memory_equal(w->book->instance, other, 16);
	assert_true(w->book->tag != tag);
	assert_int_equal(w->book->incarnation, 0);
	assert_int_equal(w->book->bitmap_of[4], 0);
	assert_int_equal(w->book->sp[1].generation, 1);
	assert_int_equal(w->book->sp[1].logged, 0);
	assert_int_equal(world_next(w), WORLD_NEVER);
	assert_int_equal(created(w, 0x8002, 4), 0);
	world_end(w);
}

/* The state byte is the truth. Whatever else a death left is found again. */
static void finds_again_what_is_derived(void **unused)
{
	struct world *w = world_with("trusty:0x8001:notifiers=1", "optee:0x8002", NULL);
	struct sp *sp = &w->book->sp[0];

	sp->vm[3] = (struct sp_vm){ .state = SP_VM_AVAILABLE, .objects = 0 };
	sp->vm[4] = (struct sp_vm){ .state = SP_VM_DESTROY_NOTIFYING, .objects = 1, .next = 99 };
	sp->vm[70] = (struct sp_vm){ .state = SP_VM_ABSENT, .objects = 1 };
	sp->vm[71] = (struct sp_vm){ .state = 200 };
	sp->pending = 1;
	sp->pending_vm = 3;
	sp->live = 77;
	sp->queued = 5;
	w->book->sp[1].vm[5] = (struct sp_vm){ .state = SP_VM_AVAILABLE, .objects = 2 };
	world_recover(w);
	assert_int_equal(sp->live, 2);
	assert_int_equal(sp->end, 5);
	assert_int_equal(sp->pending, 0);
	assert_int_equal(w->book->sp[1].live, 2);
	tick(w);
	assert_int_equal(destroyed(w, 0x8001, 4), 0);
	assert_int_equal(destroyed(w, 0x8001, 3), -7);
	world_end(w);
}

static void ends_a_restart_that_was_cut_short(void **unused)
{
	struct world *w = world_with("strict:0x8001", NULL);

	assert_int_equal(created(w, 0x8001, 4), 0);
	w->book->sp[0].restarting = 1;
	world_recover(w);
	assert_int_equal(w->book->sp[0].generation, 2);
	assert_int_equal(destroyed(w, 0x8001, 4), -2);
	world_end(w);
}

static void refuses_a_book_that_is_not_its_own(void **unused)
{
	struct world *w = world_with("strict:0x8001", "optee:0x8002", NULL);
	struct world *other = world_with("strict:0x8001", "trusty:0x8002", NULL);
	struct world *fewer = world_with("strict:0x8001", NULL);
	size_t size = world_size(2);
	const char *why = NULL;

	assert_int_equal(world_check(w->book, size, &w->config, &why), 0);
	assert_true(world_check(w->book, size, &other->config, &why) < 0);
	assert_true(world_check(w->book, size, &fewer->config, &why) < 0);
	assert_true(world_check(w->book, size - 1, &w->config, &why) < 0);
	assert_true(world_check(w->book, 4, &w->config, &why) < 0);
	w->book->version++;
	assert_true(world_check(w->book, size, &w->config, &why) < 0);
	w->book->version--;
	w->book->magic++;
	assert_true(world_check(w->book, size, &w->config, &why) < 0);
	assert_non_null(why);
	world_end(w);
	world_end(other);
	world_end(fewer);
}

static void reads_what_is_said_of_an_sp(void **unused)
{
	static const char *const bad[] = { "", "trusty", "trusty:", "foo:0x8001", "trusty:0x8000", "trusty:0x7fff",
		"trusty:0xffc0", "trusty:-1", "trusty:0x8001:", "trusty:0x8001:tick",
		"trusty:0x8001:tick=", "trusty:0x8001:tick=-1", "trusty:0x8001:tick=1x", "trusty:0x8001:doorbell=2",
		"trusty:0x8001:notifiers=256", "trusty:0x8001:subscribe=all", "trusty:0x8001:foo=1",
		"trusty:0x8001:capacity=65536" };
	struct world_config c = { 0 };
	struct complaint why;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why.text[0] = '\0';
		assert_true(options_add_sp(&c, bad[i], &why) < 0);
		assert_true(why.text[0]);
	}
	assert_int_equal(c.sp_count, 0);
	assert_int_equal(
		options_add_sp(&c, "trusty:32769:tick=0,notifiers=255,doorbell=0,capacity=7,stuck=1", &why), 0);
	assert_int_equal(c.sp[0].id, 0x8001);
	assert_int_equal(c.sp[0].tick_us, 0);
	assert_int_equal(c.sp[0].notifiers, 255);
	assert_false(c.sp[0].doorbell);
	assert_true(c.sp[0].stuck);
	assert_int_equal(c.sp[0].capacity, 7);
	assert_true(options_add_sp(&c, "optee:0x8001", &why) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_restarted_sp_knows_nobody),
		cmocka_unit_test(a_restart_forgets_the_open_call_and_the_work),
		cmocka_unit_test(a_reset_is_another_instance),
		cmocka_unit_test(finds_again_what_is_derived),
		cmocka_unit_test(ends_a_restart_that_was_cut_short),
		cmocka_unit_test(refuses_a_book_that_is_not_its_own),
		cmocka_unit_test(reads_what_is_said_of_an_sp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
