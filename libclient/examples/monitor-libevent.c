/* SPDX-License-Identifier: Apache-2.0 */

/*
 * With libevent: tells each change of any VM's state, from what is there at
 * first on, until SIGINT or SIGTERM. Where the daemon goes away it subscribes
 * again, with the cursor, and says whether anything is missing.
 *
 *     cc monitor-libevent.c $(pkg-config --cflags --libs liblifecycle libevent_core)
 */

#include <errno.h>
#include <event2/event.h>
#include <lifecycle.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct monitor {
	struct event_base *base;
	struct event *readable, *again;
	struct lifecycle_stream *stream; /* NULL: never had one */
};

static const struct timeval soon = { .tv_usec = 200000 };

static void say(const struct lifecycle_event *e)
{
	if (e->kind == LIFECYCLE_EVENT_STATE)
		printf("%llu %s %s, life %llu\n", (unsigned long long)e->seq, e->name, lifecycle_state_name(e->new_state),
			(unsigned long long)e->life);
	else if (e->kind == LIFECYCLE_EVENT_VM_GONE)
		printf("%llu %s is gone\n", (unsigned long long)e->seq, e->name);
}

static void say_snapshot(const struct lifecycle_stream *s)
{
	const struct lifecycle_vm_list *list = lifecycle_stream_snapshot(s);

	for (size_t i = 0; i < lifecycle_vm_list_count(list); i++) {
		const struct lifecycle_vm *vm = lifecycle_vm_list_at(list, i);

		printf("%llu %s %s, life %llu\n", (unsigned long long)lifecycle_stream_seq(s), vm->name,
			lifecycle_state_name(vm->state), (unsigned long long)vm->life);
	}
}

static void on_readable(evutil_socket_t fd, short what, void *argument)
{
	struct lifecycle_event e = LIFECYCLE_EVENT_INIT;
	struct monitor *m = argument;
	int r;

	while ((r = lifecycle_stream_next(m->stream, &e)) == 0)
		say(&e);
	if (r == -EAGAIN)
		return;
	printf("%s\n", lifecycle_error_text(r));
	(void)event_del(m->readable);
	(void)event_add(m->again, &soon);
}

/* A new connection each time: the bus may have gone as well. The stream does not need it afterwards. */
static int subscribe(struct monitor *m, struct lifecycle_stream **ret)
{
	const char *epoch = m->stream ? lifecycle_stream_epoch(m->stream) : NULL;
	uint64_t cursor = m->stream ? lifecycle_stream_seq(m->stream) : 0;
	struct lifecycle *l;
	int r = lifecycle_new(NULL, &l);

	if (r < 0)
		return r;
	lifecycle_set_timeout(l, 2000); /* so long a daemon that hangs may hold up the loop */
	r = lifecycle_subscribe(l, NULL, epoch, cursor, ret);
	(void)lifecycle_unref(l);
	return r;
}

static void on_again(evutil_socket_t fd, short what, void *argument)
{
	struct lifecycle_stream *fresh;
	struct monitor *m = argument;

	if (subscribe(m, &fresh) < 0) {
		(void)event_add(m->again, &soon);
		return;
	}
	printf(lifecycle_stream_replayed(fresh) ? "following: nothing is missing\n" : "following from here on\n");
	say_snapshot(fresh); /* empty, if nothing is missing */
	(void)lifecycle_stream_unref(m->stream);
	m->stream = fresh;
	(void)event_assign(m->readable, m->base, lifecycle_stream_get_fd(fresh), EV_READ | EV_PERSIST, on_readable, m);
	(void)event_add(m->readable, NULL);
}

static void on_signal(evutil_socket_t fd, short what, void *argument)
{
	(void)event_base_loopbreak(((struct monitor *)argument)->base);
}

int main(void)
{
	struct monitor m = { .base = event_base_new() };
	struct event *interrupt, *terminate;

	if (!m.base)
		return 1;
	m.readable = event_new(m.base, -1, 0, on_readable, &m);
	m.again = evtimer_new(m.base, on_again, &m);
	interrupt = evsignal_new(m.base, SIGINT, on_signal, &m);
	terminate = evsignal_new(m.base, SIGTERM, on_signal, &m);
	if (!m.readable || !m.again || !interrupt || !terminate)
		return 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	(void)event_add(interrupt, NULL);
	(void)event_add(terminate, NULL);
	on_again(-1, 0, &m);
	(void)event_base_dispatch(m.base);
	event_free(interrupt);
	event_free(terminate);
	event_free(m.again);
	event_free(m.readable);
	event_base_free(m.base);
	(void)lifecycle_stream_unref(m.stream);
	return 0;
}
