/* SPDX-License-Identifier: Apache-2.0 */

/*
 * From a guest's exit to a subscriber that wakes, against one eventfd between two processes. On both sides somebody
 * watches a word in shared memory without sleeping: the guest `await`, which then switches itself off, and a process,
 * which then writes to the eventfd. The clock starts when that word is stored and stops in the thread that slept.
 */

#include "bench.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096

/* The guest's counters page has the same word. */
struct shared {
	_Atomic uint64_t counter;
	_Atomic uint64_t go;
};

struct sleeper {
	pthread_t thread;
	atomic_bool about_to;
	uint64_t woken; /* 0: it was not */
	int fd;
	struct followed *followed;
};

static void *sleep_on_fd(void *arg)
{
	struct sleeper *s = arg;
	uint64_t value;

	atomic_store(&s->about_to, true);
	if (read(s->fd, &value, sizeof(value)) == sizeof(value))
		s->woken = bench_now();
	return NULL;
}

static void *sleep_on_stream(void *arg)
{
	struct sleeper *s = arg;

	atomic_store(&s->about_to, true);
	if (!followed_until(s->followed, LIFECYCLE_STATE_ABORTING))
		s->woken = bench_now();
	return NULL;
}

/* Long enough for the other thread to sleep, on a machine that is not held up; if it is, one sample is better than real. */
static void let_it_sleep(struct sleeper *s)
{
	struct timespec t = { .tv_nsec = 300000 };

	while (!atomic_load(&s->about_to))
		sched_yield();
	nanosleep(&t, NULL);
}

static int one(struct sleeper *s, void *(*sleep_on)(void *), struct shared *watched, struct samples *samples)
{
	uint64_t begin;
	int r;

	s->woken = 0;
	atomic_store(&s->about_to, false);
	r = pthread_create(&s->thread, NULL, sleep_on, s);
	if (r)
		return bench_failed("thread", r);
	let_it_sleep(s);
	begin = bench_now();
	atomic_store(&watched->go, 1);
	pthread_join(s->thread, NULL);
	if (!s->woken)
		return bench_failed("the sleeper", ETIMEDOUT);
	samples_add(samples, s->woken - begin);
	return 0;
}

/* The other process of the floor. Counted means it watches. */
static void watch(struct shared *shared, int fd)
{
	uint64_t value = 1;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	atomic_store(&shared->counter, 1);
	while (!atomic_load_explicit(&shared->go, memory_order_acquire))
		;
	_exit(write(fd, &value, sizeof(value)) != sizeof(value));
}

static int wake_by_eventfd(struct shared *shared, int fd, struct samples *samples)
{
	struct sleeper s = { .fd = fd };
	pid_t pid;
	int r;

	atomic_store(&shared->counter, 0);
	atomic_store(&shared->go, 0);
	pid = fork();
	if (pid == 0)
		watch(shared, fd);
	if (pid < 0)
		return bench_failed("fork", errno);
	while (!atomic_load(&shared->counter))
		sched_yield();
	r = one(&s, sleep_on_fd, shared, samples);
	waitpid(pid, NULL, 0);
	return r;
}

static int wake_by_exit(struct followed *f, struct samples *samples)
{
	struct sleeper s = { .followed = f };
	struct shared *guest;
	int r;

	if (followed_start(f))
		return 1;
	guest = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, f->memory, GUEST_COUNTER);
	if (guest == MAP_FAILED)
		return bench_failed("guest memory", errno);
	r = one(&s, sleep_on_stream, guest, samples);
	munmap(guest, PAGE);
	return r || followed_until(f, LIFECYCLE_STATE_NULL);
}

static int take_turns(struct bench *b, struct followed *f, struct shared *shared, int fd)
{
	struct samples floor, ours;
	int r = samples_init(&floor, b->runs) || samples_init(&ours, b->runs);

	for (unsigned i = 0; i < b->runs && !r; i++)
		r = wake_by_eventfd(shared, fd, &floor) || wake_by_exit(f, &ours);
	samples_print(&floor, "eventfd");
	samples_print(&ours, "guest-exit");
	samples_free(&floor);
	samples_free(&ours);
	return r;
}

int bench_wake(struct bench *b)
{
	struct shared *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fd = eventfd(0, EFD_CLOEXEC), r;
	struct followed f;

	if (shared == MAP_FAILED || fd < 0)
		return bench_failed("eventfd", errno);
	r = followed_open(b, &f);
	if (r)
		return r;
	r = take_turns(b, &f, shared, fd);
	followed_close(&f);
	close(fd);
	munmap(shared, PAGE);
	return r;
}
