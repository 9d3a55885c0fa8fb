/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A loop of one's own, with poll(): starts a VM and tells what becomes of it,
 * until it runs or has failed. Neither the request nor the stream is waited
 * for, so the loop could have any other descriptors as well.
 *
 *     cc start-and-follow.c $(pkg-config --cflags --libs liblifecycle)
 */

#include <errno.h>
#include <lifecycle.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>

struct follower {
	struct lifecycle *l;
	struct lifecycle_stream *stream;
	uint64_t began; /* the stream's first cursor */
	int code; /* of this program's exit; -1: it is not over */
};

/* What poll() takes, of what lifecycle_get_timeout() gives: a point in CLOCK_MONOTONIC, in us. */
static int milliseconds_until(uint64_t at)
{
	struct timespec t;
	uint64_t now;

	if (at == UINT64_MAX)
		return -1;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	now = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
	return at <= now ? 0 : (int)((at - now + 999) / 1000);
}

static int fail(struct follower *f, const char *text)
{
	fprintf(stderr, "%s\n", text);
	return f->code = 1;
}

static void take_reply(struct follower *f, const struct lifecycle_reply *reply)
{
	if (reply->result < 0) {
		(void)fail(f, lifecycle_last_error(f->l)->text);
	} else if (reply->seq == 0) {
		printf("it is started already\n");
		f->code = 0;
	}
}

static void take_event(struct follower *f, const struct lifecycle_event *e)
{
	/* A life that began before the stream is an older one, which may still settle: numbers rise. */
	if (e->kind != LIFECYCLE_EVENT_STATE || e->life <= f->began)
		return;
	printf("%s: %s, %s\n", e->name, lifecycle_state_name(e->new_state), lifecycle_substate_name(e->new_substate));
	if (e->new_state == LIFECYCLE_STATE_RUNNING) {
		f->code = 0;
	} else if (e->new_state == LIFECYCLE_STATE_NULL) {
		printf("it ended: %s\n", lifecycle_cause_name(e->cause));
		f->code = 1;
	}
}

static void turn(struct follower *f)
{
	struct lifecycle_reply reply = LIFECYCLE_REPLY_INIT;
	struct lifecycle_event event = LIFECYCLE_EVENT_INIT;
	struct pollfd p[] = {
		{ .fd = lifecycle_get_fd(f->l), .events = (short)lifecycle_get_events(f->l) },
		{ .fd = lifecycle_stream_get_fd(f->stream), .events = POLLIN },
	};
	uint64_t at = UINT64_MAX;
	int r;

	(void)lifecycle_get_timeout(f->l, &at);
	if (poll(p, 2, milliseconds_until(at)) < 0 && errno != EINTR) {
		perror("poll");
		f->code = 1;
		return;
	}
	r = lifecycle_dispatch(f->l);
	while (f->code < 0 && lifecycle_pop_reply(f->l, &reply) == 0)
		take_reply(f, &reply);
	if (f->code < 0 && r < 0)
		(void)fail(f, lifecycle_error_text(r));
	while (f->code < 0 && (r = lifecycle_stream_next(f->stream, &event)) == 0)
		take_event(f, &event);
	if (f->code < 0 && r < 0 && r != -EAGAIN)
		(void)fail(f, lifecycle_error_text(r));
}

int main(int argc, char **argv)
{
	struct follower f = { .code = -1 };
	uint64_t request;
	int r;

	if (argc != 2) {
		fprintf(stderr, "usage: %s VM\n", argv[0]);
		return 2;
	}
	r = lifecycle_new(NULL, &f.l);
	if (r < 0)
		return fail(&f, lifecycle_error_text(r));
	/* The stream first: then nothing that comes of the request is missed. */
	r = lifecycle_subscribe(f.l, argv[1], NULL, 0, &f.stream);
	if (r == 0) {
		f.began = lifecycle_stream_seq(f.stream);
		r = lifecycle_act_begin(f.l, LIFECYCLE_START, argv[1], 0, &request);
	}
	if (r < 0)
		(void)fail(&f, lifecycle_last_error(f.l)->text);
	while (f.code < 0)
		turn(&f);
	(void)lifecycle_stream_unref(f.stream);
	(void)lifecycle_unref(f.l);
	return f.code;
}
