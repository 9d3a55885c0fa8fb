/* SPDX-License-Identifier: Apache-2.0 */

/* lifecyclectl as people and scripts use it: output, exit codes, one clear line when it fails. */

#include "ctl.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/errors.h"

static void lists(void **state)
{
	struct run r = ctl(*state, CTL("list"));

	assert_int_equal(r.code, 0);
	assert_true(strncmp(r.output, "NAME", 4) == 0);
	assert_null(strchr(r.output, '\033')); /* no terminal, no colours */
	run_free(&r);
	r = ctl(*state, CTL("-q", "list"));
	assert_string_equal(r.output, "broken\ndb\nhangup\nslow\nstuck\nweb\n");
	run_free(&r);
	r = ctl(*state, CTL("list", "[ws]*", "--no-legend"));
	assert_true(strncmp(r.output, "slow", 4) == 0);
	assert_null(strstr(r.output, "db"));
	run_free(&r);
	expect(*state, CTL("list", "web", "nobody"), 4, "web", "no VM is called 'nobody'");
	expect(*state, CTL("list"), 0, "  user-abort, stuck at 0x8001, 0x8003, 1 old life settles\n", NULL);
	expect(*state, CTL("list", "stuck", "-o", "json"), 0, "\"old_lives\":1,\"stuck_sps\":[32769,32771]", NULL);
}

static void shows_a_page(void **state)
{
	expect(*state, CTL("status", "web"), 0, "Last end: guest-reboot, life 41, 2023-11-14 22:13:20", NULL);
	expect(*state, CTL("status", "web"), 0, "    | nine\n    | ?[31mten\n", NULL);
	expect(*state, CTL("status", "web"), 0, "the guest said ?[2Jso", NULL);
	expect(*state, CTL("status", "web"), 0, "vCPUs: 3: 2 running for ", NULL);
	expect(*state, CTL("status", "web"), 0, ", 1 waiting\n", NULL);
	expect(*state, CTL("status", "stuck"), 0, "waits on sp 0x8001", NULL);
	expect(*state, CTL("status", "slow"), 0, ", waits on vm 'web', which is ahead of it at sp 0x8001, for ", NULL);
	expect(*state, CTL("status", "stuck"), 0, "tried 12 times, without limit", NULL);
	expect(*state, CTL("status", "stuck"), 0,
		"stuck: secure partitions 0x8001, 0x8003 have not taken the end of a life in time, they are asked again\n", NULL);
	expect(*state, CTL("status", "stuck"), 0, "\nOld lives that still settle: 1\n    LIFE  FF-A ID  SP      DEBT ", NULL);
	expect(*state, CTL("status", "stuck"), 0, "\n    9     0x0005   0x8002  creating  -    ", NULL);
	expect(*state, CTL("status", "stuck", "-o", "json"), 0, "\"old_peers\":[{\"vm\":\"stuck\",\"life\":9,\"old\":true,", NULL);
	expect(*state, CTL("status", "web", "-o", "json"), 0, "\"old_peers\":[]", NULL);
	expect(*state, CTL("status", "nobody", "web"), 4, "Life: 42", "no VM is called 'nobody'");
}

/* Each verb's JSON parses; monitor's does line by line. */
static void speaks_json(void **state)
{
	expect_json(*state, CTL("list", "-o", "json"), json_type_array);
	expect_json(*state, CTL("list", "--output=json-pretty", "no*"), json_type_array);
	expect_json(*state, CTL("status", "web", "stuck", "-o", "json"), json_type_array);
	expect_json(*state, CTL("partitions", "-o", "json"), json_type_array);
	expect_json(*state, CTL("why", "web", "-o", "json"), json_type_array);
	expect_json(*state, CTL("peers", "-o", "json"), json_type_array);
	expect_json(*state, CTL("trace", "-o", "json-pretty"), json_type_array);
	expect_json(*state, CTL("start", "db", "nobody", "-o", "json"), json_type_array);
	expect_json(*state, CTL("restart", "db", "-o", "json-pretty"), json_type_array);
	expect_json(*state, CTL("abort", "db", "--no-block", "-o", "json"), json_type_array);
	expect_json(*state, CTL("destroy", "db", "-o", "json"), json_type_array);
	expect_json(*state, CTL("console", "web", "-o", "json"), json_type_object);
	expect_json(*state, CTL("help", "-o", "json"), json_type_array);
	expect_json(*state, CTL("list", "-o", "json", "--no-legend", "nobody"), json_type_array);
}

/* RFC 7464: each text between a record separator and a line feed. */
static void speaks_json_sequences(void **state)
{
	struct run r = ctl(*state, CTL("list", "-o", "json-seq"));
	int texts = 0;

	for (char *at = r.output; *at; texts++) {
		char *end = strchr(at, '\n');
		struct json_object *o;

		assert_true(*at == '\x1e' && end);
		*end = '\0';
		o = json_tokener_parse(at + 1);
		assert_non_null(json_object_object_get(o, "name"));
		json_object_put(o);
		at = end + 1;
	}
	assert_int_equal(texts, 6);
	run_free(&r);
	expect(*state, CTL("start", "db", "-q"), 0, "", NULL);
	expect(*state, CTL("monitor", "--no-follow", "-o", "json-seq"), 0, "\x1e{\"event\":", NULL);
	expect(*state, CTL("cat", "web", "-o", "json-seq"), 0, "\x1e{", NULL);
}

static void monitor_prints_one_object_a_line(void **state)
{
	struct run r;
	int lines = 0;

	expect(*state, CTL("start", "db", "-q"), 0, "", NULL);
	r = ctl(*state, CTL("monitor", "--no-follow", "-o", "json-pretty"));
	for (char *line = strtok(r.output, "\n"); line; line = strtok(NULL, "\n"), lines++) {
		struct json_object *o = json_tokener_parse(line);

		assert_non_null(json_object_object_get(o, "event"));
		json_object_put(o);
	}
	assert_true(lines >= 6);
	run_free(&r);
}

static void monitor_prints_the_tail_as_a_table(void **state)
{
	expect(*state, CTL("start", "db", "-q"), 0, "", NULL);
	expect(*state, CTL("monitor", "--no-follow"), 0, "created/announcing -> running", NULL);
	expect(*state, CTL("monitor", "--no-follow", "db"), 0, "sp 0x8001: creating -> known, answered-0 after 3 tries", NULL);
	expect(*state, CTL("monitor", "--no-follow", "--since", "3"), 0, "running", "has not every change since 3");
}

/* The daemon closes every stream; what happens meanwhile is seen all the same, for it is replayed. */
static void monitor_goes_on_after_a_hang_up(void **state)
{
	const char *const argv[] = { LIFECYCLECTL, "monitor", "-o", "json", "--since", "100", NULL };
	struct run r;
	char line[1024];

	run_begin(&r, *state, argv);
	expect(*state, CTL("start", "db", "--no-block"), 0, "accepted", NULL);
	do
		assert_non_null(fgets(line, sizeof(line), r.out));
	while (!strstr(line, "\"to\":\"running\""));
	expect(*state, CTL("start", "hangup", "--no-block"), 0, "accepted", NULL);
	do
		assert_non_null(fgets(line, sizeof(line), r.out));
	while (!strstr(line, "\"name\":\"hangup\"") || !strstr(line, "\"to\":\"running\""));
	assert_int_equal(kill(r.pid, SIGINT), 0);
	run_end(&r);
	assert_int_equal(r.code, 130);
	assert_non_null(strstr(r.errors, "hung up"));
	run_free(&r);
}

static void waits_for_the_goal(void **state)
{
	expect(*state, CTL("start", "db"), 0, "db: running, life 102, FF-A id 0x0007", NULL);
	expect(*state, CTL("start", "db"), 0, "db: running, life 102", NULL);
	expect(*state, CTL("restart", "db", "web"), 0, "web: running, life 1", NULL);
	expect(*state, CTL("stop", "db"), 0, "db: has no life", NULL);
	expect(*state, CTL("start", "db"), 0, "db: running, life 1", NULL);
	expect(*state, CTL("abort", "db"), 0, "db: has no life", NULL);
	expect(*state, CTL("abort", "db"), 0, "db: has no life", NULL);
	expect(*state, CTL("destroy", "db"), 0, "db: gone", NULL);
	expect(*state, CTL("destroy", "db"), 4, "", "no VM is called 'db'");
}

static void tells_what_did_not_come_true(void **state)
{
	expect(*state, CTL("start", "broken"), 1, "", "it ended before it ran: start-failed");
	expect(*state, CTL("abort", "stuck", "--timeout=0.01"), 1, "",
		"not done in time; it is aborting/retiring, waits on sp 0x8001, tried 12 times");
	expect(*state, CTL("start", "slow", "--timeout", "0"), 1, "", "goes on in the background");
	expect(*state, CTL("abort", "stuck", "--no-block"), 0, "stuck: abort accepted", NULL);
	expect(*state, CTL("stop", "web"), 19, "", "stop web: it listens to no power key and runs on");
	expect(*state, CTL("stop", "web", "--no-block"), 0, "web: stop accepted", NULL);
}

static void a_rehearsal_does_nothing(void **state)
{
	expect(*state, CTL("abort", "--dry-run", "web"), 0, "web: its life would end, by force\n", NULL);
	expect(*state, CTL("stop", "--dry-run", "db"), 7, "", "stop db would be refused: there is no life to end");
	expect(*state, CTL("destroy", "--dry-run", "d*", "nobody", "-o", "json"), 4, "[{\"name\":\"db\",\"verb\":\"destroy\",\"would\":", "no VM");
	expect(*state, CTL("abort", "--dry-run", "web", "--if-life=41"), 8, "", "abort web would be refused: that life is over");
	expect(*state, CTL("resume", "--dry-run", "stuck"), 7, "", "only a VM that is paused can go on");
	expect(*state, CTL("shutdown", "--dry-run", "-o", "json"), 0,
		"[{\"name\":\"stuck\",\"verb\":\"shutdown\",\"would\":\"its life would end\",\"exit_code\":0},{\"name\":\"web\",", NULL);
	expect(*state, CTL("shutdown", "--dry-run"), 0, "stuck: its life would end\nweb: its life would end\n", NULL);
	expect(*state, CTL("status", "web"), 0, "Life: 42", NULL);
	expect(*state, CTL("lease", "--dry-run", "web", "--", "true"), 2, "", "lease does not take --dry-run");
}

static void every_refusal_has_its_exit_code(void **state)
{
#define ROW(symbol, word, number, code)                                                                                \
	if (symbol != REFUSED_NOT)                                                                                     \
		expect(*state, CTL("abort", "refuse-" word), code, "", "refused because the test says " word);
	REFUSALS(ROW)
#undef ROW
	expect(*state, CTL("abort", "web", "--if-life=41"), 8, "", "web has life 42, not 41");
	expect(*state, CTL("console", "db"), 14, "", "never had a console");
	expect(*state, CTL("define", "/dev/null"), 6, "", "/dev/null:1:1: expected '{'");
	expect(*state, CTL("define", "/nonexistent"), 1, "", "cannot read /nonexistent: No such file");
}

static void defines_from_a_file(void **state)
{
	const struct fixture *f = *state;
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/definition", f->directory);
	file = fopen(path, "we");
	(void)fputs("{}", file);
	(void)fclose(file);
	expect(f, CTL("define", path), 0, "new: defined\n", NULL);
	expect_json(f, CTL("define", path, "-o", "json"), json_type_object);
	assert_int_equal(truncate(path, 65537), 0);
	expect(f, CTL("define", path), 6, "", "more than the 64 KiB");
	assert_int_equal(truncate(path, 3), 0);
	expect(f, CTL("define", path), 6, "", "zero byte");
}

static void bad_usage_is_2(void **state)
{
	expect(*state, CTL("frobnicate"), 2, "", "no verb is called 'frobnicate'");
	expect(*state, CTL("start"), 2, "", "start needs NAME...");
	expect(*state, CTL("define", "a", "b"), 2, "", "no more");
	expect(*state, CTL("list", "--tail=3"), 2, "", "does not take");
	expect(*state, CTL("start", "db", "--timeout=x"), 2, "", "--timeout takes seconds");
	expect(*state, CTL("start", "db", "--timeout=-1"), 2, "", "--timeout takes seconds");
	expect(*state, CTL("start", "db", "--timeout=nan"), 2, "", "--timeout takes seconds");
	expect(*state, CTL("abort", "db", "--if-life=-1"), 2, "", "--if-life takes a number");
	expect(*state, CTL("abort", "db", "web", "--if-life=1"), 2, "", "--if-life means one VM");
	expect(*state, CTL("list", "-o", "xml"), 2, "", "--output is table, json, json-pretty or json-seq");
	expect(*state, CTL("list", "--frobnicate"), 2, "", "lifecyclectl: there is no option '--frobnicate'; try 'lifecyclectl --help'\n");
	expect(*state, CTL("list", "--tial=3"), 2, "", "there is no option '--tial', did you mean '--tail'? Try 'lifecyclectl --help'\n");
	expect(*state, CTL("lsit"), 2, "", "no verb is called 'lsit', did you mean 'list'? Try 'lifecyclectl --help'\n");
	expect(*state, CTL("help", "lsit"), 2, "", "did you mean 'list'? Try 'lifecyclectl --help'\n");
	expect(*state, CTL("list", "-qx"), 2, "", "there is no option '-x'");
	expect(*state, CTL("list", "--quiet=3"), 2, "", "--quiet takes no argument");
	expect(*state, CTL("list", "--output"), 2, "", "--output needs FORMAT");
	expect(*state, CTL("list", "-o"), 2, "", "--output needs FORMAT");
	expect(*state, CTL("list", "--no"), 2, "", "'--no' is the beginning of several options");
	expect(*state, CTL("reload", "x"), 2, "", "reload takes no argument; try 'lifecyclectl help reload'");
	expect(*state, CTL("list", "--bus=nonsense"), 3, "", "cannot reach lifecycled on the bus 'nonsense'");
	expect(*state, CTL("list", "--tail=3"), 2, "", "list does not take --tail; try 'lifecyclectl help list'");
	expect(*state, CTL("--version"), 0, "lifecyclectl ", NULL);
}

static void helps_with_one_verb(void **state)
{
	struct run r;

	expect(*state, CTL("--help"), 0, "Verbs:", NULL);
	expect(*state, CTL("help", "frobnicate"), 2, "", "no verb is called 'frobnicate'");
	expect(*state, CTL("console", "--help"), 0, "  -f, --follow          go on as the guest goes on\n", NULL);
	expect(*state, CTL("-q", "help"), 0, "\nconsole\tNAME\tShow what the guest said\n", NULL);
	expect(*state, CTL("-q", "help", "trace"), 0, "--follow\t-f\t-\tgo on with each frame as it comes\n", NULL);
	expect_json(*state, CTL("help", "-o", "json", "start"), json_type_array);
	r = ctl(*state, CTL("help", "start"));
	assert_true(strncmp(r.output, "lifecyclectl start [OPTION...] NAME...\n", 39) == 0);
	assert_non_null(strstr(r.output, "--bound"));
	assert_null(strstr(r.output, "--tail"));
	assert_null(strstr(r.output, "--quiet"));
	run_free(&r);
}

/* Of all that match, or nothing at all is done. */
static void patterns_stand_for_names(void **state)
{
	struct run r = ctl(*state, CTL("status", "[ws]*b", "web", "d?"));
	const char *web = strstr(r.output, "web  running"), *db = strstr(r.output, "db  null");

	assert_int_equal(r.code, 0);
	assert_true(web && db && web < db && !strstr(web + 1, "web  running") && !strstr(r.output, "slow  "));
	run_free(&r);
	expect(*state, CTL("start", "d*", "x*"), 4, "", "start: no VM's name matches 'x*'; 'lifecyclectl list' shows all");
	expect(*state, CTL("status", "db"), 0, "Life: none", NULL);
	expect(*state, CTL("start", "d*"), 0, "db: running", NULL);
	expect(*state, CTL("abort", "*b", "--if-life=42"), 2, "", "--if-life means one VM, but 2 are named");
	expect(*state, CTL("console", "*"), 2, "", "console takes NAME and no more");
	expect(*state, CTL("lease", "*b", "--", "true"), 2, "", "lease takes one VM, and '*b' means 2");
	expect(*state, CTL("lease", "we*", "--", "true"), 1, "", "lease web: "); /* this daemon knows none */
	expect(*state, CTL("cat", "web", "nobody"), 4, NULL, "no VM is called 'nobody'");
}

static void prints_the_console(void **state)
{
	struct run r = ctl(*state, CTL("console", "web", "--tail", "2"));

	assert_string_equal(r.output, "nine\r\n\033[31mten\r\n"); /* into a pipe: as it is */
	assert_int_equal(r.code, 0);
	run_free(&r);
	expect(*state, CTL("console", "web", "--tail=0"), 0, "", NULL);
	expect(*state, CTL("console", "web"), 0, "booting\r\n", NULL);
}

static void following_a_console_ends_with_the_life(void **state)
{
	const char *const argv[] = { LIFECYCLECTL, "console", "web", "-f", NULL };
	struct run r;
	char line[256];

	run_begin(&r, *state, argv);
	assert_non_null(fgets(line, sizeof(line), r.out));
	expect(*state, CTL("abort", "web"), 0, "", NULL);
	run_end(&r);
	assert_int_equal(r.code, 0);
	assert_non_null(strstr(r.errors, "the life is over"));
	run_free(&r);
}

/* The signal is blocked until the program waits, so it cannot come too early (run_begin). */
static void interrupt_says_what_goes_on(void **state)
{
	struct fixture *f = *state;
	const char *const argv[] = { LIFECYCLECTL, "start", "slow", NULL };
	struct run r;

	run_begin(&r, f, argv);
	fixture_await(f, "Start slow");
	assert_int_equal(kill(r.pid, SIGINT), 0);
	run_end(&r);
	assert_int_equal(r.code, 130);
	assert_non_null(strstr(r.errors, "interrupted"));
	assert_non_null(strstr(r.errors, "goes on in the background"));
	run_free(&r);
}

static int setup_empty_bus(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (fixture_open(f, false) == 77)
		exit(77);
	*state = f;
	return 0;
}

static void no_daemon_is_3(void **state)
{
	struct fixture *f = *state;
	char bus[160];

	expect(f, CTL("list"), 3, "", "cannot reach lifecycled on the bus 'unix:path=");
	expect(f, CTL("start", "web"), 3, "", "cannot reach lifecycled");
	expect(f, CTL("monitor"), 3, "", "cannot reach lifecycled");
	(void)snprintf(bus, sizeof(bus), "--bus=unix:path=%s/nobody", f->directory);
	expect(f, CTL("list", bus), 3, "", "cannot reach lifecycled");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lists),
		TEST(shows_a_page),
		TEST(speaks_json),
		TEST(speaks_json_sequences),
		TEST(monitor_prints_one_object_a_line),
		TEST(monitor_prints_the_tail_as_a_table),
		TEST(monitor_goes_on_after_a_hang_up),
		TEST(waits_for_the_goal),
		TEST(tells_what_did_not_come_true),
		TEST(a_rehearsal_does_nothing),
		TEST(every_refusal_has_its_exit_code),
		TEST(defines_from_a_file),
		TEST(bad_usage_is_2),
		TEST(helps_with_one_verb),
		TEST(patterns_stand_for_names),
		TEST(prints_the_console),
		TEST(following_a_console_ends_with_the_life),
		TEST(interrupt_says_what_goes_on),
		cmocka_unit_test_setup_teardown(no_daemon_is_3, setup_empty_bus, ctl_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
