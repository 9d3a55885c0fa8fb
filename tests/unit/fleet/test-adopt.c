/* SPDX-License-Identifier: Apache-2.0 */

/* A daemon goes, its VMMs live on, another takes them up. The VMMs stay children of the test: it reaps them. */

#include "world.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fleet/internal.h"

static const struct committed later = { 100 };

static struct change_vmm record_of(const struct newborn *n)
{
	return (struct change_vmm){ .pid = n->pid, .start_time = n->start_time };
}

/* A new daemon that finds `record` in its log. */
static void restart(struct world *w, uint64_t life, const struct change_vmm *record, const char *name)
{
	w->fleet = fleet_free(w->fleet);
	w->config.incarnation++;
	world_fleet(w);
	assert_int_equal(fleet_adopt(w->fleet, life, record, name, false), 0);
	world_listen(w);
}

static void takes_up_a_vmm_that_lives(void **state)
{
	struct world *w = *state;
	struct newborn n = world_born(w, 5, "live");
	struct change_vmm record = record_of(&n);
	const struct input *in;
	int status;

	world_wait(w, IN_VMM_BUILT);
	fleet_ops.command(w->fleet, later, 5, COMMAND_ENTER);
	world_wait(w, IN_VMM_VCPU);
	fleet_ops.command(w->fleet, later, 5, COMMAND_STOP);
	world_wait(w, IN_VMM_STOPPING);
	restart(w, 5, &record, "live");
	assert_int_equal(loop_turn(w->loop, false), 0);
	assert_int_equal(w->ready, 0); /* it is expected */
	kill(n.pid, SIGUSR1);
	in = world_wait(w, IN_VMM_BACK);
	assert_int_equal(in->life, 5);
	assert_int_equal(in->back.phase, VMM_PHASE_ENTERED);
	assert_int_equal(in->back.flags, VMM_BACK_STOPPING);
	assert_int_equal(in->back.vcpu_count, 2);
	assert_int_equal(in->back.header.command, later.seq); /* of the daemon before */
	world_wait_ready(w);
	fleet_ops.welcome(w->fleet, later, 5);
	world_wait(w, IN_VMM_VCPU);
	fleet_ops.command(w->fleet, later, 5, COMMAND_QUIESCE);
	world_wait(w, IN_VMM_QUIESCED);
	fleet_ops.command(w->fleet, later, 5, COMMAND_EXIT);
	in = world_wait(w, IN_VMM_GONE);
	assert_int_equal(in->end.cause, CAUSE_VMM_GONE); /* not our child: the kernel tells us no more */
	assert_int_equal(waitpid(n.pid, &status, 0), n.pid);
	assert_int_equal(status, 0);
	assert_int_equal(w->ready, 1);
}

static void a_free_lock_means_no_vmm(void **state)
{
	struct world *w = *state;
	struct newborn n = world_born(w, 5, "live");
	struct change_vmm record = record_of(&n);
	const struct input *in;

	world_wait(w, IN_VMM_BUILT);
	w->fleet = fleet_free(w->fleet);
	kill(n.pid, SIGKILL);
	waitpid(n.pid, NULL, 0);
	world_fleet(w);
	assert_int_equal(fleet_adopt(w->fleet, 5, &record, "live", false), 0);
	assert_false(world_heard(w, IN_VMM_GONE, 5)); /* not before the loop runs */
	world_listen(w);
	in = world_wait(w, IN_VMM_GONE);
	assert_int_equal(in->end.cause, CAUSE_VMM_GONE);
	world_wait_ready(w);
}

static void last_words_outlive_the_daemon(void **state)
{
	struct world *w = *state;
	struct newborn n = world_born(w, 5, "words");
	struct change_vmm record = record_of(&n);
	const struct input *in;

	w->fleet = fleet_free(w->fleet);
	waitpid(n.pid, NULL, 0);
	world_fleet(w);
	assert_int_equal(fleet_adopt(w->fleet, 5, &record, "words", false), 0);
	world_listen(w);
	in = world_wait(w, IN_VMM_GONE);
	assert_int_equal(in->end.cause, CAUSE_GUEST_PANIC);
	assert_string_equal(in->end.text, "the guest powered off ?"); /* what is no text is made one */
}

static void a_life_without_files_is_over(void **state)
{
	struct world *w = *state;
	struct change_vmm record = { .pid = getpid(), .start_time = 1 };

	restart(w, 9, &record, "live");
	assert_int_equal(world_wait(w, IN_VMM_GONE)->life, 9);
	world_wait_ready(w);
}

/* Its number was given to another process since: that one must neither be watched nor killed. */
static void a_pid_alone_proves_nothing(void **state)
{
	struct world *w = *state;
	struct newborn n = world_born(w, 5, "live");
	struct change_vmm record = record_of(&n);

	world_wait(w, IN_VMM_BUILT);
	record.start_time++;
	restart(w, 5, &record, "live");
	assert_int_equal(world_wait(w, IN_VMM_GONE)->end.cause, CAUSE_VMM_GONE);
	fleet_ops.command(w->fleet, later, 5, COMMAND_KILL);
	assert_int_equal(kill(n.pid, 0), 0);
	assert_int_equal(waitpid(n.pid, NULL, WNOHANG), 0);
	kill(n.pid, SIGKILL);
	waitpid(n.pid, NULL, 0);
}

static void one_that_does_not_come_is_lost_but_not_dead(void **state)
{
	struct world *w = *state;
	struct newborn n = world_born(w, 5, "live");
	struct change_vmm record = record_of(&n);
	const struct input *in;

	world_wait(w, IN_VMM_BUILT);
	w->config.connect_ns = 20000000;
	restart(w, 5, &record, "live");
	in = world_wait(w, IN_VMM_LOST);
	assert_int_equal(in->life, 5);
	assert_int_equal(in->end.cause, CAUSE_NONE);
	world_wait_ready(w);
	kill(n.pid, SIGUSR1); /* late, and welcome */
	world_wait(w, IN_VMM_BACK);
	fleet_ops.command(w->fleet, later, 5, COMMAND_KILL);
	world_wait(w, IN_VMM_GONE);
	waitpid(n.pid, NULL, 0);
}

static void a_hung_one_can_be_killed_unconnected(void **state)
{
	struct world *w = *state;
	struct newborn n = world_born(w, 5, "live");
	struct change_vmm record = record_of(&n);

	world_wait(w, IN_VMM_BUILT);
	restart(w, 5, &record, "live");
	fleet_ops.command(w->fleet, later, 5, COMMAND_KILL);
	assert_int_equal(world_wait(w, IN_VMM_GONE)->end.cause, CAUSE_VMM_GONE);
	world_wait_ready(w);
	waitpid(n.pid, NULL, 0);
}

static int exit_after_back(struct world *w, const char *name, uint64_t recorded)
{
	struct newborn n = world_born(w, 5, name);
	struct change_vmm record = record_of(&n);
	int status;

	world_wait(w, IN_VMM_BUILT);
	w->fleet = fleet_free(w->fleet);
	world_fleet(w);
	if (recorded)
		assert_int_equal(fleet_adopt(w->fleet, recorded, &record, name, false), 0);
	world_listen(w);
	kill(n.pid, SIGUSR1);
	while (waitpid(n.pid, &status, WNOHANG) == 0)
		assert_int_equal(loop_turn(w->loop, false), 0);
	return status;
}

static void refuses_a_life_that_is_not_in_the_log(void **state)
{
	int status = exit_after_back(*state, "live", 0);

	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

static void refuses_one_that_let_go_of_its_lock(void **state)
{
	int status = exit_after_back(*state, "live-unlocked", 5);

	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
	assert_false(world_heard(*state, IN_VMM_BACK, 5));
}

static int open_files(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

/* There is one descriptor left, which its connection takes: whether it holds its lock cannot be seen. It keeps its guest. */
static void one_that_comes_while_fds_are_short_comes_again(void **state)
{
	struct world *w = *state;
	struct newborn n = world_born(w, 5, "live");
	struct change_vmm record = record_of(&n);
	struct rlimit old, few;

	world_wait(w, IN_VMM_BUILT);
	restart(w, 5, &record, "live");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = (struct rlimit){ (rlim_t)open_files() + 1, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	kill(n.pid, SIGUSR1);
	while (list_is_empty(&w->fleet->links))
		assert_int_equal(loop_turn(w->loop, true), 0);
	while (!list_is_empty(&w->fleet->links))
		assert_int_equal(loop_turn(w->loop, true), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_false(world_heard(w, IN_VMM_BACK, 5));
	kill(n.pid, SIGUSR1);
	world_wait(w, IN_VMM_BACK);
	fleet_ops.command(w->fleet, later, 5, COMMAND_KILL);
	world_wait(w, IN_VMM_GONE);
	waitpid(n.pid, NULL, 0);
}

/* Another process of the same user claims the life of a VMM that lives. */
static void refuses_a_life_that_is_not_its_own(void **state)
{
	struct world *w = *state;
	struct newborn n = world_born(w, 5, "live");
	struct change_vmm record = record_of(&n);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct vmm_back back = { .header = { VMM_LINK_MAGIC, VMM_LINK_VERSION, VMM_BACK, 5, 0 },
		.speaks = { VMM_LINK_FEATURES, VMM_LINK_OLDEST, { 0 } }, .vcpu_count = 2 };
	struct vmm_refused answer;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);

	world_wait(w, IN_VMM_BUILT);
	restart(w, 5, &record, "live");
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/vmm.sock", w->runtime);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(send(fd, &back, sizeof(back), 0), sizeof(back));
	while (recv(fd, &answer, sizeof(answer), MSG_PEEK) < 0)
		assert_int_equal(loop_turn(w->loop, true), 0);
	assert_int_equal(recv(fd, &answer, sizeof(answer), 0), sizeof(answer));
	close(fd);
	assert_int_equal(answer.header.kind, VMM_REFUSED);
	assert_int_equal(answer.header.life, 5);
	assert_non_null(strstr(answer.reason, "another VMM"));
	kill(n.pid, SIGUSR1); /* the true one is still welcome */
	world_wait(w, IN_VMM_BACK);
	fleet_ops.command(w->fleet, later, 5, COMMAND_KILL);
	world_wait(w, IN_VMM_GONE);
	waitpid(n.pid, NULL, 0);
}

static void kills_one_whose_state_makes_no_sense(void **state)
{
	struct world *w = *state;
	int status = exit_after_back(w, "live-miscounts", 5);

	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(world_wait(w, IN_VMM_LOST)->end.cause, CAUSE_VMM_PROTOCOL);
	assert_int_equal(world_wait(w, IN_VMM_GONE)->end.cause, CAUSE_VMM_PROTOCOL);
}

/* A guest that runs, under a daemon that does not understand its VMM. */
static struct newborn stale(struct world *w, const char *name)
{
	struct newborn n = world_born(w, 5, name);
	struct change_vmm record = record_of(&n);

	world_wait(w, IN_VMM_BUILT);
	fleet_ops.command(w->fleet, later, 5, COMMAND_ENTER);
	world_wait(w, IN_VMM_VCPU);
	restart(w, 5, &record, name);
	kill(n.pid, SIGUSR1);
	assert_int_equal(world_wait(w, IN_VMM_STALE)->life, 5);
	world_wait_ready(w); /* it is there: nobody waits for it */
	return n;
}

static void keeps_one_that_it_does_not_understand(void **state)
{
	struct world *w = *state;
	struct newborn n = stale(w, "stale");
	int status;

	fleet_ops.welcome(w->fleet, later, 5); /* nothing of this is said to it */
	fleet_ops.command(w->fleet, later, 5, COMMAND_PAUSE);
	fleet_ops.command(w->fleet, later, 5, COMMAND_ENTER);
	assert_int_equal(loop_turn(w->loop, false), 0);
	assert_int_equal(waitpid(n.pid, &status, WNOHANG), 0);
	assert_false(world_heard(w, IN_VMM_BACK, 5));
	assert_false(world_heard(w, IN_VMM_LOST, 5));
	fleet_ops.command(w->fleet, later, 5, COMMAND_STOP);
	world_wait(w, IN_VMM_GONE);
	assert_int_equal(waitpid(n.pid, &status, 0), n.pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

/* The second SIGTERM would end its guest by force, long before the stop's time is over. */
static void the_next_daemon_does_not_stop_it_once_more(void **state)
{
	struct world *w = *state;
	struct newborn n = stale(w, "stale-told");
	struct change_vmm record = record_of(&n);

	fleet_ops.command(w->fleet, later, 5, COMMAND_STOP);
	restart(w, 5, &record, "stale-told");
	kill(n.pid, SIGUSR1);
	world_wait(w, IN_VMM_STALE);
	fleet_ops.command(w->fleet, later, 5, COMMAND_STOP);
	kill(n.pid, SIGUSR2);
	world_wait(w, IN_VMM_ENDED); /* it says so, hence it lives */
	fleet_ops.command(w->fleet, later, 5, COMMAND_EXIT);
	world_wait(w, IN_VMM_GONE);
	waitpid(n.pid, NULL, 0);
}

static void finds_its_end_in_its_last_words(void **state)
{
	struct world *w = *state;
	struct newborn n = stale(w, "stale-ended");
	int status;

	assert_int_equal(world_wait(w, IN_VMM_ENDED)->end.cause, CAUSE_GUEST_PANIC);
	fleet_ops.command(w->fleet, later, 5, COMMAND_EXIT); /* which it cannot be told */
	assert_int_equal(world_wait(w, IN_VMM_GONE)->end.cause, CAUSE_GUEST_PANIC);
	assert_int_equal(waitpid(n.pid, &status, 0), n.pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* Born, but the daemon died before it could tell: the VMM leaves by itself, its lock was the daemon's. */
static void one_that_was_not_born_leaves_with_its_daemon(void **state)
{
	struct world *w = *state;
	struct newborn n;
	struct change_vmm record;
	int status;

	world_start(w, 5, "live");
	n = world_wait(w, IN_VMM_NEWBORN)->newborn;
	record = record_of(&n);
	restart(w, 5, &record, "live");
	assert_int_equal(world_wait(w, IN_VMM_GONE)->life, 5);
	assert_int_equal(waitpid(n.pid, &status, 0), n.pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

static size_t files_in(const char *path)
{
	DIR *dir = opendir(path);
	size_t count = 0;
	struct dirent *e;

	assert_non_null(dir);
	while ((e = readdir(dir)))
		count += e->d_name[0] != '.';
	closedir(dir);
	return count;
}

/* A build that a daemon's death cut short: the guest gets new memory, and the old is not kept beside it. */
static void a_life_started_again_has_one_memory(void **state)
{
	struct world *w = *state;
	struct newborn n;

	world_start(w, 5, "live");
	n = world_wait(w, IN_VMM_NEWBORN)->newborn;
	w->fleet = fleet_free(w->fleet);
	assert_int_equal(waitpid(n.pid, NULL, 0), n.pid);
	world_fleet(w);
	world_listen(w);
	world_born(w, 5, "live");
	world_wait(w, IN_VMM_BUILT);
	while (files_in(w->memory) != 1)
		assert_int_equal(loop_turn(w->loop, true), 0);
	fleet_ops.command(w->fleet, later, 5, COMMAND_KILL);
	world_wait(w, IN_VMM_GONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(takes_up_a_vmm_that_lives),
		TEST(a_free_lock_means_no_vmm),
		TEST(last_words_outlive_the_daemon),
		TEST(a_life_without_files_is_over),
		TEST(a_pid_alone_proves_nothing),
		TEST(one_that_does_not_come_is_lost_but_not_dead),
		TEST(a_hung_one_can_be_killed_unconnected),
		TEST(refuses_a_life_that_is_not_in_the_log),
		TEST(refuses_one_that_let_go_of_its_lock),
		TEST(one_that_comes_while_fds_are_short_comes_again),
		TEST(refuses_a_life_that_is_not_its_own),
		TEST(kills_one_whose_state_makes_no_sense),
		TEST(keeps_one_that_it_does_not_understand),
		TEST(the_next_daemon_does_not_stop_it_once_more),
		TEST(finds_its_end_in_its_last_words),
		TEST(one_that_was_not_born_leaves_with_its_daemon),
		TEST(a_life_started_again_has_one_memory),
	};

	if (argc != 2)
		return 2;
	fake_vmm = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
