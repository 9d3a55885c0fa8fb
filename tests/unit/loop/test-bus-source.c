/* SPDX-License-Identifier: Apache-2.0 */

/* Two ends of one connection, without a bus daemon, both in one loop. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/bus_source.h"

#define CALLS 100

struct world {
	struct loop *loop;
	sd_bus *server, *client;
	struct bus_source *server_source, *client_source;
	int served, answered, gone;
	unsigned most_in_a_turn, in_this_turn;
};

static int serve(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct world *w = arg;

	if (!sd_bus_message_is_method_call(m, "a.b", "Ping"))
		return 0;
	w->served++;
	w->in_this_turn++;
	return sd_bus_reply_method_return(m, NULL);
}

static void count_turn(void *arg)
{
	struct world *w = arg;

	if (w->in_this_turn > w->most_in_a_turn)
		w->most_in_a_turn = w->in_this_turn;
	w->in_this_turn = 0;
}

static int answer(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct world *w = arg;

	w->answered++;
	return 0;
}

static void server_gone(void *arg, int error)
{
	struct world *w = arg;

	w->gone = error;
	w->server_source = bus_source_free(w->server_source); /* inside its own callback */
}

static int setup(void **state)
{
	static struct world w;
	sd_id128_t id = { .bytes = { 1, 2, 3 } };
	int pair[2];

	memset(&w, 0, sizeof(w));
	assert_int_equal(loop_new(&w.loop), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	assert_true(sd_bus_new(&w.server) >= 0);
	assert_true(sd_bus_set_fd(w.server, pair[0], pair[0]) >= 0);
	assert_true(sd_bus_set_server(w.server, 1, id) >= 0);
	assert_true(sd_bus_set_anonymous(w.server, 1) >= 0);
	assert_true(sd_bus_start(w.server) >= 0);
	assert_true(sd_bus_new(&w.client) >= 0);
	assert_true(sd_bus_set_fd(w.client, pair[1], pair[1]) >= 0);
	assert_true(sd_bus_set_anonymous(w.client, 1) >= 0);
	assert_true(sd_bus_start(w.client) >= 0);
	assert_true(sd_bus_add_filter(w.server, NULL, serve, &w) >= 0);
	assert_int_equal(bus_source_new(w.loop, w.server, server_gone, &w, &w.server_source), 0);
	assert_int_equal(bus_source_new(w.loop, w.client, NULL, NULL, &w.client_source), 0);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	bus_source_free(w->server_source);
	bus_source_free(w->client_source);
	sd_bus_close_unref(w->server);
	sd_bus_close_unref(w->client);
	loop_free(w->loop);
	return 0;
}

static void call(struct world *w, uint64_t timeout, const char *member)
{
	sd_bus_message *m = NULL;

	assert_true(sd_bus_message_new_method_call(w->client, &m, NULL, "/", "a.b", member) >= 0);
	assert_true(sd_bus_call_async(w->client, NULL, m, answer, w, timeout) >= 0);
	sd_bus_message_unref(m);
}

static void answers_many_calls_within_its_budget(void **state)
{
	struct world *w = *state;
	struct loop_hook *hook;

	assert_int_equal(loop_hook_new(w->loop, count_turn, w, &hook), 0);
	for (int i = 0; i < CALLS; i++)
		call(w, 0, "Ping");
	while (w->answered < CALLS)
		assert_int_equal(loop_turn(w->loop, true), 0);
	assert_int_equal(w->served, CALLS);
	assert_true(w->most_in_a_turn <= 32);
}

/* Nothing is readable then: only the time-out of sd-bus wakes the loop. */
static void a_call_times_out(void **state)
{
	struct world *w = *state;

	call(w, 0, "Ping");
	while (w->answered < 1)
		assert_int_equal(loop_turn(w->loop, true), 0);
	w->server_source = bus_source_free(w->server_source);
	call(w, 20000, "Ping");
	while (w->answered < 2)
		assert_int_equal(loop_turn(w->loop, true), 0);
	assert_int_equal(w->served, 1);
}

static void tells_once_that_the_peer_is_gone(void **state)
{
	struct world *w = *state;

	call(w, 0, "Ping");
	while (w->answered < 1)
		assert_int_equal(loop_turn(w->loop, true), 0);
	w->client_source = bus_source_free(w->client_source);
	w->client = sd_bus_close_unref(w->client);
	while (!w->gone)
		assert_int_equal(loop_turn(w->loop, true), 0);
	assert_true(w->gone < 0);
	assert_null(w->server_source);
}

/* The client is there and reads nothing. */
static void gives_up_a_peer_that_takes_nothing(void **state)
{
	struct world *w = *state;

	call(w, 0, "Ping");
	while (w->answered == 0)
		assert_int_equal(loop_turn(w->loop, true), 0);
	w->client_source = bus_source_free(w->client_source);
	for (unsigned i = 0; i < 100000 && !w->gone; i++) {
		assert_true(sd_bus_emit_signal(w->server, "/", "a.b", "News", "u", i) >= 0);
		if (i % 100 == 0)
			assert_int_equal(loop_turn(w->loop, false), 0);
	}
	assert_int_equal(w->gone, -ENOBUFS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers_many_calls_within_its_budget, setup, teardown),
		cmocka_unit_test_setup_teardown(a_call_times_out, setup, teardown),
		cmocka_unit_test_setup_teardown(tells_once_that_the_peer_is_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(gives_up_a_peer_that_takes_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
