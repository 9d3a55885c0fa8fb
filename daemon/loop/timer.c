/* SPDX-License-Identifier: Apache-2.0 */

/*
 * All timers share one timerfd on CLOCK_MONOTONIC: it stands while the host sleeps, so that no deadline passes before the
 * party that it is for has had its time; and it is one for the whole boot, so that a log may hold it. It is
 * told the earliest one, at most once a turn.
 */

#include "loop/internal.h"

#include <errno.h>
#include <sys/timerfd.h>

#include "base/cleanup.h"

struct loop_timer {
	struct loop_corpse corpse;
	struct list node;
	struct heap_node wait;
	struct loop *loop;
	loop_call_fn *due;
	void *arg;
};

/* A timer that sets itself again for the past comes again in the next turn, not in this. */
static void run_due(struct timers *t)
{
	uint64_t now = loop_monotonic();
	struct heap_node *first;

	for (size_t most = t->heap.count; most > 0; most--) {
		struct loop_timer *timer;

		first = heap_first(&t->heap);
		if (!first || first->at > now)
			return;
		timer = container_of(first, struct loop_timer, wait);
		heap_remove(&t->heap, &timer->wait);
		timer->due(timer->arg);
	}
}

static void timerfd_ready(void *arg, int fd, unsigned events)
{
	struct loop *l = arg;
	uint64_t times;

	if (read(fd, &times, sizeof(times)) < 0)
		return;
	l->timers.armed_for = LOOP_NEVER;
	run_due(&l->timers);
}

void timers_arm(struct loop *l)
{
	struct heap_node *first = heap_first(&l->timers.heap);
	uint64_t at = first ? first->at : LOOP_NEVER;
	struct itimerspec when = { 0 };

	if (at == l->timers.armed_for)
		return;
	if (at != LOOP_NEVER) {
		when.it_value.tv_sec = (time_t)(at / 1000000000u);
		when.it_value.tv_nsec = at ? (long)(at % 1000000000u) : 1; /* all zero would stop it */
	}
	if (timerfd_settime(l->timers.fd, TFD_TIMER_ABSTIME, &when, NULL) == 0)
		l->timers.armed_for = at;
}

int timers_init(struct loop *l)
{
	struct timers *t = &l->timers;

	t->armed_for = LOOP_NEVER;
	t->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (t->fd < 0)
		return -errno;
	return loop_watch(l, t->fd, LOOP_READ, timerfd_ready, l, &t->watch);
}

void timers_fini(struct loop *l)
{
	while (!list_is_empty(&l->timers_alive))
		loop_timer_free(container_of(l->timers_alive.next, struct loop_timer, node));
	l->timers.watch = loop_unwatch(l->timers.watch);
	close_fdp(&l->timers.fd);
	heap_free(&l->timers.heap);
}

int loop_timer_new(struct loop *l, loop_call_fn *due, void *arg, struct loop_timer **ret)
{
	struct loop_timer *t;
	int r = heap_reserve(&l->timers.heap, l->timers.count + 1);

	if (r < 0)
		return r;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->loop = l;
	t->due = due;
	t->arg = arg;
	heap_node_init(&t->wait);
	list_append(&l->timers_alive, &t->node);
	l->timers.count++;
	*ret = t;
	return 0;
}

void loop_timer_set(struct loop_timer *t, uint64_t at)
{
	if (at == LOOP_NEVER)
		heap_remove(&t->loop->timers.heap, &t->wait);
	else
		heap_set(&t->loop->timers.heap, &t->wait, at);
}

struct loop_timer *loop_timer_free(struct loop_timer *t)
{
	if (!t)
		return NULL;
	heap_remove(&t->loop->timers.heap, &t->wait);
	list_remove(&t->node);
	t->loop->timers.count--;
	loop_bury(t->loop, &t->corpse);
	return NULL;
}
