/* SPDX-License-Identifier: Apache-2.0 */
#include "spmc/service.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/list.h"
#include "base/log.h"
#include "base/notify.h"
#include "spmc/control.h"
#include "spmc/event.h"
#include "spmc/listen.h"
#include "spmc/notifying.h"
#include "spmc/program.h"

#define EVENTS 16

/* A listening socket; `path` is ours to unlink, or NULL. */
struct door {
	int fd;
	const char *path;
};

struct service {
	struct world world;
	struct memory memory;
	struct door hypervisor, inspection, command;
	struct link link;
	struct inspect inspect;
	struct control control;
	struct schedule schedule;
	struct programs programs;
	uint64_t told[WORLD_SPS]; /* notifiers whose end is in the log */
	struct watch signal_watch, timer_watch;
	int epoll, signals, timer;
	uint64_t armed; /* what the timer is set to, or WORLD_NEVER */
	bool stop;
};

static uint64_t monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* Power off and on again: a new instance that knows nothing. */
static void reset_world(struct service *s)
{
	uint8_t instance[16];

	if (memory_uuid(instance) < 0) {
		log_error("no random numbers: the secure world is not reset");
		return;
	}
	link_drop(&s->link, "the secure world is reset");
	world_reset(&s->world, instance);
	log_notice("the secure world was reset");
}

static void restart_first_sp(struct service *s)
{
	if (!s->world.config.sp_count)
		return;
	(void)world_event(&s->world, WORLD_RESTART, 0, monotonic());
	log_notice("SP 0x%04x was restarted", s->world.config.sp[0].id);
}

static void signal_ready(struct watch *w, uint32_t events)
{
	struct service *s = container_of(w, struct service, signal_watch);
	struct signalfd_siginfo info;

	if (read(s->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP)
		reset_world(s);
	else if (info.ssi_signo == SIGUSR1)
		restart_first_sp(s);
	else
		s->stop = true;
}

static void timer_ready(struct watch *w, uint32_t events)
{
	struct service *s = container_of(w, struct service, timer_watch);
	uint64_t expirations;

	(void)!read(s->timer, &expirations, sizeof(expirations));
	s->armed = WORLD_NEVER;
}

static uint64_t next_of_all(const struct service *s)
{
	uint64_t world = world_next(&s->world), schedule = schedule_next(&s->schedule);

	return world < schedule ? world : schedule;
}

static void arm(struct service *s)
{
	uint64_t next = next_of_all(s);
	struct itimerspec t = { 0 };

	if (next == s->armed)
		return;
	s->armed = next;
	if (next != WORLD_NEVER) {
		t.it_value.tv_sec = (time_t)(next / UINT64_C(1000000000));
		t.it_value.tv_nsec = (long)(next % UINT64_C(1000000000));
	}
	(void)timerfd_settime(s->timer, TFD_TIMER_ABSTIME, &t, NULL);
}

static void follow_schedule(struct service *s)
{
	enum world_event event;
	uint32_t sp;

	while (schedule_next(&s->schedule) != WORLD_NEVER &&
		schedule_take(&s->schedule, s->world.config.sp_count, monotonic(), &event, &sp)) {
		int32_t status = world_event(&s->world, event, sp, monotonic());

		log_notice("schedule: %s 0x%04x%s", event_name(event), s->world.config.sp[sp].id,
			status == FFA_OK ? "" : ", which its state does not allow");
	}
}

/* The end of each turn: what is due is done and told. */
static void turn(struct service *s)
{
	follow_schedule(s);
	if (world_next(&s->world) != WORLD_NEVER)
		world_work(&s->world, monotonic());
	if (s->world.reset_wanted)
		reset_world(s);
	programs_turn(&s->programs);
	notifying_report(&s->world, s->told);
	if (s->control.world)
		control_flush(&s->control);
	link_flush(&s->link);
	arm(s);
}

static int loop(struct service *s)
{
	struct epoll_event events[EVENTS];

	while (!s->stop) {
		int n;

		turn(s);
		n = epoll_wait(s->epoll, events, EVENTS, -1);
		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n; i++) {
			struct watch *w = events[i].data.ptr;

			w->ready(w, events[i].events);
		}
	}
	return 0;
}

static int open_door(struct door *d, const char *name, const char *path, int type, mode_t mode)
{
	d->fd = listen_inherited(name, type);
	if (d->fd != -ENOENT)
		goto out;
	d->fd = listen_at(path, type, mode);
	if (d->fd >= 0)
		d->path = path;
out:
	if (d->fd < 0)
		log_error("cannot listen at %s (%s): %s", path, name, strerror(-d->fd));
	return d->fd < 0 ? d->fd : 0;
}

static void close_door(struct door *d)
{
	if (d->path)
		(void)unlink(d->path);
	if (d->fd >= 0)
		close(d->fd);
}

static int watch_signals(struct service *s)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signals < 0)
		return -errno;
	s->signal_watch.ready = signal_ready;
	return loop_add(s->epoll, s->signals, EPOLLIN, &s->signal_watch);
}

static int watch_time(struct service *s)
{
	s->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (s->timer < 0)
		return -errno;
	s->timer_watch.ready = timer_ready;
	return loop_add(s->epoll, s->timer, EPOLLIN, &s->timer_watch);
}

static int start(struct service *s, const struct service_options *o)
{
	int r;

	r = memory_open(&s->memory, &s->world, o->state, o->reset);
	if (r < 0) {
		if (r != -EINVAL)
			log_error("%s: %s", o->state ? o->state : "memory",
				r == -EBUSY ? "another secure world uses it" : strerror(-r));
		return r;
	}
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll < 0)
		return -errno;
	if ((r = watch_signals(s)) < 0 || (r = watch_time(s)) < 0)
		return r;
	if ((r = open_door(&s->hypervisor, "hypervisor", o->socket, SOCK_SEQPACKET, 0600)) < 0 ||
		(r = open_door(&s->inspection, "inspect", o->inspect, SOCK_STREAM, 0644)) < 0)
		return r;
	if (o->control && ((r = open_door(&s->command, "control", o->control, SOCK_SEQPACKET, 0600)) < 0 ||
		(r = control_start(&s->control, &s->world, monotonic, s->epoll, s->command.fd)) < 0))
		return r;
	programs_start(&s->programs, &s->world, monotonic, s->epoll);
	for (uint32_t i = 0; i < s->world.config.sp_count; i++)
		s->told[i] = s->world.book->sp[i].notifiers.ended;
	schedule_start(&s->schedule, &o->world, monotonic());
	if ((r = link_start(&s->link, &s->world, s->epoll, s->hypervisor.fd, o->hypervisor)) < 0)
		return r;
	return inspect_start(&s->inspect, &s->world, &s->link, monotonic, s->epoll, s->inspection.fd);
}

static void stop(struct service *s)
{
	if (s->programs.world)
		programs_stop(&s->programs);
	if (s->link.world)
		link_stop(&s->link);
	if (s->inspect.world)
		inspect_stop(&s->inspect);
	if (s->control.world)
		control_stop(&s->control);
	close_door(&s->command);
	close_door(&s->hypervisor);
	close_door(&s->inspection);
	close_fdp(&s->timer);
	close_fdp(&s->signals);
	close_fdp(&s->epoll);
	memory_close(&s->memory, &s->world);
}

int service_run(const struct service_options *o)
{
	_cleanup_(freep) struct service *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->hypervisor.fd = s->inspection.fd = s->command.fd = s->memory.fd = -1;
	s->epoll = s->signals = s->timer = -1;
	s->armed = WORLD_NEVER;
	s->world.config = o->world;
	r = start(s, o);
	if (r == 0) {
		log_info("listening at %s with %u SPs", o->socket, s->world.config.sp_count);
		(void)notify_send("READY=1");
		r = loop(s);
		(void)notify_send("STOPPING=1");
	}
	stop(s);
	return r;
}
