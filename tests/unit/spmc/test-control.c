/* SPDX-License-Identifier: Apache-2.0 */
/* Real processes: one hosts SPs, others tell it what happens to them. */
#include "process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static char control[128];

static int begin(void **state)
{
	static struct process p;

	process_make(&p);
	(void)snprintf(control, sizeof(control), "%s/control", p.dir);
	*state = &p;
	return 0;
}

static int end(void **state)
{
	(void)unlink(control);
	process_remove(*state);
	return 0;
}

/* Its exit code; what it complains of is not looked at. */
static int tell(const char *command)
{
	const char *argv[] = { process_program, "--control", control, "--tell", command, NULL };
	posix_spawn_file_actions_t quiet;
	pid_t pid;
	int status;

	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
	assert_int_equal(posix_spawn(&pid, process_program, &quiet, NULL, (char **)argv, environ), 0);
	posix_spawn_file_actions_destroy(&quiet);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static int field(const struct process *p, const char *key)
{
	struct json_object *document = process_inspect(p), *sps, *value;
	int n;

	assert_true(json_object_object_get_ex(document, "sps", &sps));
	assert_true(json_object_object_get_ex(json_object_array_get_idx(sps, 0), key, &value));
	n = json_object_get_int(value);
	json_object_put(document);
	return n;
}

static void what_is_told_happens(void **state)
{
	struct process *p = *state;
	struct secure_link_welcome welcome;
	int fd;

	process_start(p, (const char *const[]){ "--control", control, "--sp", "hafnium:0x8001:abort-action=stop", NULL });
	fd = link_open(p, 1, &welcome);
	assert_int_equal(link_message(fd, 0x8001, 4, 5), 0);
	assert_int_equal(field(p, "generation"), 1);
	assert_int_equal(tell("restart 0x8001"), 0);
	assert_int_equal(field(p, "generation"), 2);
	assert_int_equal(tell("crash 0x8001"), 0);
	assert_int_equal(tell("crash 0x8001"), 1); /* it is down */
	close(fd);
	assert_int_equal(process_end(p, SIGTERM), 0);
	assert_int_equal(access(control, F_OK), -1);
}

static void what_cannot_be_is_refused(void **state)
{
	static const char *const bad[] = { "", "boom 0x8001", "crash", "crash 0x9000", "crash 0x8001 now", "reset 0x8001", "activate 0x8001" };
	struct process *p = *state;

	process_start(p, (const char *const[]){ "--control", control, "--sp", "strict:0x8001", NULL });
	for (size_t i = 1; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (tell(bad[i]) != 1)
			fail_msg("taken: %s", bad[i]);
	assert_int_equal(field(p, "generation"), 1);
	assert_int_equal(process_end(p, SIGTERM), 0);
}

static void without_a_control_socket_nobody_is_told(void **state)
{
	struct process *p = *state;

	process_start(p, (const char *const[]){ "--sp", "strict:0x8001", NULL });
	assert_int_equal(tell("restart 0x8001"), 2);
	assert_int_equal(process_end(p, SIGTERM), 0);
}

/* More who connect and say nothing than there is room for: who speaks is heard. */
static void the_silent_make_room(void **state)
{
	struct process *p = *state;

	process_start(p, (const char *const[]){ "--control", control, "--sp", "strict:0x8001", NULL });
	for (int i = 1; i <= 20; i++) {
		assert_int_equal(tell("restart 0x8001"), 0);
		assert_int_equal(field(p, "generation"), 1 + i);
	}
	assert_int_equal(process_end(p, SIGTERM), 0);
}

/* Things happen by themselves, and the hypervisor is told by the doorbell. */
static void a_schedule_is_followed(void **state)
{
	struct process *p = *state;
	struct secure_link_welcome welcome;
	struct secure_link_doorbell bell;
	int fd;

	process_start(p, (const char *const[]){ "--schedule", "restart=20", "--seed", "3", "--sp", "strict:0x8001", NULL });
	fd = link_open(p, 1, &welcome);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(link_read(fd, &bell, sizeof(bell)), sizeof(bell));
		assert_int_equal(bell.header.kind, SECURE_LINK_DOORBELL);
	}
	assert_true(field(p, "generation") >= 4);
	close(fd);
	assert_int_equal(process_end(p, SIGTERM), 0);
}

static int member(struct json_object *o, const char *key)
{
	struct json_object *value;

	assert_true(json_object_object_get_ex(o, key, &value));
	return json_object_get_int(value);
}

/* The same from a file; the command line has the last word. What is followed can be read. */
static void a_schedule_can_be_in_the_file(void **state)
{
	struct process *p = *state;
	struct secure_link_welcome welcome;
	struct secure_link_doorbell bell;
	struct json_object *o, *schedule;
	char path[128];
	FILE *f;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/world.json", p->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs("{\"seed\":9,\"schedule\":{\"restart\":20,\"crash\":1},"
			  "\"sps\":[{\"personality\":\"strict\",\"id\":32769}]}", f) > 0);
	assert_int_equal(fclose(f), 0);
	process_start(p, (const char *const[]){ "--sps", path, "--schedule", "crash=0", NULL });
	fd = link_open(p, 1, &welcome);
	for (int i = 0; i < 3; i++)
		assert_int_equal(link_read(fd, &bell, sizeof(bell)), sizeof(bell));
	o = process_inspect(p);
	assert_int_equal(member(o, "seed"), 9);
	assert_true(json_object_object_get_ex(o, "schedule", &schedule));
	assert_int_equal(json_object_object_length(schedule), 1);
	assert_int_equal(member(schedule, "restart"), 20);
	json_object_put(o);
	assert_true(field(p, "generation") >= 4);
	close(fd);
	(void)unlink(path);
	assert_int_equal(process_end(p, SIGTERM), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_told_happens),
		TEST(what_cannot_be_is_refused),
		TEST(without_a_control_socket_nobody_is_told),
		TEST(the_silent_make_room),
		TEST(a_schedule_is_followed),
		TEST(a_schedule_can_be_in_the_file),
	};

	process_program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
