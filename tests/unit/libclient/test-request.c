/* SPDX-License-Identifier: Apache-2.0 */

/* Requests whose replies are popped, in a loop of one's own, against a fake daemon on a private bus. */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "world.h"

static int milliseconds_until(uint64_t at_us)
{
	struct timespec t;
	uint64_t now;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	now = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
	return at_us == UINT64_MAX ? -1 : at_us <= now ? 0 : (int)((at_us - now + 999) / 1000);
}

/* One turn of a program's loop. */
static int turn(struct lifecycle *l)
{
	struct pollfd p = { .fd = lifecycle_get_fd(l), .events = (short)lifecycle_get_events(l) };
	uint64_t at;

	assert_int_equal(lifecycle_get_timeout(l, &at), 0);
	assert_true(poll(&p, 1, milliseconds_until(at)) >= 0);
	return lifecycle_dispatch(l);
}

static struct lifecycle_reply await_reply(struct lifecycle *l)
{
	struct lifecycle_reply reply = LIFECYCLE_REPLY_INIT;
	int r;

	while ((r = lifecycle_pop_reply(l, &reply)) == -EAGAIN)
		(void)turn(l);
	assert_int_equal(r, 0);
	return reply;
}

static void a_reply_comes_with_the_loop(void **state)
{
	struct world *w = *state;
	struct lifecycle_reply reply = LIFECYCLE_REPLY_INIT;
	uint64_t request = 0;

	assert_int_equal(lifecycle_act_begin(w->l, LIFECYCLE_START, "db", 0, &request), 0);
	assert_int_equal(request, 1);
	assert_int_equal(lifecycle_pop_reply(w->l, &reply), -EAGAIN);
	reply = await_reply(w->l);
	assert_int_equal(reply.size, sizeof(reply));
	assert_int_equal(reply.request, request);
	assert_int_equal(reply.result, 0);
	assert_true(reply.seq > 100);
	assert_int_equal(lifecycle_pop_reply(w->l, &reply), -EAGAIN);
}

static void each_request_gets_its_own_reply(void **state)
{
	struct world *w = *state;
	uint64_t request[3];
	bool seen[3] = { false };

	assert_int_equal(lifecycle_act_begin(w->l, LIFECYCLE_START, "db", 0, &request[0]), 0);
	assert_int_equal(lifecycle_act_begin(w->l, LIFECYCLE_ABORT, "web", 41, &request[1]), 0);
	assert_int_equal(lifecycle_act_begin(w->l, LIFECYCLE_START, "refuse-ShuttingDown", 0, &request[2]), 0);
	for (int i = 0; i < 3; i++) {
		struct lifecycle_reply reply = await_reply(w->l);

		assert_in_range(reply.request, request[0], request[2]);
		assert_false(seen[reply.request - request[0]]);
		seen[reply.request - request[0]] = true;
		if (reply.request == request[0]) {
			assert_int_equal(reply.result, 0);
		} else if (reply.request == request[1]) {
			assert_int_equal(reply.result, -ESTALE);
			assert_int_equal(lifecycle_last_error(w->l)->refusal, LIFECYCLE_REFUSED_WRONG_LIFE);
		} else {
			assert_int_equal(reply.result, -ESHUTDOWN);
			assert_string_equal(lifecycle_last_error(w->l)->text, "refused because the test says ShuttingDown");
		}
	}
}

/* The waiting call reads the other replies from the socket; they are not lost, and the loop is told not to sleep. */
static void a_call_that_waits_loses_no_reply(void **state)
{
	struct world *w = *state;
	struct lifecycle_vm_list *list;
	struct lifecycle_reply reply;
	uint64_t request;

	assert_int_equal(lifecycle_act_begin(w->l, LIFECYCLE_START, "db", 0, &request), 0);
	assert_int_equal(lifecycle_list(w->l, &list), 0);
	lifecycle_vm_list_unref(list);
	reply = await_reply(w->l);
	assert_int_equal(reply.request, request);
	assert_int_equal(reply.result, 0);
}

static void who_wants_no_reply_gets_none(void **state)
{
	struct world *w = *state;
	struct lifecycle_reply reply;
	uint64_t request;

	assert_int_equal(lifecycle_act_begin(w->l, LIFECYCLE_ABORT, "web", 41, NULL), 0);
	assert_int_equal(lifecycle_act_begin(w->l, LIFECYCLE_START, "db", 0, &request), 0);
	reply = await_reply(w->l);
	assert_int_equal(reply.request, request);
	assert_int_equal(reply.result, 0);
}

static void a_request_leaves_also_where_the_connection_goes_at_once(void **state)
{
	struct world *w = *state;
	uint64_t request;

	assert_int_equal(lifecycle_act_begin(w->l, LIFECYCLE_ABORT, "web", 0, NULL), 0);
	assert_int_equal(lifecycle_act_begin(w->l, LIFECYCLE_START, "db", 0, &request), 0);
	w->l = lifecycle_unref(w->l);
	fixture_await(&w->f, "Abort web");
	fixture_await(&w->f, "Start db");
}

static void nobody_answers_in_time(void **state)
{
	struct world *w = *state;
	struct lifecycle_reply reply;
	uint64_t request;

	lifecycle_set_timeout(w->l, 50);
	assert_int_equal(lifecycle_act_begin(w->l, LIFECYCLE_START, "silent", 0, &request), 0);
	reply = await_reply(w->l);
	assert_int_equal(reply.request, request);
	assert_int_equal(reply.result, -ETIMEDOUT);
	assert_int_equal(lifecycle_last_error(w->l)->refusal, LIFECYCLE_NO_ANSWER);
}

/* Whether the request was stored is not known: that is no -ENOTCONN. */
static void a_daemon_that_dies_has_not_answered(void **state)
{
	struct world *w = *state;
	struct lifecycle_vm_list *list;
	struct lifecycle_reply reply;
	uint64_t request;

	assert_int_equal(lifecycle_list(w->l, &list), 0);
	lifecycle_vm_list_unref(list);
	assert_int_equal(lifecycle_act_begin(w->l, LIFECYCLE_START, "silent", 0, &request), 0);
	fixture_await(&w->f, "Start silent");
	(void)kill(w->f.daemon, SIGKILL);
	reply = await_reply(w->l);
	assert_int_equal(reply.request, request);
	assert_int_equal(reply.result, -ETIMEDOUT);
	assert_non_null(strstr(lifecycle_last_error(w->l)->text, "Start: no answer: "));
	assert_int_equal(lifecycle_act_begin(w->l, LIFECYCLE_START, "silent", 0, &request), 0);
	assert_int_equal(await_reply(w->l).result, -ENOTCONN);
}

static void a_bus_that_hangs_up_answers_all_that_wait(void **state)
{
	struct world *w = *state;
	struct lifecycle_vm_list *list;
	uint64_t request[2];
	int r;

	assert_int_equal(lifecycle_list(w->l, &list), 0); /* connected: what is asked for now leaves at once */
	lifecycle_vm_list_unref(list);
	for (int i = 0; i < 2; i++)
		assert_int_equal(lifecycle_act_begin(w->l, LIFECYCLE_START, "silent", 0, &request[i]), 0);
	fixture_await(&w->f, "Start silent");
	(void)kill(w->f.bus, SIGKILL);
	do
		r = turn(w->l);
	while (r >= 0);
	assert_int_equal(r, -ENOTCONN);
	for (int i = 0; i < 2; i++) {
		struct lifecycle_reply reply = LIFECYCLE_REPLY_INIT;

		assert_int_equal(lifecycle_pop_reply(w->l, &reply), 0);
		assert_int_equal(reply.request, request[i]);
		assert_int_equal(reply.result, -ENOTCONN);
		assert_int_equal(lifecycle_last_error(w->l)->refusal, LIFECYCLE_UNREACHABLE);
	}
}

static void what_is_wrong_here_is_said_at_once(void **state)
{
	struct world *w = *state;
	uint64_t request;

	assert_int_equal(lifecycle_act_begin(w->l, (enum lifecycle_verb)99, "db", 0, &request), -EINVAL);
	assert_int_equal(lifecycle_act_begin(w->l, LIFECYCLE_START, "\xff", 0, &request), -EINVAL);
	assert_int_equal(lifecycle_last_error(w->l)->refusal, LIFECYCLE_REFUSED_INVALID_ARGUMENT);
}

/* A program that was built when the struct ended behind `result`, and one whose struct has no size. */
static void an_older_program_gets_what_it_has_room_for(void **state)
{
	struct world *w = *state;
	struct lifecycle_reply reply = { .size = offsetof(struct lifecycle_reply, seq), .seq = 77 };
	uint64_t request;
	int r;

	assert_int_equal(lifecycle_act_begin(w->l, LIFECYCLE_START, "db", 0, &request), 0);
	while ((r = lifecycle_pop_reply(w->l, &reply)) == -EAGAIN)
		(void)turn(w->l);
	assert_int_equal(r, 0);
	assert_int_equal(reply.request, request);
	assert_int_equal(reply.seq, 77);
	reply.size = 0;
	assert_int_equal(lifecycle_pop_reply(w->l, &reply), -EINVAL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
/* sd-bus has a default too, and the environment changes that. */
static void no_time_is_the_one_that_it_begins_with(void **state)
{
	struct world *w = *state;
	struct lifecycle_vm_list *list;
	uint64_t request, at;
	int left;

	assert_int_equal(lifecycle_list(w->l, &list), 0); /* the bus knows us: nothing else has a time */
	lifecycle_vm_list_unref(list);
	lifecycle_set_timeout(w->l, 1);
	lifecycle_set_timeout(w->l, 0);
	assert_int_equal(lifecycle_dispatch(w->l), 0);
	assert_int_equal(lifecycle_act_begin(w->l, LIFECYCLE_START, "silent", 0, &request), 0);
	assert_int_equal(lifecycle_get_timeout(w->l, &at), 0);
	left = milliseconds_until(at);
	assert_in_range(left, 15000, 25000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_time_is_the_one_that_it_begins_with),
		TEST(a_reply_comes_with_the_loop),
		TEST(each_request_gets_its_own_reply),
		TEST(a_call_that_waits_loses_no_reply),
		TEST(who_wants_no_reply_gets_none),
		TEST(a_request_leaves_also_where_the_connection_goes_at_once),
		TEST(nobody_answers_in_time),
		TEST(a_daemon_that_dies_has_not_answered),
		TEST(a_bus_that_hangs_up_answers_all_that_wait),
		TEST(what_is_wrong_here_is_said_at_once),
		TEST(an_older_program_gets_what_it_has_room_for),
	};

	(void)setenv("SYSTEMD_BUS_TIMEOUT", "7s", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
