/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"

/* What becomes of a process that says something to an stderr that nobody reads any more. */
static int status_of_one_that_speaks(int stderr_fd)
{
	pid_t child = fork();
	int status = -1;

	if (child == 0) {
		signal(SIGPIPE, SIG_DFL);
		dup2(stderr_fd, STDERR_FILENO);
		log_error("is anybody there?");
		_exit(0);
	}
	close(stderr_fd);
	(void)waitpid(child, &status, 0);
	return status;
}

static void outlives_who_reads_it(void **state)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	assert_int_equal(status_of_one_that_speaks(ends[1]), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	close(ends[0]);
	assert_int_equal(status_of_one_that_speaks(ends[1]), 0);
}

static void is_read(void **state)
{
	char text[128] = "";
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(status_of_one_that_speaks(ends[1]), 0);
	assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
	assert_non_null(strstr(text, "is anybody there?"));
	close(ends[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_read),
		cmocka_unit_test(outlives_who_reads_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
