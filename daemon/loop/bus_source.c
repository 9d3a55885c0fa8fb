/* SPDX-License-Identifier: Apache-2.0 */

/*
 * sd-bus may have queued output, or input read ahead, from anywhere in a turn; so what it waits for is asked anew once
 * per turn, before the loop waits, and told to libevent only if it changed.
 */

#include "loop/bus_source.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

#define BUDGET 32
#define UNSENT_MAX 16384 /* messages: a thousand VMs may change at once, and this is still 20 MiB at most */

struct bus_source {
	struct loop_corpse corpse; /* sd_bus_process runs handlers, and one of them may free us */
	struct loop *loop;
	sd_bus *bus;
	struct loop_watch *watch;
	struct loop_timer *timer;
	struct loop_hook *hook;
	struct loop_task again; /* messages wait that no fd will tell of */
	bool processed;         /* the budget of this turn is spent */
	bool lost;
	bus_gone_fn *gone;
	void *arg;
};

static void source_lost(struct bus_source *s, int error)
{
	if (s->lost)
		return;
	s->lost = true;
	s->watch = loop_unwatch(s->watch);
	loop_timer_set(s->timer, LOOP_NEVER);
	loop_task_cancel(&s->again);
	if (s->gone)
		s->gone(s->arg, error);
}

/* Once a turn, whatever woke us: fd, timer and task may all be due in one. */
static void source_process(struct bus_source *s)
{
	if (s->processed || s->lost)
		return;
	s->processed = true;
	for (int i = 0; i < BUDGET; i++) {
		int r = sd_bus_process(s->bus, NULL);

		if (s->lost || r == 0)
			return;
		if (r < 0) {
			source_lost(s, r);
			return;
		}
	}
}

static void source_ready(void *arg, int fd, unsigned events)
{
	source_process(arg);
}

static void source_due(void *arg)
{
	source_process(arg);
}

static void arm_timeout(struct bus_source *s, uint64_t usec)
{
	if (usec == 0)
		loop_soon(s->loop, &s->again);
	else
		loop_timer_set(s->timer, usec == UINT64_MAX ? LOOP_NEVER : usec * 1000u);
}

/* A bus that takes nothing must not fill our memory. What was to be sent is lost with the connection, as if the bus had died. */
static bool takes_nothing(const struct bus_source *s)
{
	uint64_t unsent;

	return sd_bus_get_n_queued_write(s->bus, &unsent) >= 0 && unsent > UNSENT_MAX;
}

static void source_rearm(void *arg)
{
	struct bus_source *s = arg;
	int want, r;
	uint64_t at;

	s->processed = false;
	if (s->lost)
		return;
	want = sd_bus_get_events(s->bus);
	r = want < 0 ? want : sd_bus_get_timeout(s->bus, &at);
	if (r >= 0 && takes_nothing(s))
		r = -ENOBUFS;
	if (r >= 0) {
		arm_timeout(s, at);
		r = loop_watch_change(s->watch, (want & POLLIN ? LOOP_READ : 0u) | (want & POLLOUT ? LOOP_WRITE : 0u));
	}
	if (r < 0)
		source_lost(s, r);
}

struct bus_source *bus_source_free(struct bus_source *s)
{
	if (!s)
		return NULL;
	s->lost = true;
	loop_unwatch(s->watch);
	loop_timer_free(s->timer);
	loop_hook_free(s->hook);
	loop_task_cancel(&s->again);
	loop_bury(s->loop, &s->corpse);
	return NULL;
}

int bus_source_new(struct loop *l, sd_bus *bus, bus_gone_fn *gone, void *arg, struct bus_source **ret)
{
	struct bus_source *s;
	int fd = sd_bus_get_fd(bus), r;

	if (fd < 0)
		return fd;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct bus_source){ .loop = l, .bus = bus, .gone = gone, .arg = arg };
	loop_task_init(&s->again, source_due, s);
	r = loop_watch(l, fd, LOOP_READ, source_ready, s, &s->watch);
	if (r == 0)
		r = loop_timer_new(l, source_due, s, &s->timer);
	if (r == 0)
		r = loop_hook_new(l, source_rearm, s, &s->hook);
	if (r < 0) {
		bus_source_free(s);
		return r;
	}
	loop_soon(l, &s->again); /* what came before we were attached */
	*ret = s;
	return 0;
}
