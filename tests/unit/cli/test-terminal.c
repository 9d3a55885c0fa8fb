/* SPDX-License-Identifier: Apache-2.0 */

/* lifecyclectl on a terminal, and not: pager, colours, the width of lines, what -j means. */

#include "terminal.h"

#include <stdlib.h>
#include <string.h>

#define WIDE 200

static void expect_there(const struct fixture *f, const char *const *environment, const char *const *argv, const char *has, const char *lacks)
{
	int code;
	char *text = on_terminal(f, WIDE, environment, argv, &code);

	if (code != 0 || (has && !strstr(text, has)) || (lacks && strstr(text, lacks)))
		fail_msg("%s %s: exit code %d, or not '%s', or '%s':\n%s", argv[1], argv[2] ? argv[2] : "", code, has ? has : "", lacks ? lacks : "", text);
	free(text);
}

#define SED "PAGER=sed s/^/PAGED/"

static void pages_what_may_be_long(void **state)
{
	expect_there(*state, ENVIRONMENT("NO_COLOR=1", SED), CTL("list"), "PAGEDNAME", NULL);
	expect_there(*state, ENVIRONMENT("NO_COLOR=1", SED), CTL("status", "web"), "PAGEDweb", NULL);
	expect_there(*state, ENVIRONMENT("NO_COLOR=1", SED), CTL("list", "-j"), "PAGED[", NULL);
	expect_there(*state, ENVIRONMENT("NO_COLOR=1", SED, "SYSTEMD_PAGER=sed s/^/THEIRS/"), CTL("list"), "THEIRSNAME", "PAGED");
	expect_there(*state, ENVIRONMENT("PAGER=env"), CTL("list"), "\nLESS=FRSXMK\n", "LESSSECURE");
	expect_there(*state, ENVIRONMENT("PAGER=env", "LESS=R"), CTL("list"), "LESS=R\n", "FRSXMK");
	expect_there(*state, ENVIRONMENT("PAGER=env", "LESS=R", "SYSTEMD_LESS=X"), CTL("list"), "LESS=X\n", NULL);
	expect_there(*state, ENVIRONMENT("NO_COLOR=1", "PATH=/nonexistent"), CTL("list"), "NAME", NULL); /* there is none */
}

static void pages_nothing_else(void **state)
{
	expect_there(*state, ENVIRONMENT(SED), CTL("list", "--no-pager"), "web", "PAGED");
	expect_there(*state, ENVIRONMENT(SED, "SYSTEMD_PAGER="), CTL("list"), "web", "PAGED");
	expect_there(*state, ENVIRONMENT("PAGER=cat"), CTL("list"), "web", NULL);
	expect_there(*state, ENVIRONMENT(SED, "TERM=dumb"), CTL("list"), "web", "PAGED");
	expect_there(*state, ENVIRONMENT(SED), CTL("start", "db"), "db: running", "PAGED");
	/* root by another's leave gets no pager of his choice, and less no shell */
	expect_there(*state, ENVIRONMENT(SED, "SYSTEMD_PAGERSECURE=1", "PATH=/nonexistent"), CTL("list"), "web", "PAGED");
}

/* A pager that ends first is no error. */
static void a_pager_may_leave_early(void **state)
{
	expect_there(*state, ENVIRONMENT("PAGER=true"), CTL("list"), NULL, "web");
}

static void errors_are_seen_and_the_code_stays(void **state)
{
	int code;
	char *text = on_terminal(*state, WIDE, ENVIRONMENT(SED), CTL("status", "nobody"), &code);

	assert_int_equal(code, 4);
	assert_non_null(strstr(text, "PAGEDlifecyclectl: status nobody: no VM is called 'nobody'"));
	free(text);
}

static void colours_are_for_terminals(void **state)
{
	struct run r;

	expect_there(*state, ENVIRONMENT("PAGER=cat"), CTL("list"), "\033[32m", NULL);
	expect_there(*state, ENVIRONMENT("PAGER=cat", "NO_COLOR=1"), CTL("list"), "web", "\033[");
	expect_there(*state, ENVIRONMENT("PAGER=cat", "NO_COLOR="), CTL("list"), "\033[32m", NULL);
	expect_there(*state, ENVIRONMENT("PAGER=cat", "TERM=dumb"), CTL("list"), "web", "\033[");
	expect_there(*state, ENVIRONMENT("PAGER=cat", "SYSTEMD_COLORS=0"), CTL("list"), "web", "\033[");
	expect_there(*state, ENVIRONMENT("PAGER=cat", "SYSTEMD_COLORS=256", "NO_COLOR=1"), CTL("list"), "\033[32m", NULL);
	expect_there(*state, ENVIRONMENT("PAGER=cat", "SYSTEMD_COLORS=auto"), CTL("list"), "\033[32m", NULL);
	r = ctl(*state, CTL("list"));
	assert_null(strchr(r.output, '\033'));
	run_free(&r);
}

static void lines_fit_the_terminal(void **state)
{
	char *text = on_terminal(*state, 100, ENVIRONMENT("PAGER=cat", "NO_COLOR=1"), CTL("list"), NULL), *copy = strdup(text);

	assert_non_null(strstr(text, "...\n"));
	for (char *line = strtok(copy, "\n"); line; line = strtok(NULL, "\n"))
		assert_true(strlen(line) <= 100);
	free(copy);
	free(text);
	text = on_terminal(*state, 100, ENVIRONMENT("PAGER=cat", "NO_COLOR=1"), CTL("list", "-l"), NULL);
	assert_non_null(strstr(text, "user-abort, stuck at 0x8001, 0x8003, 1 old life settles\n"));
	assert_null(strstr(text, "...\n"));
	free(text);
}

static void j_is_pretty_on_a_terminal(void **state)
{
	struct run r = ctl(*state, CTL("list", "-j"));

	assert_non_null(strstr(r.output, "\"name\":\"web\""));
	run_free(&r);
	expect_there(*state, ENVIRONMENT("PAGER=cat"), CTL("list", "-j"), "\n    \"name\": \"web\"", NULL);
}

/* Once, with the reason that it has, and whatever is done beside it. */
static void says_why_not_all_could_be_written(void **state)
{
	static const char *const verbs[] = { "list", "console web", "console --follow web", "events --no-follow", "monitor -n1" };

	expect(*state, CTL("start", "db", "--no-block", "-q"), 0, "", NULL);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
		char line[512];
		struct run r;

		(void)snprintf(line, sizeof(line), "exec " LIFECYCLECTL " %s >/dev/full", verbs[i]);
		r = ctl(*state, (const char *const[]){ "sh", "-c", line, NULL });
		if (r.code != 1 || strcmp(r.errors, "lifecyclectl: not all could be written to standard output: No space left on device\n") != 0)
			fail_msg("%s: exit code %d: %s", verbs[i], r.code, r.errors);
		run_free(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pages_what_may_be_long),
		TEST(pages_nothing_else),
		TEST(a_pager_may_leave_early),
		TEST(errors_are_seen_and_the_code_stays),
		TEST(colours_are_for_terminals),
		TEST(lines_fit_the_terminal),
		TEST(j_is_pretty_on_a_terminal),
		TEST(says_why_not_all_could_be_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
