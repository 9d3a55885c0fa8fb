/* SPDX-License-Identifier: Apache-2.0 */

/* What outlives a link, the program, an SP and the secure world, and how a peer learns which of them is another now. */

#include "process.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void books_outlive_the_link(void **state)
{
	struct process *p = *state;
	struct secure_link_welcome w;
	int fd;

	process_start(p, OPTIONS("--sp", "strict:0x8003"));
	fd = link_open(p, 1, &w);
	assert_int_equal(link_message(fd, 0x8003, 4, 5), 0);
	close(fd);
	fd = link_open(p, 2, &w);
	assert_int_equal(link_message(fd, 0x8003, 4, 5), -2);
	assert_int_equal(link_message(fd, 0x8003, 6, 5), 0);
	close(fd);
	process_end(p, SIGTERM);
}

static void the_state_file_outlives_a_kill(void **state)
{
	struct process *p = *state;
	const char *const *options = OPTIONS("--state", p->state, "--sp", "trusty:0x8001", "--sp", "strict:0x8003");
	struct secure_link_welcome w, v;
	int fd;

	process_start(p, options);
	fd = link_open(p, 7, &w);
	assert_int_equal(link_message(fd, 0x8003, 4, 5), 0);
	assert_int_equal(link_message(fd, 0x8001, 4, 5), -7);
	assert_true(WIFSIGNALED(process_end(p, SIGKILL)));
	assert_hung_up_at_last(fd);

	process_start(p, options);
	fd = link_connect(p);
	link_hello(fd, 6, -1);
	assert_hung_up(fd);
	fd = link_open(p, 8, &v);
	assert_true(same_instance(&w, &v));
	assert_int_equal(v.sp[1].generation, 1);
	assert_int_equal(link_message(fd, 0x8003, 4, 5), -2);
	assert_int_equal(link_message(fd, 0x8003, 6, 5), 0);
	/* The creation that was pending goes on by itself. */
	for (int i = 0; i < 2; i++) {
		struct secure_link_doorbell d;

		if (link_message(fd, 0x8001, 4, 5) == 0)
			break;
		assert_int_equal(i, 0);
		assert_int_equal(link_read(fd, &d, sizeof(d)), sizeof(d));
	}
	close(fd);
	process_end(p, SIGTERM);

	assert_int_equal(process_fails(p, OPTIONS("--state", p->state, "--sp", "strict:0x8003")), 1);
	process_start(p, OPTIONS("--state", p->state, "--reset", "--sp", "strict:0x8003"));
	fd = link_open(p, 1, &v);
	assert_false(same_instance(&w, &v));
	close(fd);
	process_end(p, SIGTERM);
}

static void hangup_signal_resets_the_secure_world(void **state)
{
	struct process *p = *state;
	struct secure_link_welcome w, v;
	int fd;

	process_start(p, OPTIONS("--state", p->state, "--sp", "strict:0x8003"));
	fd = link_open(p, 7, &w);
	assert_int_equal(link_message(fd, 0x8003, 4, 5), 0);
	kill(p->pid, SIGHUP);
	assert_hung_up(fd);
	fd = link_open(p, 7, &v);
	assert_false(same_instance(&w, &v));
	assert_int_equal(link_message(fd, 0x8003, 6, 5), -2);
	close(fd);
	process_end(p, SIGTERM);
}

static void user_signal_restarts_the_first_sp(void **state)
{
	struct process *p = *state;
	struct secure_link_welcome w, v;
	struct secure_link_doorbell d;
	int fd;

	process_start(p, OPTIONS("--sp", "strict:0x8003", "--sp", "strict:0x8004"));
	fd = link_open(p, 7, &w);
	assert_int_equal(link_message(fd, 0x8003, 4, 5), 0);
	assert_int_equal(link_message(fd, 0x8004, 4, 5), 0);
	kill(p->pid, SIGUSR1);
	assert_int_equal(link_read(fd, &d, sizeof(d)), sizeof(d));
	assert_int_equal(d.sp, 0x8003);
	assert_int_equal(d.generation, 2);
	assert_int_equal(link_message(fd, 0x8003, 6, 5), -2);
	assert_int_equal(link_message(fd, 0x8004, 6, 5), 0);
	close(fd);
	fd = link_open(p, 8, &v);
	assert_true(same_instance(&w, &v));
	assert_int_equal(v.sp[0].generation, 2);
	assert_int_equal(v.sp[1].generation, 1);
	close(fd);
	process_end(p, SIGTERM);
}

/* It sleeps in epoll_wait(): what it had is done, and what comes now it sees in the order in which it comes. */
static void wait_until_asleep(const struct process *p)
{
	char path[32], line[512];

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", p->pid);
	for (char state = 0; state != 'S'; sched_yield()) {
		FILE *file = fopen(path, "re");

		assert_non_null(file);
		assert_non_null(fgets(line, sizeof(line), file));
		assert_int_equal(sscanf(strrchr(line, ')'), ") %c", &state), 1);
		(void)fclose(file);
	}
}

static void stop(const struct process *p)
{
	int status;

	wait_until_asleep(p);
	kill(p->pid, SIGSTOP);
	assert_int_equal(waitpid(p->pid, &status, WUNTRACED), p->pid);
	assert_true(WIFSTOPPED(status));
}

/* Whether the bell of another instance is heard before this answer. */
static bool bell_came_first(int fd, uint32_t generation)
{
	union {
		struct secure_link_header header;
		struct secure_link_doorbell bell;
		struct secure_link_call call;
	} f[2];

	for (unsigned i = 0; i < 2; i++)
		assert_true(link_read(fd, &f[i], sizeof(f[i])) >= sizeof(f[i].header));
	assert_int_equal(f[0].header.kind + f[1].header.kind, SECURE_LINK_DOORBELL + SECURE_LINK_COMPLETE);
	assert_int_equal(f[f[1].header.kind == SECURE_LINK_DOORBELL].bell.generation, generation);
	return f[0].header.kind == SECURE_LINK_DOORBELL;
}

/* Else what this one has been told is taken for something that went with the one before. */
static void another_instance_is_told_of_before_it_answers(void **state)
{
	const uint64_t created[8] = { 0x8400006F, 0x8003, 0x80000004, 0xFFFFFFFF, 0xFFFFFFFF, 5 };
	struct process *p = *state;
	struct secure_link_welcome w;
	unsigned new_one = 0;
	int fd;

	process_start(p, OPTIONS("--sp", "strict:0x8003"));
	fd = link_open(p, 7, &w);
	for (uint32_t i = 0; i < 20; i++) {
		bool first, known;

		stop(p);
		if (i % 2)
			link_submit(fd, 1000 + i, created);
		kill(p->pid, SIGUSR1);
		if (i % 2 == 0)
			link_submit(fd, 1000 + i, created);
		kill(p->pid, SIGCONT);
		first = bell_came_first(fd, 2 + i);
		known = link_message(fd, 0x8003, 6, 5) == 0;
		assert_true(first || !known);
		new_one += known;
	}
	assert_int_equal(new_one, 10);
	close(fd);
	process_end(p, SIGTERM);
}

#define WITH_PROCESS(f) cmocka_unit_test_setup_teardown(f, process_setup, process_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		WITH_PROCESS(books_outlive_the_link),
		WITH_PROCESS(the_state_file_outlives_a_kill),
		WITH_PROCESS(hangup_signal_resets_the_secure_world),
		WITH_PROCESS(user_signal_restarts_the_first_sp),
		WITH_PROCESS(another_instance_is_told_of_before_it_answers),
	};

	if (argc < 2)
		return 77;
	process_program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
