/* SPDX-License-Identifier: Apache-2.0 */
#include "store/log_writer.h"

#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

int log_writer_init(struct log_writer *w, struct log_file *file)
{
	pthread_condattr_t monotonic;

	w->file = file;
	list_init(&w->queue);
	list_init(&w->finished);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->wanted, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&w->ended, &monotonic);
	pthread_condattr_destroy(&monotonic);
	w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return w->fd < 0 ? -errno : 0;
}

static struct log_job *take_from(struct list *list)
{
	struct log_job *job = list_first(list, struct log_job, node);

	if (job)
		list_remove(&job->node);
	return job;
}

/* The next job, or NULL: leave. What is queued is done before it leaves. */
static struct log_job *next_job(struct log_writer *w)
{
	struct log_job *job;

	pthread_mutex_lock(&w->lock);
	while (list_is_empty(&w->queue) && !w->leaving)
		pthread_cond_wait(&w->wanted, &w->lock);
	job = take_from(&w->queue);
	if (!job) {
		w->gone = true;
		pthread_cond_signal(&w->ended);
	}
	pthread_mutex_unlock(&w->lock);
	return job;
}

static void *writer_main(void *arg)
{
	struct log_writer *w = arg;
	struct log_job *job;

	while ((job = next_job(w))) {
		log_run(w->file, job);
		pthread_mutex_lock(&w->lock);
		list_append(&w->finished, &job->node);
		pthread_mutex_unlock(&w->lock);
		(void)eventfd_write(w->fd, 1);
	}
	return NULL;
}

/* Signals are for the loop's thread. */
static int start(struct log_writer *w)
{
	sigset_t all, old;
	int r;

	if (w->started)
		return 0;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	r = -pthread_create(&w->thread, NULL, writer_main, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	w->started = r == 0;
	return r;
}

int log_writer_give(struct log_writer *w, struct log_job *job)
{
	int r = start(w);

	if (r < 0)
		return r;
	pthread_mutex_lock(&w->lock);
	list_append(&w->queue, &job->node);
	pthread_cond_signal(&w->wanted);
	pthread_mutex_unlock(&w->lock);
	return 0;
}

struct log_job *log_writer_take(struct log_writer *w)
{
	struct log_job *job;
	eventfd_t count;

	(void)eventfd_read(w->fd, &count);
	pthread_mutex_lock(&w->lock);
	job = take_from(&w->finished);
	pthread_mutex_unlock(&w->lock);
	return job;
}

static struct timespec in_ms(unsigned ms)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

static bool goes_in_time(struct log_writer *w, unsigned wait_ms)
{
	struct timespec until = in_ms(wait_ms);
	bool gone;

	pthread_mutex_lock(&w->lock);
	w->leaving = true;
	pthread_cond_signal(&w->wanted);
	while (!w->gone && pthread_cond_timedwait(&w->ended, &w->lock, &until) == 0)
		;
	gone = w->gone;
	pthread_mutex_unlock(&w->lock);
	return gone;
}

int log_writer_end(struct log_writer *w, unsigned wait_ms)
{
	if (w->started) {
		if (!goes_in_time(w, wait_ms))
			return -ETIMEDOUT;
		pthread_join(w->thread, NULL);
		w->started = false;
	}
	close_fdp(&w->fd);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->wanted);
	pthread_cond_destroy(&w->ended);
	return 0;
}
