/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "main/daemon.h"
#include "manager.h"

#define PERIOD_US "40000" /* it looks every 10 ms */
#define PATIENCE  20000000000ull
#define A_WHILE   500000000ull

struct world {
	struct daemon daemon;
	bool stands; /* no turn is made */
};

/* ---- the engine's ports: what is stored is stored at once, and nobody is there ---- */

static int commit(void *store, const struct turn *turn)
{
	struct world *w = store;

	engine_committed(w->daemon.engine, turn->last_seq);
	return 0;
}

static bool wants_snapshot(void *store)
{
	return false;
}
static const struct store_ops store = { .commit = commit, .wants_snapshot = wants_snapshot };

static uint64_t monotonic(void *clock)
{
	return loop_monotonic();
}

static void wake_at(void *clock, uint64_t at)
{
}

static void soon(void *clock)
{
	struct world *w = clock;

	if (!w->stands)
		loop_soon(w->daemon.loop, &w->daemon.turn);
}
static const struct clock_ops times = { monotonic, monotonic, wake_at, soon };

static void turn(void *arg)
{
	struct world *w = arg;

	engine_wake(w->daemon.engine);
}

/* ---- */

/*
 * As many guests do together: whenever the watchdog looks, one was heard in this turn of the loop and not answered yet. Of a life
 * that is over: nothing is stored of it, and nothing is to be done.
 */
static void call(void *arg)
{
	struct world *w = arg;
	const struct input in = { .kind = IN_VMM_VCPU, .life = 99 };

	if (!w->stands || engine_is_idle(w->daemon.engine))
		assert_int_equal(engine_post(w->daemon.engine, &in), 0);
}

static int open_world(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct engine_ports ports = { .store = &store, .clock = &times, .store_arg = w, .clock_arg = w };
	const struct engine_config config = { .incarnation = 1 };
	struct loop_hook *hook;

	setenv("WATCHDOG_USEC", PERIOD_US, 1);
	unsetenv("WATCHDOG_PID");
	if (manager_open(state) < 0 || loop_new(&w->daemon.loop) < 0 || engine_new(&config, &ports, &w->daemon.engine) < 0)
		return -1;
	loop_task_init(&w->daemon.turn, turn, w);
	*state = w;
	return loop_hook_new(w->daemon.loop, call, w, &hook) < 0 ? -1 : engine_start(w->daemon.engine);
}

static int close_world(void **state)
{
	struct world *w = *state;

	loop_free(w->daemon.loop);
	engine_free(w->daemon.engine);
	free(w);
	return manager_close(state);
}

/* Until so many were told, or for so long. */
static unsigned signs_of_life(struct world *w, unsigned most, uint64_t time)
{
	uint64_t until = loop_monotonic() + time;
	unsigned count = 0;

	while (count < most && loop_monotonic() < until) {
		assert_int_equal(loop_turn(w->daemon.loop, false), 0);
		count += manager_count("WATCHDOG=1");
	}
	return count;
}

static void is_fed_while_guests_call_without_end(void **state)
{
	struct world *w = *state;

	assert_int_equal(watchdog_start(&w->daemon), 0);
	assert_int_equal(signs_of_life(w, 8, PATIENCE), 8);
}

static void is_not_fed_when_nothing_moves(void **state)
{
	struct world *w = *state;

	w->stands = true;
	assert_int_equal(watchdog_start(&w->daemon), 0);
	assert_in_range(signs_of_life(w, 8, A_WHILE), 0, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(is_fed_while_guests_call_without_end, open_world, close_world),
		cmocka_unit_test_setup_teardown(is_not_fed_when_nothing_moves, open_world, close_world),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
