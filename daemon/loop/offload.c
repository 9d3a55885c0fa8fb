/* SPDX-License-Identifier: Apache-2.0 */

/* One helper thread for what may take long and cannot be asked for otherwise: unlink of guest memory above all. */

#include "loop/internal.h"

#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"

struct offload {
	struct list node;
	loop_call_fn *work, *done;
	void *arg;
};

/* The next piece of work, or NULL: leave. What is queued is done before it leaves. */
static struct offload *next_work(struct helper *h)
{
	struct offload *o;

	pthread_mutex_lock(&h->lock);
	while (list_is_empty(&h->queue) && !h->leaving)
		pthread_cond_wait(&h->wanted, &h->lock);
	o = list_first(&h->queue, struct offload, node);
	if (o)
		list_remove(&o->node);
	pthread_mutex_unlock(&h->lock);
	return o;
}

static void *helper_main(void *arg)
{
	struct helper *h = arg;
	struct offload *o;

	while ((o = next_work(h))) {
		o->work(o->arg);
		pthread_mutex_lock(&h->lock);
		list_append(&h->finished, &o->node);
		pthread_mutex_unlock(&h->lock);
		(void)eventfd_write(h->fd, 1);
	}
	return NULL;
}

static void call_done(struct helper *h)
{
	struct offload *o;

	do {
		pthread_mutex_lock(&h->lock);
		o = list_first(&h->finished, struct offload, node);
		if (o)
			list_remove(&o->node);
		pthread_mutex_unlock(&h->lock);
		if (o)
			o->done(o->arg);
		free(o);
	} while (o);
}

static void helper_ready(void *arg, int fd, unsigned events)
{
	struct helper *h = arg;
	eventfd_t count;

	(void)eventfd_read(fd, &count);
	call_done(h);
}

/* Signals are for the loop's thread. */
static int helper_start(struct helper *h)
{
	sigset_t all, old;
	int r;

	if (h->started)
		return 0;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	r = -pthread_create(&h->thread, NULL, helper_main, h);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	h->started = r == 0;
	return r;
}

int loop_offload(struct loop *l, loop_call_fn *work, loop_call_fn *done, void *arg)
{
	struct helper *h = &l->helper;
	struct offload *o;
	int r = helper_start(h);

	if (r < 0)
		return r;
	o = calloc(1, sizeof(*o));
	if (!o)
		return -ENOMEM;
	*o = (struct offload){ .work = work, .done = done, .arg = arg };
	pthread_mutex_lock(&h->lock);
	list_append(&h->queue, &o->node);
	pthread_cond_signal(&h->wanted);
	pthread_mutex_unlock(&h->lock);
	return 0;
}

int helper_init(struct loop *l)
{
	struct helper *h = &l->helper;

	list_init(&h->queue);
	list_init(&h->finished);
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->wanted, NULL);
	h->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (h->fd < 0)
		return -errno;
	return loop_watch(l, h->fd, LOOP_READ, helper_ready, h, &h->watch);
}

void helper_fini(struct loop *l)
{
	struct helper *h = &l->helper;

	if (h->started) {
		pthread_mutex_lock(&h->lock);
		h->leaving = true;
		pthread_cond_signal(&h->wanted);
		pthread_mutex_unlock(&h->lock);
		pthread_join(h->thread, NULL);
		h->started = false;
		call_done(h);
	}
	h->watch = loop_unwatch(h->watch);
	close_fdp(&h->fd);
}
