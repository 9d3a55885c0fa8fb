/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A direct request from one guest to another and back. Ours: how fast the counter of the guest that asks rises. The floor:
 * two processes that hand a frame of the same size to each other and back, which is what cannot be saved.
 */

#include "bench.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/vmm-link.h"

#define WINDOW 20000000u /* ns in which is counted */
#define ROUNDS 200u      /* of the floor, for one sample */

static void echo(int fd)
{
	char frame[sizeof(struct vmm_call)];
	ssize_t n;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while ((n = recv(fd, frame, sizeof(frame), 0)) > 0)
		if (send(fd, frame, (size_t)n, MSG_NOSIGNAL) != n)
			break;
	_exit(0);
}

static int hand_over(int fd, struct samples *s)
{
	char frame[sizeof(struct vmm_call)] = { 0 };
	uint64_t start = bench_now();

	for (unsigned i = 0; i < ROUNDS; i++)
		if (send(fd, frame, sizeof(frame), MSG_NOSIGNAL) < 0 || recv(fd, frame, sizeof(frame), 0) <= 0)
			return -1;
	samples_add(s, (bench_now() - start) / ROUNDS);
	return 0;
}

static uint64_t counter(const struct followed *f)
{
	uint64_t n = 0;

	return pread(f->memory, &n, sizeof(n), GUEST_COUNTER) == sizeof(n) ? n : 0;
}

static int count(struct followed *f, struct samples *s)
{
	struct timespec window = { .tv_nsec = WINDOW };
	uint64_t start = bench_now(), before = counter(f), counted;

	nanosleep(&window, NULL);
	counted = counter(f) - before;
	if (!before || !counted)
		return -1;
	samples_add(s, (bench_now() - start) / counted);
	return 0;
}

static int take_turns(struct bench *b, struct followed *f, int fd)
{
	struct samples ours, floor;
	int r = samples_init(&ours, b->runs) < 0 || samples_init(&floor, b->runs) < 0 ? -1 : 0;

	for (unsigned i = 0; i < b->runs && r == 0; i++)
		if (hand_over(fd, &floor) < 0 || count(f, &ours) < 0)
			r = -1;
	if (r == 0) {
		samples_print(&floor, "hand-over");
		samples_print(&ours, "request");
	}
	samples_free(&ours);
	samples_free(&floor);
	return r < 0 ? bench_failed("guests that talk", ETIMEDOUT) : 0;
}

int bench_request(struct bench *b)
{
	struct followed f;
	int pair[2], r;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return bench_failed("socketpair", errno);
	child = fork();
	if (child == 0) {
		close(pair[0]);
		echo(pair[1]);
	}
	close(pair[1]);
	r = child < 0 ? 1 : followed_open(b, &f);
	if (r == 0 && (r = followed_start(&f)) == 0) {
		r = take_turns(b, &f, pair[0]);
		followed_close(&f);
	}
	close(pair[0]);
	if (child > 0)
		(void)waitpid(child, NULL, 0);
	return r;
}
