/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How soon an end is settled once the SP is ready for it. `retire`: the SP works on it for a known time. `activated`: the
 * SP is in the middle of a live activation, which we finish. Lines "settled ENDPOINT READY DONE", CLOCK_REALTIME in ns;
 * READY is 0 where only the SP knows. There is one SP.
 */

#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define SP "0x8001"

static uint64_t realtime(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int dial(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	(void)bench_failed(path, errno);
	return -1;
}

static int tell(int control, const char *command)
{
	char answer[256] = "";

	if (send(control, command, strlen(command), MSG_NOSIGNAL) < 0 || recv(control, answer, sizeof(answer) - 1, 0) < 0)
		return bench_failed(command, errno);
	if (strcmp(answer, "ok") == 0)
		return 0;
	fprintf(stderr, "bench: %s: %s\n", command, answer);
	return 1;
}

/* For how long the SP is not ready: each run another time, so that it ends anywhere in a back-off step. */
static void hold(unsigned run)
{
	struct timespec t = { .tv_nsec = (20 + run * 37 % 150) * 1000000L };

	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

static int until_debt(struct followed *f, enum lifecycle_debt state, uint64_t *ret_heard)
{
	struct lifecycle_event e = LIFECYCLE_EVENT_INIT;
	int r;

	while ((r = followed_next(f, &e)) == 0) {
		if (e.kind != LIFECYCLE_EVENT_DEBT || e.new_state != (int)state)
			continue;
		*ret_heard = realtime();
		return 0;
	}
	return bench_failed("the event stream", r);
}

static int one(struct followed *f, int control, unsigned run)
{
	uint64_t ready = 0, asked, done = 0;
	uint16_t endpoint;

	if (followed_start(f))
		return 1;
	endpoint = f->last.endpoint;
	if ((control >= 0 && tell(control, "activate " SP)) || followed_act(f, LIFECYCLE_ABORT))
		return 1;
	if (control >= 0) {
		if (until_debt(f, LIFECYCLE_DEBT_DESTROYING, &asked))
			return 1;
		hold(run);
		ready = realtime();
		if (tell(control, "finish " SP))
			return 1;
	}
	if (until_debt(f, LIFECYCLE_DEBT_SETTLED, &done) || followed_until(f, LIFECYCLE_STATE_NULL))
		return 1;
	printf("settled %u %llu %llu\n", endpoint, (unsigned long long)ready, (unsigned long long)done);
	return 0;
}

static int retire(struct bench *b, int control)
{
	struct followed f;
	int r = followed_open(b, &f);

	if (r)
		return r;
	for (unsigned i = 0; i < b->runs && !r; i++)
		r = one(&f, control, i);
	followed_close(&f);
	return r;
}

int bench_retire(struct bench *b)
{
	return retire(b, -1);
}

int bench_activated(struct bench *b)
{
	int control = b->control ? dial(b->control) : -1, r;

	if (control < 0)
		return 1;
	r = retire(b, control);
	close(control);
	return r;
}
