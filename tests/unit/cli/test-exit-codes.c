/* SPDX-License-Identifier: Apache-2.0 */

/* Exit codes: the table, the man page and the library have the same, and each is provoked. */

#include "ctl.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exit_codes.h"

static const struct exit_code *find(int code)
{
	const struct exit_code *found = NULL;

	for (size_t i = 0; i < exit_code_count; i++) {
		if (exit_code_number(&exit_codes[i]) != code)
			continue;
		assert_null(found); /* one code, one meaning */
		found = &exit_codes[i];
	}
	return found;
}

static void each_refusal_has_a_row(void **state)
{
	(void)state;
	for (int r = 1; lifecycle_refusal_from_name(lifecycle_refusal_name(r)) == r; r++) {
		const struct exit_code *e = find(lifecycle_refusal_exit_code(r));

		if (!e || e->refusal != r)
			fail_msg("%s has no row", lifecycle_refusal_name(r));
	}
}

/* Its rows: "|  CODE", then ":  *Error*" or a text. */
static void the_man_page_has_the_same(void **state)
{
	FILE *page = fopen(MAN_PAGE, "re");
	const struct exit_code *row = NULL;
	char line[512], name[64];
	size_t rows = 0;
	int code;

	(void)state;
	assert_non_null(page);
	while (fgets(line, sizeof(line), page) && strcmp(line, "# EXIT STATUS\n") != 0)
		;
	while (fgets(line, sizeof(line), page) && *line != '#') {
		if (sscanf(line, "| %d", &code) == 1) {
			row = find(code);
			if (!row)
				fail_msg("the man page has the code %d, the table does not", code);
			rows++;
		} else if (row && row->refusal) {
			(void)snprintf(name, sizeof(name), "*%s*", lifecycle_refusal_name(row->refusal));
			if (!strstr(line, name))
				fail_msg("the man page calls %d: %s", code, line);
			row = NULL;
		}
	}
	(void)fclose(page);
	assert_int_equal(rows, exit_code_count);
}

/* ---- each is provoked ---- */

static void say_otherwise(int listener)
{
	static const char book[] = "{\"sps\":[{\"id\":\"0x8001\",\"vms\":[{\"id\":99,\"state\":\"known\"}]}]}";

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0 || write(fd, book, sizeof(book) - 1) < 0)
			_exit(1);
		close(fd);
	}
}

/* A secure side that knows a VM of which the daemon knows nothing. */
static int books_that_differ(const struct fixture *f)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	char option[160];
	struct run r;
	pid_t pid;

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/inspect", f->directory);
	(void)snprintf(option, sizeof(option), "--secure-view=%s/inspect", f->directory);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 8), 0);
	pid = fork();
	if (pid == 0)
		say_otherwise(listener);
	r = ctl(f, CTL("partitions", option));
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	close(listener);
	(void)unlink(address.sun_path);
	run_free(&r);
	return r.code;
}

static int interrupted(const struct fixture *f)
{
	const char *const argv[] = { LIFECYCLECTL, "wait", "db", "web", NULL };
	struct run r;

	run_begin(&r, f, argv);
	await_line(&r, "db: has no life");
	(void)kill(r.pid, SIGINT);
	run_end(&r);
	run_free(&r);
	return r.code;
}

/* As a program sees it that was started with these arguments. */
static int code_of(const struct fixture *f, const char *const *argv)
{
	struct run r = ctl(f, argv);

	assert_true(r.code == 0 || (strncmp(r.errors, "lifecyclectl: ", 14) == 0 && strchr(r.errors, '\n') == strrchr(r.errors, '\n')));
	run_free(&r);
	return r.code;
}

static int provoke(const struct fixture *f, const struct exit_code *e)
{
	char name[80];

	(void)snprintf(name, sizeof(name), "refuse-%s", lifecycle_refusal_name(e->refusal));
	if (e->refusal)
		return code_of(f, CTL("abort", name));
	switch (e->code) {
	case 0:
		return code_of(f, CTL("list"));
	case CLI_FAILED:
		return code_of(f, CTL("start", "broken"));
	case CLI_USAGE:
		return code_of(f, CTL("start"));
	case CLI_NO_DAEMON:
		return code_of(f, CTL("list", "--bus=unix:path=/nonexistent"));
	case CLI_UNHEARD:
		return code_of(f, CTL("stop", "web"));
	case CLI_DIFFERS:
		return books_that_differ(f);
	case CLI_INTERRUPTED:
		return interrupted(f);
	default:
		return -1;
	}
}

static void each_is_provoked(void **state)
{
	for (size_t i = 0; i < exit_code_count; i++) {
		int code = provoke(*state, &exit_codes[i]);

		if (code != exit_code_number(&exit_codes[i]))
			fail_msg("%s: exit code %d, not %d", exit_codes[i].meaning, code, exit_code_number(&exit_codes[i]));
	}
}

static void help_lists_them(void **state)
{
	expect(*state, CTL("help", "exit-codes"), 0, "\n4     NoSuchVM           no VM has this name, or none matches\n", NULL);
	expect(*state, CTL("help", "exit-codes", "-j"), 0, "{\"exit_code\":19,\"error\":\"-\",", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_refusal_has_a_row),
		cmocka_unit_test(the_man_page_has_the_same),
		TEST(each_is_provoked),
		TEST(help_lists_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
