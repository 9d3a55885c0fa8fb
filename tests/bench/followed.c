/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LIMIT_MS 20000

int followed_open(struct bench *b, struct followed *f)
{
	int r;

	*f = (struct followed){ .b = b, .memory = -1, .last = LIFECYCLE_EVENT_INIT };
	r = lifecycle_subscribe(b->l, b->vm, NULL, 0, &f->stream);
	return r < 0 ? bench_failed(lifecycle_last_error(b->l)->text, r) : 0;
}

static void close_memory(struct followed *f)
{
	if (f->memory >= 0)
		close(f->memory);
	f->memory = -1;
}

void followed_close(struct followed *f)
{
	close_memory(f);
	lifecycle_stream_unref(f->stream);
}

int followed_act(struct followed *f, enum lifecycle_verb verb)
{
	int r = lifecycle_act(f->b->l, verb, f->b->vm, 0, NULL);

	return r < 0 ? bench_failed(lifecycle_last_error(f->b->l)->text, r) : 0;
}

int followed_next(struct followed *f, struct lifecycle_event *e)
{
	int r;

	while ((r = lifecycle_stream_next(f->stream, e)) == -EAGAIN) {
		r = lifecycle_stream_wait(f->stream, LIMIT_MS);
		if (r < 0 && r != -EINTR)
			break;
	}
	return r;
}

int followed_until(struct followed *f, enum lifecycle_state state)
{
	struct lifecycle_event e = LIFECYCLE_EVENT_INIT;
	int r;

	while ((r = followed_next(f, &e)) == 0) {
		if (e.kind != LIFECYCLE_EVENT_STATE || e.new_state == e.old_state)
			continue;
		f->last = e;
		if (e.new_state == (int)state)
			return 0;
		if (e.new_state == LIFECYCLE_STATE_NULL) {
			fprintf(stderr, "bench: the life of %s ended: %s\n", f->b->vm, lifecycle_cause_name(e.cause));
			return 1;
		}
	}
	fprintf(stderr, "bench: waited for %s to be %s\n", f->b->vm, lifecycle_state_name(state));
	return bench_failed("the event stream", r);
}

static int open_memory(struct followed *f)
{
	char path[512];

	close_memory(f);
	(void)snprintf(path, sizeof(path), "%s/%llu", f->b->memory_dir, (unsigned long long)f->last.life);
	f->memory = open(path, O_RDWR | O_CLOEXEC);
	return f->memory < 0 ? bench_failed(path, errno) : 0;
}

/* There is no bell for a guest's instruction, and it is microseconds away: looks until it is there. */
int followed_until_counted(struct followed *f)
{
	uint64_t count = 0, limit = bench_now() + LIMIT_MS * 1000000ull;

	if (open_memory(f))
		return 1;
	for (;;) {
		if (pread(f->memory, &count, sizeof(count), GUEST_COUNTER) != sizeof(count))
			return bench_failed("guest memory", errno);
		if (count)
			return 0;
		if (bench_now() > limit)
			return bench_failed("the guest's counter", ETIMEDOUT);
		sched_yield();
	}
}

int followed_start(struct followed *f)
{
	return followed_act(f, LIFECYCLE_START) || followed_until(f, LIFECYCLE_STATE_RUNNING) || followed_until_counted(f);
}

int followed_end(struct followed *f)
{
	close_memory(f);
	return followed_act(f, LIFECYCLE_ABORT) || followed_until(f, LIFECYCLE_STATE_NULL);
}
