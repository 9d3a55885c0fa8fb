/* SPDX-License-Identifier: Apache-2.0 */

/* Event records into events: short, strange and lost ones. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stream.h"

static struct event_record record(enum event_kind kind, uint64_t seq)
{
	return (struct event_record){ .version = EVENT_STREAM_VERSION, .kind = (uint16_t)kind,
		.size = sizeof(struct event_record), .seq = seq, .name = "web" };
}

static void state_and_debt_are_told_apart(void **state)
{
	struct event_record r = record(EVENT_STATE, 9);
	struct lifecycle_event e = LIFECYCLE_EVENT_INIT;

	r.old_state = VM_CREATED;
	r.new_state = VM_HALTED;
	r.new_substate = VM_SUB_PAUSED;
	r.cause = CAUSE_OOM;
	r.life = 1ull << 50;
	r.endpoint = 0x7FFF;
	assert_int_equal(stream_decode(&r, sizeof(r), &e), 0);
	assert_int_equal(e.kind, LIFECYCLE_EVENT_STATE);
	assert_int_equal(e.new_state, LIFECYCLE_STATE_HALTED);
	assert_int_equal(e.new_substate, LIFECYCLE_SUB_PAUSED);
	assert_int_equal(e.cause, LIFECYCLE_CAUSE_OOM);
	assert_int_equal(e.life, 1ull << 50);
	assert_string_equal(e.name, "web");
	r.kind = EVENT_DEBT;
	r.new_state = DEBT_SETTLED;
	r.sp = 0x8001;
	r.tries = 3;
	assert_int_equal(stream_decode(&r, sizeof(r), &e), 0);
	assert_int_equal(e.new_state, LIFECYCLE_DEBT_SETTLED);
	assert_int_equal(e.sp, 0x8001);
	assert_int_equal(e.tries, 3);
	r.kind = EVENT_OPERATION;
	r.old_state = OP_PAUSE; /* beyond any state */
	r.new_state = VM_RUNNING;
	assert_int_equal(stream_decode(&r, sizeof(r), &e), 0);
	assert_int_equal(e.old_state, LIFECYCLE_OP_PAUSE);
	assert_int_equal(e.new_state, LIFECYCLE_STATE_RUNNING);
	r.old_state = OPERATION_COUNT;
	assert_int_equal(stream_decode(&r, sizeof(r), &e), 0);
	assert_int_equal(e.old_state, LIFECYCLE_UNKNOWN);
}

static void values_of_the_future_are_unknown(void **state)
{
	struct event_record r = record(EVENT_STATE, 9);
	struct lifecycle_event e = LIFECYCLE_EVENT_INIT;

	r.new_state = 200;
	r.cause = 255;
	r.kind = 77;
	assert_int_equal(stream_decode(&r, sizeof(r), &e), 0);
	assert_int_equal(e.kind, 77);
	assert_int_equal(e.new_state, LIFECYCLE_UNKNOWN);
	assert_int_equal(e.cause, LIFECYCLE_UNKNOWN);
}

static void longer_records_are_read_shorter_ones_not(void **state)
{
	struct event_record r = record(EVENT_VM, 9);
	struct lifecycle_event e = LIFECYCLE_EVENT_INIT;
	char longer[sizeof(r) + 40] = { 0 };

	r.size = sizeof(longer);
	memcpy(longer, &r, sizeof(r));
	assert_int_equal(stream_decode(longer, sizeof(longer), &e), 0);
	assert_int_equal(e.seq, 9);
	for (size_t n = 0; n < sizeof(r); n++)
		assert_int_equal(stream_decode(&r, n, &e), -EBADMSG);
}

static void garbage_is_refused(void **state)
{
	struct event_record r = record(EVENT_VM, 9);
	struct lifecycle_event e = LIFECYCLE_EVENT_INIT;

	r.version++;
	assert_int_equal(stream_decode(&r, sizeof(r), &e), -EBADMSG);
	r = record(EVENT_VM, 9);
	r.size--;
	assert_int_equal(stream_decode(&r, sizeof(r), &e), -EBADMSG);
	r = record(EVENT_VM, 9);
	memset(r.name, 'x', sizeof(r.name));
	assert_int_equal(stream_decode(&r, sizeof(r), &e), -EBADMSG);
	memset(&r, 0xFF, sizeof(r));
	assert_int_equal(stream_decode(&r, sizeof(r), &e), -EBADMSG);
}

struct link {
	int writer;
	struct lifecycle_stream *s;
};

static int setup(void **state)
{
	struct link *l = calloc(1, sizeof(*l));
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd), 0);
	l->writer = fd[0];
	assert_int_equal(stream_new(fd[1], 8, &l->s), 0);
	*state = l;
	return 0;
}

static int teardown(void **state)
{
	struct link *l = *state;

	lifecycle_stream_unref(l->s);
	if (l->writer >= 0)
		close(l->writer);
	free(l);
	return 0;
}

static void put(struct link *l, struct event_record r)
{
	assert_int_equal(send(l->writer, &r, sizeof(r), 0), sizeof(r));
}

static void never_waits_and_moves_its_cursor(void **state)
{
	struct link *l = *state;
	struct lifecycle_event e = LIFECYCLE_EVENT_INIT;

	assert_int_equal(lifecycle_stream_next(l->s, &e), -EAGAIN);
	assert_int_equal(lifecycle_stream_wait(l->s, 0), -ETIMEDOUT);
	put(l, record(EVENT_VM, 9));
	put(l, record(EVENT_VM, 12));
	assert_int_equal(lifecycle_stream_wait(l->s, LIFECYCLE_FOREVER), 0);
	assert_int_equal(lifecycle_stream_next(l->s, &e), 0);
	assert_int_equal(lifecycle_stream_seq(l->s), 9);
	assert_int_equal(lifecycle_stream_next(l->s, &e), 0);
	assert_int_equal(lifecycle_stream_seq(l->s), 12);
	assert_int_equal(lifecycle_stream_next(l->s, &e), -EAGAIN);
}

static void the_end_is_told_for_ever(void **state)
{
	struct link *l = *state;
	struct lifecycle_event e = LIFECYCLE_EVENT_INIT;

	put(l, record(EVENT_VM, 9));
	close(l->writer);
	l->writer = -1;
	assert_int_equal(lifecycle_stream_next(l->s, &e), 0);
	assert_int_equal(lifecycle_stream_next(l->s, &e), -ENODATA);
	assert_int_equal(lifecycle_stream_next(l->s, &e), -ENODATA);
	assert_int_equal(lifecycle_stream_wait(l->s, LIFECYCLE_FOREVER), 0);
	assert_int_equal(lifecycle_stream_seq(l->s), 9);
}

/* What comes after a gap would be taken for the whole truth. */
static void nothing_comes_after_a_gap(void **state)
{
	struct link *l = *state;
	struct lifecycle_event e = LIFECYCLE_EVENT_INIT;

	put(l, record(EVENT_GAP, 50));
	put(l, record(EVENT_VM, 51));
	assert_int_equal(lifecycle_stream_next(l->s, &e), -EOVERFLOW);
	assert_int_equal(lifecycle_stream_next(l->s, &e), -EOVERFLOW);
	assert_int_equal(lifecycle_stream_seq(l->s), 8);
}

static void nothing_comes_after_garbage(void **state)
{
	struct link *l = *state;
	struct lifecycle_event e = LIFECYCLE_EVENT_INIT;

	assert_int_equal(send(l->writer, "hello", 5, 0), 5);
	put(l, record(EVENT_VM, 51));
	assert_int_equal(lifecycle_stream_next(l->s, &e), -EBADMSG);
	assert_int_equal(lifecycle_stream_next(l->s, &e), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(state_and_debt_are_told_apart),
		cmocka_unit_test(values_of_the_future_are_unknown),
		cmocka_unit_test(longer_records_are_read_shorter_ones_not),
		cmocka_unit_test(garbage_is_refused),
		cmocka_unit_test_setup_teardown(never_waits_and_moves_its_cursor, setup, teardown),
		cmocka_unit_test_setup_teardown(the_end_is_told_for_ever, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_comes_after_a_gap, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_comes_after_garbage, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
