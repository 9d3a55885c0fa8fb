/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/loop.h"

struct world {
	struct loop *loop;
	int pair[2];
	struct loop_watch *watch, *other;
	struct loop_timer *timer[3];
	struct loop_task task;
	struct loop_hook *hook;
	char log[256];
	int count;
};

static void say(struct world *w, const char *word)
{
	size_t n = strlen(w->log);

	(void)snprintf(w->log + n, sizeof(w->log) - n, "%s ", word);
}

static int setup(void **state)
{
	static struct world w;

	memset(&w, 0, sizeof(w));
	assert_int_equal(loop_new(&w.loop), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, w.pair), 0);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	loop_free(w->loop);
	close(w->pair[0]);
	close(w->pair[1]);
	return 0;
}

static void on_ready(void *arg, int fd, unsigned events)
{
	struct world *w = arg;
	char byte;

	if (events & LOOP_READ && read(fd, &byte, 1) == 1)
		say(w, "read");
	if (events & LOOP_WRITE)
		say(w, "write");
}

static void tells_what_is_ready(void **state)
{
	struct world *w = *state;

	assert_int_equal(loop_watch(w->loop, w->pair[0], LOOP_READ, on_ready, w, &w->watch), 0);
	assert_int_equal(loop_turn(w->loop, false), 0);
	assert_string_equal(w->log, "");
	assert_int_equal(write(w->pair[1], "xy", 2), 2);
	assert_int_equal(loop_turn(w->loop, true), 0);
	assert_int_equal(loop_turn(w->loop, true), 0); /* level-triggered: the second byte */
	assert_string_equal(w->log, "read read ");
	assert_int_equal(loop_watch_change(w->watch, LOOP_WRITE), 0);
	assert_int_equal(loop_turn(w->loop, true), 0);
	assert_int_equal(loop_watch_change(w->watch, 0), 0);
	assert_int_equal(loop_turn(w->loop, false), 0);
	assert_string_equal(w->log, "read read write ");
	w->watch = loop_unwatch(w->watch);
	assert_null(loop_unwatch(NULL));
}

static void free_both(void *arg, int fd, unsigned events)
{
	struct world *w = arg;

	say(w, "freed");
	w->watch = loop_unwatch(w->watch);
	w->other = loop_unwatch(w->other);
}

/* Both are ready in one turn; whoever is called first frees both, the other must not be called. */
static void frees_inside_a_callback(void **state)
{
	struct world *w = *state;

	assert_int_equal(loop_watch(w->loop, w->pair[0], LOOP_WRITE, free_both, w, &w->watch), 0);
	assert_int_equal(loop_watch(w->loop, w->pair[1], LOOP_WRITE, free_both, w, &w->other), 0);
	assert_int_equal(loop_turn(w->loop, true), 0);
	assert_int_equal(loop_turn(w->loop, false), 0);
	assert_string_equal(w->log, "freed ");
}

static void due_first(void *arg)
{
	struct world *w = arg;

	say(w, "first");
	w->timer[0] = loop_timer_free(w->timer[0]); /* its own */
}

static void due_second(void *arg)
{
	say(arg, "second");
}

static void due_third(void *arg)
{
	struct world *w = arg;

	say(w, "third");
	loop_exit(w->loop, 7);
}

static void timers_come_in_order_and_once(void **state)
{
	struct world *w = *state;
	uint64_t now = loop_monotonic();

	assert_int_equal(loop_timer_new(w->loop, due_first, w, &w->timer[0]), 0);
	assert_int_equal(loop_timer_new(w->loop, due_second, w, &w->timer[1]), 0);
	assert_int_equal(loop_timer_new(w->loop, due_third, w, &w->timer[2]), 0);
	loop_timer_set(w->timer[2], now + 3000000);
	loop_timer_set(w->timer[1], now + 900000000000);
	loop_timer_set(w->timer[1], now + 2000000); /* moved */
	loop_timer_set(w->timer[0], 0);             /* long past */
	assert_int_equal(loop_run(w->loop), 7);
	assert_string_equal(w->log, "first second third ");
	assert_true(loop_monotonic() >= now + 3000000);
	loop_timer_set(w->timer[1], now);
	loop_timer_set(w->timer[1], LOOP_NEVER);
	assert_int_equal(loop_turn(w->loop, false), 0);
	assert_string_equal(w->log, "first second third ");
}

static void due_again(void *arg)
{
	struct world *w = arg;

	w->count++;
	loop_timer_set(w->timer[0], 1);
}

static void a_timer_set_for_the_past_does_not_hold_the_turn(void **state)
{
	struct world *w = *state;

	assert_int_equal(loop_timer_new(w->loop, due_again, w, &w->timer[0]), 0);
	loop_timer_set(w->timer[0], 1);
	assert_int_equal(loop_turn(w->loop, true), 0);
	assert_int_equal(w->count, 1);
	assert_int_equal(loop_turn(w->loop, true), 0);
	assert_int_equal(w->count, 2);
}

static void task_runs(void *arg)
{
	struct world *w = arg;

	say(w, "task");
	if (w->count++ == 0)
		loop_soon(w->loop, &w->task);
}

static void hook_runs(void *arg)
{
	say(arg, "hook");
}

static void deferred_runs(void *arg)
{
	say(arg, "deferred");
}

static void runs_hooks_then_tasks_once_a_turn(void **state)
{
	struct world *w = *state;

	loop_task_init(&w->task, task_runs, w);
	assert_int_equal(loop_hook_new(w->loop, hook_runs, w, &w->hook), 0);
	loop_soon(w->loop, &w->task);
	loop_soon(w->loop, &w->task); /* asked for twice: once */
	assert_int_equal(loop_defer(w->loop, deferred_runs, w), 0);
	assert_int_equal(loop_turn(w->loop, true), 0); /* must not wait */
	assert_string_equal(w->log, "hook task deferred ");
	assert_int_equal(loop_turn(w->loop, true), 0); /* what the task asked for is the next turn's */
	assert_string_equal(w->log, "hook task deferred hook task ");
	w->hook = loop_hook_free(w->hook);
	loop_soon(w->loop, &w->task);
	loop_task_cancel(&w->task);
	assert_int_equal(loop_turn(w->loop, false), 0);
	assert_string_equal(w->log, "hook task deferred hook task ");
	assert_int_equal(loop_defer(w->loop, deferred_runs, w), 0); /* never run: freed with the loop */
}

static void caught(void *arg, int signo)
{
	struct world *w = arg;

	w->count = signo;
}

static void a_signal_is_an_event(void **state)
{
	struct world *w = *state;

	assert_int_equal(loop_signal(w->loop, SIGUSR1, caught, w), 0);
	assert_int_equal(kill(getpid(), SIGUSR1), 0);
	while (!w->count)
		assert_int_equal(loop_turn(w->loop, true), 0);
	assert_int_equal(w->count, SIGUSR1);
}

struct job {
	struct world *world;
	pthread_t worker;
	int order;
};

static void job_work(void *arg)
{
	struct job *j = arg;

	j->worker = pthread_self();
}

static void job_done(void *arg)
{
	struct job *j = arg;

	assert_false(pthread_equal(j->worker, pthread_self()));
	j->order = ++j->world->count;
}

static void works_elsewhere_and_finishes_here_in_order(void **state)
{
	struct world *w = *state;
	struct job job[3] = { { .world = w }, { .world = w }, { .world = w } };

	for (int i = 0; i < 3; i++)
		assert_int_equal(loop_offload(w->loop, job_work, job_done, &job[i]), 0);
	while (w->count < 3)
		assert_int_equal(loop_turn(w->loop, true), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(job[i].order, i + 1);
}

static void waits_for_offloaded_work_when_it_goes(void **state)
{
	struct world w = { 0 };
	struct job job[2] = { { .world = &w }, { .world = &w } };

	assert_int_equal(loop_new(&w.loop), 0);
	assert_int_equal(loop_offload(w.loop, job_work, job_done, &job[0]), 0);
	assert_int_equal(loop_offload(w.loop, job_work, job_done, &job[1]), 0);
	w.loop = loop_free(w.loop);
	assert_null(w.loop);
	assert_int_equal(w.count, 2);
	assert_null(loop_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tells_what_is_ready, setup, teardown),
		cmocka_unit_test_setup_teardown(frees_inside_a_callback, setup, teardown),
		cmocka_unit_test_setup_teardown(timers_come_in_order_and_once, setup, teardown),
		cmocka_unit_test_setup_teardown(a_timer_set_for_the_past_does_not_hold_the_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(runs_hooks_then_tasks_once_a_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(a_signal_is_an_event, setup, teardown),
		cmocka_unit_test_setup_teardown(works_elsewhere_and_finishes_here_in_order, setup, teardown),
		cmocka_unit_test(waits_for_offloaded_work_when_it_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
