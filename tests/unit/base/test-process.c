/* SPDX-License-Identifier: Apache-2.0 */

/* Programs that are started: what they get of us, and what they do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"

/* Runs a line of shell; its exit status, or -1. */
static int shell(const char *line, char *const more[])
{
	char copy[512], *argv[] = { (char[]){ "/bin/sh" }, (char[]){ "-c" }, copy, NULL };
	int status;
	pid_t pid;

	strcpy(copy, line);
	assert_int_equal(process_spawn(&pid, argv, more), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void what_is_said_comes_before_what_was_there(void **unused)
{
	char *const more[] = { (char[]){ "FIRST=ours" }, (char[]){ "SECOND=two words" }, NULL };

	setenv("FIRST", "theirs", 1);
	setenv("THIRD", "kept", 1);
	assert_int_equal(shell("test \"$FIRST\" = ours && test \"$SECOND\" = 'two words' && test \"$THIRD\" = kept", more), 0);
	assert_int_equal(shell("test \"$FIRST\" = theirs && test -z \"$SECOND\"", NULL), 0);
}

static void what_the_service_manager_gave_is_kept_back(void **unused)
{
	setenv("NOTIFY_SOCKET", "/nowhere", 1);
	setenv("WATCHDOG_USEC", "1", 1);
	setenv("LISTEN_FDS", "1", 1);
	assert_int_equal(shell("test -z \"$NOTIFY_SOCKET$WATCHDOG_USEC$LISTEN_FDS\"", NULL), 0);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("LISTEN_FDS");
}

static void it_gets_three_files_and_stdin_has_nothing(void **unused)
{
	int left_open = open("/dev/null", O_RDONLY); /* without O_CLOEXEC, for once */

	assert_true(left_open > 2);
	assert_int_equal(shell("test ! -e /proc/$$/fd/3 && test ! -e /proc/$$/fd/4 && ! read x", NULL), 0);
	close(left_open);
}

static void it_has_a_group_of_its_own_and_no_signal_is_held_back(void **unused)
{
	sigset_t mask, old;
	int status;
	pid_t pid;

	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	assert_int_equal(sigprocmask(SIG_BLOCK, &mask, &old), 0);
	assert_int_equal(process_spawn(&pid, (char *[]){ (char[]){ "/bin/sleep" }, (char[]){ "1000" }, NULL }, NULL), 0);
	assert_int_equal(sigprocmask(SIG_SETMASK, &old, NULL), 0);
	assert_int_equal(getpgid(pid), pid);
	assert_int_equal(kill(-pid, SIGTERM), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static void what_is_not_there_is_an_error(void **unused)
{
	pid_t pid;

	assert_int_equal(process_spawn(&pid, (char *[]){ (char[]){ "/nowhere" }, NULL }, NULL), -ENOENT);
	assert_int_equal(process_spawn(&pid, (char *[]){ (char[]){ "/etc/passwd" }, NULL }, NULL), -EACCES);
}

static void a_pid_and_its_start_are_one_process(void **unused)
{
	uint64_t ours, again, theirs;
	struct pollfd f = { .events = POLLIN };
	pid_t pid;

	assert_int_equal(process_start_time(getpid(), &ours), 0);
	assert_int_equal(process_spawn(&pid, (char *[]){ (char[]){ "/bin/sleep" }, (char[]){ "1000" }, NULL }, NULL), 0);
	f.fd = process_open(pid);
	assert_true(f.fd >= 0);
	assert_int_equal(process_start_time(pid, &theirs), 0);
	assert_int_equal(process_start_time(pid, &again), 0);
	assert_true(theirs == again && theirs >= ours);
	assert_int_equal(poll(&f, 1, 0), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(poll(&f, 1, 20000), 1);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(process_start_time(pid, &again), -ESRCH);
	assert_int_equal(process_open(pid), -ESRCH);
	close(f.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_said_comes_before_what_was_there),
		cmocka_unit_test(what_the_service_manager_gave_is_kept_back),
		cmocka_unit_test(it_gets_three_files_and_stdin_has_nothing),
		cmocka_unit_test(it_has_a_group_of_its_own_and_no_signal_is_held_back),
		cmocka_unit_test(what_is_not_there_is_an_error),
		cmocka_unit_test(a_pid_and_its_start_are_one_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
