/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/internal.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>

#include "base/cleanup.h"

struct loop_watch {
	struct loop_corpse corpse;
	struct list node;
	struct loop *loop;
	struct event *event;
	int fd;
	unsigned events;
	loop_ready_fn *ready;
	void *arg;
};

struct loop_hook {
	struct loop_corpse corpse;
	struct list node;
	struct loop *loop;
	loop_call_fn *call;
	void *arg;
	bool dead; /* freed while the hooks run: keeps its place in the list until it is reaped */
};

struct loop_signal {
	struct list node;
	int fd;
	struct loop_watch *watch;
	loop_signal_fn *caught;
	void *arg;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	(void)clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t loop_monotonic(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t loop_realtime(void)
{
	return clock_ns(CLOCK_REALTIME);
}

void loop_bury(struct loop *l, struct loop_corpse *c)
{
	list_append(&l->dead, &c->node);
}

static void reap(struct loop *l)
{
	while (!list_is_empty(&l->dead)) {
		struct loop_corpse *c = container_of(l->dead.next, struct loop_corpse, node);

		list_remove(&c->node);
		free(c);
	}
}

/* ---- watches ---- */

static short to_libevent(unsigned events)
{
	return (short)(EV_PERSIST | (events & LOOP_READ ? EV_READ : 0) | (events & LOOP_WRITE ? EV_WRITE : 0));
}

static void watch_ready(evutil_socket_t fd, short what, void *arg)
{
	struct loop_watch *w = arg;

	w->ready(w->arg, fd, (what & EV_READ ? LOOP_READ : 0u) | (what & EV_WRITE ? LOOP_WRITE : 0u));
}

int loop_watch_change(struct loop_watch *w, unsigned events)
{
	if (events == w->events)
		return 0;
	if (w->events)
		(void)event_del(w->event);
	w->events = 0;
	if (!events)
		return 0;
	if (event_assign(w->event, w->loop->base, w->fd, to_libevent(events), watch_ready, w) < 0 ||
		event_add(w->event, NULL) < 0)
		return -EIO;
	w->events = events;
	return 0;
}

int loop_watch(struct loop *l, int fd, unsigned events, loop_ready_fn *ready, void *arg, struct loop_watch **ret)
{
	struct loop_watch *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	*w = (struct loop_watch){ .loop = l, .fd = fd, .ready = ready, .arg = arg };
	list_append(&l->watches, &w->node);
	w->event = event_new(l->base, fd, to_libevent(LOOP_READ), watch_ready, w);
	r = w->event ? loop_watch_change(w, events) : -ENOMEM;
	if (r < 0) {
		loop_unwatch(w);
		return r;
	}
	*ret = w;
	return 0;
}

struct loop_watch *loop_unwatch(struct loop_watch *w)
{
	if (!w)
		return NULL;
	if (w->event)
		event_free(w->event); /* also takes it out of those that are about to be called */
	w->event = NULL;
	list_remove(&w->node);
	loop_bury(w->loop, &w->corpse);
	return NULL;
}

/* ---- tasks and hooks ---- */

void loop_task_init(struct loop_task *t, loop_call_fn *call, void *arg)
{
	list_init(&t->node);
	t->call = call;
	t->arg = arg;
}

void loop_soon(struct loop *l, struct loop_task *t)
{
	if (list_is_empty(&t->node))
		list_append(&l->tasks, &t->node);
}

void loop_task_cancel(struct loop_task *t)
{
	list_remove(&t->node);
}

struct deferred {
	struct loop_task task; /* first: who finds the task finds what to free */
	loop_call_fn *call;
	void *arg;
};

static void deferred_run(void *arg)
{
	struct deferred *d = arg;

	d->call(d->arg);
	free(d);
}

int loop_defer(struct loop *l, loop_call_fn *call, void *arg)
{
	struct deferred *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->call = call;
	d->arg = arg;
	loop_task_init(&d->task, deferred_run, d);
	loop_soon(l, &d->task);
	return 0;
}

/* What a task asks for runs in the next turn: two that ask for each other cannot stop the loop. */
static void run_tasks(struct loop *l)
{
	struct list now;

	list_init(&now);
	while (!list_is_empty(&l->tasks)) {
		struct list *node = l->tasks.next;

		list_remove(node);
		list_append(&now, node);
	}
	while (!list_is_empty(&now)) {
		struct loop_task *t = container_of(now.next, struct loop_task, node);

		list_remove(&t->node);
		t->call(t->arg);
	}
}

int loop_hook_new(struct loop *l, loop_call_fn *call, void *arg, struct loop_hook **ret)
{
	struct loop_hook *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	*h = (struct loop_hook){ .loop = l, .call = call, .arg = arg };
	list_append(&l->hooks, &h->node);
	*ret = h;
	return 0;
}

struct loop_hook *loop_hook_free(struct loop_hook *h)
{
	if (h)
		h->dead = true;
	return NULL;
}

static void run_hooks(struct loop *l)
{
	struct loop_hook *h, *next;

	list_for_each(h, &l->hooks, node) {
		if (!h->dead)
			h->call(h->arg);
	}
	list_for_each_safe(h, next, &l->hooks, node) {
		if (h->dead) {
			list_remove(&h->node);
			loop_bury(l, &h->corpse);
		}
	}
}

/* ---- signals ---- */

static void signal_ready(void *arg, int fd, unsigned events)
{
	struct loop_signal *s = arg;
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) == sizeof(info))
		s->caught(s->arg, (int)info.ssi_signo);
}

static void signal_free(struct loop_signal *s)
{
	list_remove(&s->node);
	loop_unwatch(s->watch);
	close_fdp(&s->fd);
	free(s);
}

int loop_signal(struct loop *l, int signo, loop_signal_fn *caught, void *arg)
{
	struct loop_signal *s = calloc(1, sizeof(*s));
	sigset_t set;
	int r;

	if (!s)
		return -ENOMEM;
	*s = (struct loop_signal){ .fd = -1, .caught = caught, .arg = arg };
	list_init(&s->node);
	sigemptyset(&set);
	sigaddset(&set, signo);
	r = -pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (r == 0) {
		s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
		r = s->fd < 0 ? -errno : loop_watch(l, s->fd, LOOP_READ, signal_ready, s, &s->watch);
	}
	if (r < 0) {
		signal_free(s);
		return r;
	}
	list_append(&l->signals, &s->node);
	return 0;
}

/* ---- the loop itself ---- */

static struct event_base *make_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	/* One thread: no locks. Its timers are only sd-bus's; ours have a timerfd. */
	if (config && event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0)
		base = event_base_new_with_config(config);
	if (config)
		event_config_free(config);
	return base;
}

int loop_new(struct loop **ret)
{
	struct loop *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	list_init(&l->watches);
	list_init(&l->timers_alive);
	list_init(&l->hooks);
	list_init(&l->signals);
	list_init(&l->tasks);
	list_init(&l->dead);
	l->timers.fd = l->helper.fd = -1;
	l->base = make_base();
	r = l->base ? timers_init(l) : -ENOMEM;
	if (r == 0)
		r = helper_init(l);
	if (r < 0) {
		loop_free(l);
		return r;
	}
	*ret = l;
	return 0;
}

/* Tasks that nobody will run any more. Those of loop_defer are ours to free. */
static void drop_tasks(struct loop *l)
{
	while (!list_is_empty(&l->tasks)) {
		struct loop_task *t = container_of(l->tasks.next, struct loop_task, node);

		list_remove(&t->node);
		if (t->call == deferred_run)
			free(t->arg);
	}
}

struct loop *loop_free(struct loop *l)
{
	struct loop_hook *h;

	if (!l)
		return NULL;
	helper_fini(l);
	list_for_each(h, &l->hooks, node)
		h->dead = true;
	run_hooks(l); /* the dead leave the list */
	drop_tasks(l);
	while (!list_is_empty(&l->signals))
		signal_free(container_of(l->signals.next, struct loop_signal, node));
	timers_fini(l);
	while (!list_is_empty(&l->watches))
		loop_unwatch(container_of(l->watches.next, struct loop_watch, node));
	reap(l);
	if (l->base)
		event_base_free(l->base);
	free(l);
	return NULL;
}

int loop_turn(struct loop *l, bool wait)
{
	int flags;

	run_hooks(l);
	timers_arm(l);
	flags = EVLOOP_ONCE | (wait && list_is_empty(&l->tasks) ? 0 : EVLOOP_NONBLOCK);
	if (event_base_loop(l->base, flags) < 0)
		return -EIO;
	run_tasks(l);
	reap(l);
	return 0;
}

int loop_run(struct loop *l)
{
	while (!l->exiting) {
		int r = loop_turn(l, true);

		if (r < 0)
			return r;
	}
	l->exiting = false;
	return l->exit_code;
}

void loop_exit(struct loop *l, int code)
{
	l->exiting = true;
	l->exit_code = code;
}
