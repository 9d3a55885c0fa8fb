/* SPDX-License-Identifier: Apache-2.0 */

/* The process of a unit, which is met when it has a life to take: it may be dead by then, and its pid another's. */

#include "world.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fleet/internal.h"

/* Says NEWBORN to the daemon, and waits for its end. */
static pid_t newborn(const struct world *w)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct vmm_newborn hello = { .header = { VMM_LINK_MAGIC, VMM_LINK_VERSION, VMM_NEWBORN, 0, 0 },
		.speaks = { VMM_LINK_FEATURES, VMM_LINK_OLDEST, { 0 } }, .name = "web" };
	pid_t pid = fork();
	int fd;

	if (pid)
		return pid;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/vmm.sock", w->runtime);
	fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || send(fd, &hello, sizeof(hello), 0) < 0)
		_exit(1);
	for (;;)
		pause();
}

/* Where VMMs are units, and no bus is there: who said NEWBORN has been looked at, as if PID 1 had said that it is the unit's. */
static struct link *waits(struct world *w, pid_t *ret_pid)
{
	struct link *l = NULL;

	w->fleet = fleet_free(w->fleet);
	w->config.units = true;
	world_fleet(w);
	world_listen(w);
	*ret_pid = newborn(w);
	while (!l || l->stage != LINK_PROVING) {
		assert_int_equal(loop_turn(w->loop, true), 0);
		l = list_first(&w->fleet->links, struct link, node);
	}
	assert_int_equal(l->pid, *ret_pid);
	link_wait(l);
	return l;
}

static struct vmm *gets_a_life(struct world *w, const struct link *l)
{
	struct birth_place place = { .life = 7, .memory_bytes = 4 << 20, .definition = &w->definition, .connection = l->number };
	struct vmm *v;

	strcpy(w->definition.name, "web");
	fleet_ops.start(w->fleet, (struct committed){ 7 }, &place);
	v = vmm_get(w->fleet, 7);
	assert_non_null(v);
	return v;
}

/* Its start has failed, once; the loop frees what is left of it. */
static void has_failed(struct world *w)
{
	unsigned told = 0;

	for (int i = 0; i < 3; i++)
		assert_int_equal(loop_turn(w->loop, false), 0);
	for (size_t i = 0; i < w->engine.count; i++)
		told += w->engine.heard[i].kind == IN_VMM_FAILED && w->engine.heard[i].life == 7;
	assert_int_equal(told, 1);
	assert_null(vmm_get(w->fleet, 7));
}

static void takes_its_life(void **state)
{
	struct world *w = *state;
	pid_t pid;
	struct link *l = waits(w, &pid);
	struct vmm *v = gets_a_life(w, l);

	link_take_life(l, v);
	assert_true(world_heard(w, IN_VMM_NEWBORN, 7));
	assert_int_equal(v->pid, pid);
	kill(pid, SIGKILL);
	world_wait(w, IN_VMM_GONE);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void one_that_died_meanwhile_is_a_start_that_failed(void **state)
{
	struct world *w = *state;
	pid_t pid;
	struct link *l = waits(w, &pid);
	struct vmm *v = gets_a_life(w, l);

	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	link_take_life(l, v);
	has_failed(w);
}

static void who_has_its_pid_now_is_left_alone(void **state)
{
	struct world *w = *state;
	pid_t pid;
	struct link *l = waits(w, &pid);
	struct vmm *v = gets_a_life(w, l);
	int status;

	l->start_time--; /* of the process that had it before */
	link_take_life(l, v);
	has_failed(w);
	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM); /* not SIGKILL, which would have come before */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(takes_its_life),
		TEST(one_that_died_meanwhile_is_a_start_that_failed),
		TEST(who_has_its_pid_now_is_left_alone),
	};

	fake_vmm = "/nowhere";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
