/* SPDX-License-Identifier: Apache-2.0 */
/* When a vCPU is said to have stalled, told step by step; time is that of its thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/arch/arch.h"
#include "vmm/machine.h"
#include "vmm/watch.h"

#define WINDOW 8000u /* an eighth of it is 1000 */

struct guest {
	struct watched watched;
	struct watch_sample now;
};

/* Its thread runs so long; and looks, if it is asked to. */
static enum watch_verdict runs(struct guest *g, uint64_t time, bool holds, uint64_t what)
{
	enum watch_verdict v;

	g->now.cpu += time;
	v = watch_step(&g->watched, WINDOW, &g->now);
	if (v != WATCH_LOOK)
		return v;
	g->now.looks++;
	g->now.holds = holds;
	g->now.what = what;
	return watch_step(&g->watched, WINDOW, &g->now);
}

static void stalls_after_its_time_and_not_before(void **state)
{
	struct guest g = { 0 };

	for (unsigned i = 0; i < 7; i++)
		assert_int_equal(runs(&g, WINDOW / 8, true, 32), WATCH_FINE);
	assert_int_equal(runs(&g, WINDOW / 8 - 1, true, 32), WATCH_FINE);
	assert_int_equal(g.now.looks, 7);
	assert_int_equal(runs(&g, 1, true, 32), WATCH_STALLED);
}

/* What a look found is seen a step later: that time counts for the next one. */
static void the_time_of_a_look_is_not_lost(void **state)
{
	struct guest g = { .now = { .holds = true, .what = 32 } };
	enum watch_verdict v = WATCH_FINE;
	unsigned steps = 0;

	for (; v != WATCH_STALLED; steps++) {
		assert_true(steps < 100);
		g.now.cpu += WINDOW / 16;
		v = watch_step(&g.watched, WINDOW, &g.now);
		g.now.looks += v == WATCH_LOOK;
	}
	assert_int_equal(steps, 17); /* the whole, and a step to see the last look */
	assert_int_equal(g.now.looks, WATCH_LOOKS);
}

/* However late the steps come: each stands for an eighth at most. */
static void a_step_that_comes_late_counts_once(void **state)
{
	struct guest g = { 0 };

	assert_int_equal(runs(&g, 100 * WINDOW, true, 32), WATCH_FINE);
	assert_int_equal(runs(&g, 100 * WINDOW, true, 32), WATCH_FINE);
	assert_int_equal(g.now.looks, 2);
}

static void one_that_does_not_run_is_not_looked_at(void **state)
{
	struct guest g = { 0 };

	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(runs(&g, 0, true, 32), WATCH_FINE);
	assert_int_equal(g.now.looks, 0);
}

static void an_exit_begins_anew(void **state)
{
	struct guest g = { 0 };

	for (unsigned i = 0; i < 100; i++) {
		for (unsigned k = 0; k < 7; k++)
			assert_int_equal(runs(&g, WINDOW / 8, true, 32), WATCH_FINE);
		g.now.exits++;
		assert_int_equal(runs(&g, WINDOW / 8, true, 32), WATCH_FINE);
	}
}

/* Also one that happens between the question and the look. */
static void an_exit_before_the_look_begins_anew(void **state)
{
	struct guest g = { .now.cpu = WINDOW };

	assert_int_equal(watch_step(&g.watched, WINDOW, &g.now), WATCH_LOOK);
	g.now.exits++;
	g.now.looks++;
	g.now.holds = true;
	assert_int_equal(watch_step(&g.watched, WINDOW, &g.now), WATCH_FINE);
	assert_int_equal(g.watched.held, 0);
	for (unsigned i = 0; i < 7; i++)
		assert_int_equal(runs(&g, WINDOW / 8, true, 32), WATCH_FINE);
	assert_int_equal(runs(&g, WINDOW / 8, true, 32), WATCH_STALLED);
}

static void interrupts_on_once_begin_anew(void **state)
{
	struct guest g = { 0 };

	for (unsigned i = 0; i < 800; i++)
		assert_int_equal(runs(&g, WINDOW / 8, i % 8 != 7, 32), WATCH_FINE);
}

static void another_interrupt_that_waits_is_progress(void **state)
{
	struct guest g = { 0 };

	for (unsigned i = 0; i < 800; i++)
		assert_int_equal(runs(&g, WINDOW / 8, true, i / 7), WATCH_FINE);
}

static void is_asked_once_until_it_has_looked(void **state)
{
	struct guest g = { .now.cpu = WINDOW };

	assert_int_equal(watch_step(&g.watched, WINDOW, &g.now), WATCH_LOOK);
	for (unsigned i = 0; i < 20; i++) {
		g.now.cpu += WINDOW;
		assert_int_equal(watch_step(&g.watched, WINDOW, &g.now), WATCH_FINE);
	}
}

/* ---- with a thread, which is this one ---- */

#define WINDOW_MS 80u

static struct machine machine;
static struct watch watch;
static uint64_t turns;
static unsigned kicks, ends;
static bool passes_over; /* it does not notice the kick */

void machine_kick_one(struct vcpu *v)
{
	kicks++;
	if (!passes_over)
		watch_look(v);
}

bool machine_end(struct machine *m, const struct vmm_end *end)
{
	ends++;
	assert_int_equal(end->cause, CAUSE_VCPU_STALL);
	assert_int_equal(end->detail[0], 0x1000);
	return true;
}

bool arch_holds_interrupt(struct vcpu *v, uint64_t *ret_what, uint64_t *ret_pc)
{
	*ret_what = 32;
	*ret_pc = 0x1000;
	return true;
}

static int begin(void **state)
{
	memset(&watch, 0, sizeof(watch));
	memset(&machine, 0, sizeof(machine));
	machine.definition.vcpu_stall_ms = WINDOW_MS;
	machine.vcpu_count = 1;
	machine.vcpu[0].machine = &machine;
	machine.vcpu[0].thread_id = gettid();
	kicks = ends = 0;
	passes_over = false;
	return 0;
}

static uint64_t thread_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void use_an_eighth(void)
{
	uint64_t until = thread_ms() + WINDOW_MS / WATCH_LOOKS + 1;

	while (thread_ms() < until)
		;
}

static void tick(void)
{
	turns += 1000000000;
	watch_tick(&watch, &machine, turns);
}

static void who_holds_an_interrupt_through_all_looks_is_ended(void **state)
{
	for (unsigned i = 0; i < WATCH_LOOKS; i++) {
		assert_int_equal(ends, 0);
		use_an_eighth();
		tick();
		assert_int_equal(kicks, i + 1);
		tick();
	}
	assert_int_equal(ends, 1);
}

/* As one does that comes from a pause, or is about to: else it would never be looked at again. */
static void who_passes_over_a_kick_is_kicked_again(void **state)
{
	passes_over = true;
	use_an_eighth();
	tick();
	tick();
	assert_int_equal(kicks, 2);
	assert_int_equal(machine.vcpu[0].look.looks, 0);
	passes_over = false;
	tick();
	assert_int_equal(kicks, 3);
	assert_int_equal(machine.vcpu[0].look.looks, 1);
	tick(); /* sees it */
	assert_int_equal(kicks, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stalls_after_its_time_and_not_before),
		cmocka_unit_test(the_time_of_a_look_is_not_lost),
		cmocka_unit_test(a_step_that_comes_late_counts_once),
		cmocka_unit_test(one_that_does_not_run_is_not_looked_at),
		cmocka_unit_test(an_exit_begins_anew),
		cmocka_unit_test(an_exit_before_the_look_begins_anew),
		cmocka_unit_test(interrupts_on_once_begin_anew),
		cmocka_unit_test(another_interrupt_that_waits_is_progress),
		cmocka_unit_test(is_asked_once_until_it_has_looked),
		cmocka_unit_test_setup(who_holds_an_interrupt_through_all_looks_is_ended, begin),
		cmocka_unit_test_setup(who_passes_over_a_kick_is_kicked_again, begin),
	};

	return cmocka_run_group_tests_name("vmm watch", tests, NULL, NULL);
}
