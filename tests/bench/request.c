/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A direct request from one guest to another and back. Ours: how fast the counter of the guest that asks rises. The floors:
 * a frame of the same size that goes to another process and back, directly (two hand-overs) and through a third, as ours
 * goes through the daemon (four). They are what cannot be saved.
 */

#include "bench.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/vmm-link.h"

#define WINDOW 20000000u /* ns in which is counted */
#define ROUNDS 200u      /* of the floor, for one sample */

/* A process that hands on what comes at fd[n] to fd[to[n]]. It knows where only when it has come, as the daemon does. */
static void hand_on(const int fd[2], const int to[2])
{
	char frame[sizeof(struct vmm_call)];
	int poll = epoll_create1(EPOLL_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < 2; i++)
		(void)epoll_ctl(poll, EPOLL_CTL_ADD, fd[i], &(struct epoll_event){ .events = EPOLLIN, .data.u32 = (uint32_t)i });
	for (;;) {
		struct epoll_event event;
		ssize_t n;

		if (epoll_wait(poll, &event, 1, -1) != 1)
			continue;
		n = recv(fd[event.data.u32], frame, sizeof(frame), 0);
		if (n <= 0 || send(fd[to[event.data.u32]], frame, (size_t)n, MSG_NOSIGNAL) != n)
			_exit(0);
	}
}

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

/* Who echoes, and who stands between; `direct` and `relayed` are our ends. */
struct floor {
	int direct[2], relayed[2], behind[2];
	pid_t child[3];
};

static int floor_open(struct floor *f)
{
	static const int across[2] = { 1, 0 };

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, f->direct) < 0 ||
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, f->relayed) < 0 ||
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, f->behind) < 0)
		return bench_failed("socketpair", errno);
	for (int i = 0; i < 3; i++) {
		f->child[i] = fork();
		if (f->child[i] < 0)
			return bench_failed("fork", errno);
		if (f->child[i] == 0 && i == 0)
			echo(f->direct[1]);
		if (f->child[i] == 0 && i == 1)
			echo(f->behind[1]);
		if (f->child[i] == 0)
			hand_on((const int[2]){ f->relayed[1], f->behind[0] }, across);
	}
	return 0;
}

static void floor_close(struct floor *f)
{
	for (int i = 0; i < 3; i++) {
		if (f->child[i] <= 0)
			continue;
		(void)kill(f->child[i], SIGKILL);
		(void)waitpid(f->child[i], NULL, 0);
	}
	for (int i = 0; i < 2; i++) {
		close(f->direct[i]);
		close(f->relayed[i]);
		close(f->behind[i]);
	}
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

static int take_turns(struct bench *b, struct followed *f, const struct floor *floor)
{
	struct samples ours, direct, relayed;
	int r = samples_init(&ours, b->runs) < 0 || samples_init(&direct, b->runs) < 0 ||
			samples_init(&relayed, b->runs) < 0 ? -1 : 0;

	/* The guest stands while the floor is measured, for else it would have a processor of its own. */
	for (unsigned i = 0; i < b->runs && r == 0; i++)
		if (count(f, &ours) < 0 || followed_act(f, LIFECYCLE_PAUSE) || hand_over(floor->direct[0], &direct) < 0 ||
			hand_over(floor->relayed[0], &relayed) < 0 || followed_act(f, LIFECYCLE_RESUME))
			r = -1;
	if (r == 0) {
		samples_print(&direct, "hand-over");
		samples_print(&relayed, "relay");
		samples_print(&ours, "request");
	}
	samples_free(&ours);
	samples_free(&direct);
	samples_free(&relayed);
	return r < 0 ? bench_failed("guests that talk", ETIMEDOUT) : 0;
}

int bench_request(struct bench *b)
{
	struct floor floor = { { -1, -1 }, { -1, -1 }, { -1, -1 }, { 0 } };
	struct followed f;
	int r = floor_open(&floor);

	if (r == 0 && (r = followed_open(b, &f)) == 0) {
		r = followed_start(&f);
		if (r == 0)
			r = take_turns(b, &f, &floor);
		followed_close(&f);
	}
	floor_close(&floor);
	return r;
}
