/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The whole life. Ours: Start is asked for over D-Bus; the VM is created and announced; the guest executes its first
 * instructions (seen in its memory); Abort is asked for; the life is retired; the event stream says NULL, which is told
 * when the VMM is dead and the memory is the host's again. The floor: spawn, run to the first exit, close, reap.
 */

#include "bench.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define WARM_UP 3

extern char **environ;

enum step { STEP_STARTED, STEP_RUNNING, STEP_COUNTED, STEP_ABORTED, STEP_NULL, STEP_COUNT };
static const char *const step_names[STEP_COUNT] = { "start-answered", "told-running", "guest-counted", "abort-answered",
	"told-null" };

struct lives {
	struct samples floor, floor_cpu, ours, step[STEP_COUNT];
};

static int lives_init(struct lives *s, unsigned runs)
{
	int r = samples_init(&s->floor, runs) || samples_init(&s->floor_cpu, runs) || samples_init(&s->ours, runs);

	for (int i = 0; i < STEP_COUNT && !r; i++)
		r = samples_init(&s->step[i], runs);
	return r;
}

static void lives_free(struct lives *s)
{
	samples_free(&s->floor);
	samples_free(&s->floor_cpu);
	samples_free(&s->ours);
	for (int i = 0; i < STEP_COUNT; i++)
		samples_free(&s->step[i]);
}

static uint64_t ns_of(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_usec * 1000u;
}

static int run_floor(struct bench *b, uint64_t *ret_ns, uint64_t *ret_cpu)
{
	char *arguments[] = { (char *)b->floor, (char *)b->guest, NULL };
	uint64_t begin = bench_now();
	struct rusage used;
	int status, r;
	pid_t pid;

	r = posix_spawn(&pid, b->floor, NULL, NULL, arguments, environ);
	if (r)
		return bench_failed(b->floor, r);
	if (wait4(pid, &status, 0, &used) < 0)
		return bench_failed("wait4", errno);
	*ret_ns = bench_now() - begin;
	*ret_cpu = ns_of(&used.ru_utime) + ns_of(&used.ru_stime);
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		fprintf(stderr, "bench: the floor failed with status 0x%x\n", status);
		return 1;
	}
	return 0;
}

static int run_ours(struct followed *f, uint64_t at[STEP_COUNT + 1])
{
	at[0] = bench_now();
	if (followed_act(f, LIFECYCLE_START))
		return 1;
	at[1 + STEP_STARTED] = bench_now();
	if (followed_until(f, LIFECYCLE_STATE_RUNNING))
		return 1;
	at[1 + STEP_RUNNING] = bench_now();
	if (followed_until_counted(f))
		return 1;
	at[1 + STEP_COUNTED] = bench_now();
	if (followed_act(f, LIFECYCLE_ABORT))
		return 1;
	at[1 + STEP_ABORTED] = bench_now();
	if (followed_until(f, LIFECYCLE_STATE_NULL))
		return 1;
	at[1 + STEP_NULL] = bench_now();
	return 0;
}

static int run_both(struct bench *b, struct followed *f, struct lives *s, bool counts)
{
	uint64_t floor_ns = 0, floor_cpu = 0, at[STEP_COUNT + 1];

	if (run_floor(b, &floor_ns, &floor_cpu) || run_ours(f, at))
		return 1;
	if (!counts)
		return 0;
	samples_add(&s->floor, floor_ns);
	samples_add(&s->floor_cpu, floor_cpu);
	samples_add(&s->ours, at[STEP_COUNT] - at[0]);
	for (int i = 0; i < STEP_COUNT; i++)
		samples_add(&s->step[i], at[i + 1] - at[i]);
	return 0;
}

static void print(struct lives *s, unsigned lived)
{
	printf("lived %u %u %u\n", lived, lived, lived);
	samples_print(&s->floor, "floor");
	samples_print(&s->floor_cpu, "floor-cpu");
	samples_print(&s->ours, "ours");
	for (int i = 0; i < STEP_COUNT; i++)
		samples_print(&s->step[i], step_names[i]);
}

int bench_life(struct bench *b)
{
	struct lives s = { 0 };
	struct followed f;
	int r = lives_init(&s, b->runs);

	if (r || followed_open(b, &f)) {
		lives_free(&s);
		return 1;
	}
	for (unsigned i = 0; i < b->runs + WARM_UP && !r; i++)
		r = run_both(b, &f, &s, i >= WARM_UP);
	if (!r)
		print(&s, b->runs + WARM_UP);
	followed_close(&f);
	lives_free(&s);
	return r;
}

/* One life of ours alone, for whoever counts the daemon's system calls. */
int bench_one(struct bench *b)
{
	uint64_t at[STEP_COUNT + 1];
	struct followed f;
	int r = followed_open(b, &f);

	if (r)
		return r;
	r = run_ours(&f, at);
	followed_close(&f);
	return r;
}

/* And one floor. */
int bench_floor(struct bench *b)
{
	uint64_t ns, cpu;

	return run_floor(b, &ns, &cpu);
}
