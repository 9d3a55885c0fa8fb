/* SPDX-License-Identifier: Apache-2.0 */

/* The sockets by which VMs live with clients: who hangs up, and who is told. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit/bus/world.h"

#define E(name) BUS_NAME ".Error." name

/* The client's end of VM "a", and its token. */
static int started(struct world *w, char token[64])
{
	struct vm_row *a = fake_vm(&w->engine, "a", 1);
	const char *text;
	struct pending p;
	uint64_t seq;
	int fd;

	ask_manager(&w->root, &p, "StartBound", "sa{sv}", "a", 0);
	wait_posted(w, 1);
	assert_int_equal(w->engine.posted[0].verb, REQUEST_START);
	assert_string_equal(w->engine.posted[0].name, "a");
	assert_int_not_equal(w->engine.posted[0].bind.end, 0);
	a->bound = true;
	a->bound_end = w->engine.posted[0].bind.end;
	publish(w, NULL, 0); /* before its client has its end: nothing is closed */
	answer(w, 0, REFUSED_NOT, 12, "");
	world_until(w, &p.done);
	assert_fine(p.reply);
	assert_true(sd_bus_message_read(p.reply, "sht", &text, &fd, &seq) > 0);
	assert_int_equal(seq, 12);
	strcpy(token, text);
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	assert_true(fd >= 0);
	(void)sd_bus_message_unref(p.reply);
	return fd;
}

static bool is_closed(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static void a_client_that_hangs_up_is_gone(void **state)
{
	struct world *w = *state;
	char token[64];
	int fd = started(w, token);

	publish(w, NULL, 0);
	assert_false(is_closed(fd));
	close(fd);
	wait_posted(w, 2);
	assert_int_equal(w->engine.posted[1].verb, REQUEST_UNBIND);
	assert_int_equal(w->engine.posted[1].bind.end, w->engine.posted[0].bind.end);
	assert_memory_equal(w->engine.posted[1].bind.token, w->engine.posted[0].bind.token, 16);
	assert_int_equal(w->engine.posted[1].token, 0);
}

static void a_vm_that_has_ended_lets_its_client_go(void **state)
{
	struct world *w = *state;
	char token[64];
	int fd = started(w, token);

	w->engine.rows.vm[0].bound = false;
	publish(w, NULL, 0);
	assert_true(is_closed(fd));
	close(fd);
	assert_int_equal(w->engine.posted_count, 1);
}

static void who_binds_again_has_another_end_and_the_old_one_is_none(void **state)
{
	struct world *w = *state;
	char token[64];
	int old = started(w, token), fd;
	struct pending p;

	ask_manager(&w->root, &p, "BindAgain", "sa{sv}", token, 0);
	wait_posted(w, 2);
	assert_int_equal(w->engine.posted[1].verb, REQUEST_BIND_AGAIN);
	assert_memory_equal(w->engine.posted[1].bind.token, w->engine.posted[0].bind.token, 16);
	assert_int_not_equal(w->engine.posted[1].bind.end, w->engine.posted[0].bind.end);
	w->engine.rows.vm[0].bound_end = w->engine.posted[1].bind.end;
	answer(w, 1, REFUSED_NOT, 0, "");
	world_until(w, &p.done);
	assert_fine(p.reply);
	assert_true(sd_bus_message_read(p.reply, "h", &fd) > 0);
	publish(w, NULL, 0);
	assert_true(is_closed(old));
	assert_false(is_closed(fd));
	(void)sd_bus_message_unref(p.reply);
	close(old);
	assert_int_equal(w->engine.posted_count, 2);
}

static void what_is_refused_leaves_no_socket(void **state)
{
	struct world *w = *state;
	struct pending p;

	(void)fake_vm(&w->engine, "a", 1);
	ask_manager(&w->root, &p, "BindAgain", "sa{sv}", "00000000-0000-4000-8000-000000000001", 0);
	wait_posted(w, 1);
	answer(w, 0, REFUSED_NOT_BOUND, 0, "no VM is bound by this token");
	world_until(w, &p.done);
	assert_error(p.reply, E("NotBound"), "no VM is bound");
	wait_posted(w, 2); /* it saw its own client's end closed, which is nobody's */
	assert_int_equal(w->engine.posted[1].verb, REQUEST_UNBIND);
	assert_error(call_manager(&w->root, "BindAgain", "sa{sv}", "xyz", 0), E("InvalidArgument"), "token");
	assert_error(call_manager(&w->root, "StartBound", "sa{sv}", "a b", 0), E("InvalidArgument"), "a b");
	assert_error(call_manager(&w->root, "StartBound", "sa{sv}", "a", 1, "x", "b", 1), E("InvalidArgument"), "'x'");
	assert_int_equal(w->engine.posted_count, 2);
}

/* The bus broke while the call waited for its turn: what is published before that is of another. */
static void a_client_that_is_gone_before_its_vm_is_bound_is_gone(void **state)
{
	struct world *w = *state;
	struct pending p;

	(void)fake_vm(&w->engine, "a", 1);
	ask_manager(&w->root, &p, "StartBound", "sa{sv}", "a", 0);
	wait_posted(w, 1);
	bus_detach(w->bus);
	w->source = bus_source_free(w->source);
	w->sd = sd_bus_close_unref(w->sd);
	publish(w, NULL, 0);
	wait_posted(w, 2);
	assert_int_equal(w->engine.posted[1].verb, REQUEST_UNBIND);
	assert_int_equal(w->engine.posted[1].bind.end, w->engine.posted[0].bind.end);
	world_until(w, &p.done);
	(void)sd_bus_message_unref(p.reply);
}

static void a_vm_that_ends_in_the_turn_of_its_start_lets_its_client_go(void **state)
{
	struct world *w = *state;
	const char *token;
	struct pending p;
	int fd;

	(void)fake_vm(&w->engine, "a", 1);
	ask_manager(&w->root, &p, "StartBound", "sa{sv}", "a", 0);
	wait_posted(w, 1);
	publish(w, NULL, 0);
	answer(w, 0, REFUSED_NOT, 12, "");
	world_until(w, &p.done);
	assert_fine(p.reply);
	assert_true(sd_bus_message_read(p.reply, "sh", &token, &fd) > 0);
	assert_true(is_closed(fd));
	(void)sd_bus_message_unref(p.reply);
	assert_int_equal(w->engine.posted_count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_client_that_hangs_up_is_gone, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_vm_that_has_ended_lets_its_client_go, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(who_binds_again_has_another_end_and_the_old_one_is_none, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(what_is_refused_leaves_no_socket, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_client_that_is_gone_before_its_vm_is_bound_is_gone, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_vm_that_ends_in_the_turn_of_its_start_lets_its_client_go, world_setup, world_teardown),
	};

	return cmocka_run_group_tests_name("bus bound", tests, NULL, NULL);
}
