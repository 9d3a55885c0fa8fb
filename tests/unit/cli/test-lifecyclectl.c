/* SPDX-License-Identifier: Apache-2.0 */

/* lifecyclectl as people and scripts use it: output, exit codes, one clear line when it fails. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "proto/errors.h"

#define CTL(...) (const char *const[]){ LIFECYCLECTL, __VA_ARGS__, NULL }

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (fixture_open(f, true) == 77)
		exit(77);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	fixture_close(*state);
	free(*state);
	return 0;
}

static struct run ctl(const struct fixture *f, const char *const *argv)
{
	struct run r;

	run_begin(&r, f, argv);
	run_end(&r);
	return r;
}

/* Runs to its end; output, if wanted, must have `out` in it, errors `err`. */
static void expect(const struct fixture *f, const char *const *argv, int code, const char *out, const char *err)
{
	struct run r = ctl(f, argv);

	if (r.code != code || (out && !strstr(r.output, out)) || (err && !strstr(r.errors, err)))
		fail_msg("%s %s: exit code %d, not %d\n%s\n%s", argv[1], argv[2] ? argv[2] : "", r.code, code, r.output, r.errors);
	if (!err)
		assert_string_equal(r.errors, "");
	run_free(&r);
}

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
	expect(*state, CTL("status", "web"), 0, "vCPUs: 3: 2 running, 1 waiting", NULL);
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

static void shows_debts_one_by_one(void **state)
{
	expect(*state, CTL("peers", "stuck"), 0, "destroying, stuck", NULL);
	expect(*state, CTL("peers", "stuck"), 0, "12/15      retry       probe  in 59 min", NULL);
	expect(*state, CTL("peers", "stuck"), 0, "9 (old)", NULL);
	expect(*state, CTL("peers", "--no-legend"), 0, "web     42  0x0001  0x8001  known", NULL);
	expect(*state, CTL("peers", "nobody", "web"), 4, "web", "no VM is called 'nobody'");
	expect(*state, CTL("peers", "stuck", "-o", "json"), 0, "{\"vm\":\"stuck\",\"life\":17,\"old\":false,\"ffa_id\":2,"
		"\"sp\":32769,\"debt\":\"destroying\",\"how\":\"-\",\"stuck\":true,\"place\":\"probe\",\"reply\":\"retry\","
		"\"tries\":12,\"sent\":15,\"since_boottime_us\":1000000,\"next_boottime_us\":", NULL);
	expect(*state, CTL("peers", "web", "-o", "json"), 0, "\"next_boottime_us\":0,\"until_boottime_us\":0,\"ticket\":0}]\n", NULL);
}

static void shows_a_page_of_an_sp(void **state)
{
	const char *page[] = {
		"0x8001  ok, trusty\n        UUID: 00000000-1111-2222-3333-444444444444\n"
		"              11111111-1111-2222-3333-444444444444\nFF-A version: 1.3\n",
		"    Instance: the secure side cannot tell\n    Contexts: 8\n  Subscribed: to nothing\n",
		"        Owed: something by 2 lives: 1 known there, 1 creating, 1 destroying\n",
		"       Stuck: 1 of these, the first for ",
		"; the next probe leaves in 59 min ",
		"   In flight: VM_CREATED of slow, life 18, FF-A id 0x0003\n",
		"        Slot: creates slow, life 18; in line behind: broken, hangup\n",
		"      Queues: 2 in line, 1 ready, 3 in back-off, 4 for the probe\n       Rests: for 1 h 59 min more",
		"    Deadline: in 2 h 59 min, for VM_CREATED of slow, life 18, FF-A id 0x0003\n",
		"Last answers: retry, preempted (the latest last)\n",
		"    VM      LIFE  FF-A ID  DEBT               HOW  FOR ",
		"    broken  19    0x0004   none               -    -",
		"    Messages: 5 sent, 0 answered RETRY, 0 answered 0\n     Answers: 5 ack, 9 retry\n"
		"     Settled: 2 sp-instance-gone\n      Frames: 9 sent, 7 answered, 1 lost with the link\n",
		"\nVM_CREATED, messages beyond the first until it was done:\n"
		"               0         4  ####\n               1         0\n"
		"             2-3        40  ########################################\n",
		"\nFrames, from request to answer:\n   up to 2.05 ms         1  ########################################\n",
	};

	for (size_t i = 0; i < sizeof(page) / sizeof(*page); i++)
		expect(*state, CTL("partitions", "0x8001"), 0, page[i], NULL);
	expect(*state, CTL("partitions", "0x8009", "0x8001"), 12, "0x8001  ok", "no Secure Partition has the id 0x8009");
	expect(*state, CTL("partitions", "1"), 2, "", "an SP is an FF-A id from 0x8000 to 0xffff, not '1'");
	expect(*state, CTL("partitions", "--secure-view", "0x8001"), 2, "", "--secure-view shows all SPs");
	expect(*state, CTL("-q", "partitions"), 0, "0x8001\n", NULL);
}

static void a_page_of_an_sp_is_json_too(void **state)
{
	const char *page[] = {
		"[{\"id\":32769,\"kind\":\"sp\",",
		"\"uuids\":[\"00000000-1111-2222-3333-444444444444\",\"11111111-1111-2222-3333-444444444444\"],",
		"\"ffa_version\":65539,\"sent\":5,\"retried\":0,\"answered\":0,\"in_flight\":true,"
		"\"stuck_since_boottime_us\":1000000,\"next_probe_boottime_us\":",
		"\"queues\":{\"line\":2,\"ready\":1,\"back_off\":3,\"probe\":4},"
		"\"frames\":{\"submitted\":9,\"completed\":7,\"lost\":1},\"verdicts\":{\"ack\":5,\"retry\":9},"
		"\"settled\":{\"sp-instance-gone\":2},\"created_retries\":[4,0,40],\"created_latency_us\":[],"
		"\"destroyed_retries\":[],\"destroyed_latency_us\":[],\"frame_latency_us\":[0,0,0,0,0,0,0,0,0,0,0,1],"
		"\"reachable\":true,\"known\":1,\"slot_life\":18,\"deadline_boottime_us\":",
		"\"under_way\":[{\"vm\":\"broken\",\"life\":19,",
		"\"ticket\":9},{\"vm\":\"stuck\",\"life\":17,",
		"\"last_replies\":[\"retry\",\"preempted\"]}]\n",
	};

	for (size_t i = 0; i < sizeof(page) / sizeof(*page); i++)
		expect(*state, CTL("partitions", "0x8001", "-o", "json"), 0, page[i], NULL);
	expect(*state, CTL("partitions", "-o", "json"), 0, "\"verdicts\":{\"ack\":5,\"retry\":9}", NULL);
}

static void says_why(void **state)
{
	expect(*state, CTL("why", "stuck"), 0, "stuck is aborting/retiring for ", NULL);
	expect(*state, CTL("why", "stuck"), 0, "because of user-abort; abort is under way", NULL);
	expect(*state, CTL("why", "stuck"), 0, "It waits on secure partition 0x8001, for ", NULL);
	expect(*state, CTL("why", "stuck"), 0,
		"VM_DESTROYED was sent 12 times, the last reply was retry, it is tried again in 59 min", NULL);
	expect(*state, CTL("why", "stuck"), 0, "There is no time limit. Stuck: secure partition 0x8001 has not taken the end of life 17",
		NULL);
	expect(*state, CTL("why", "web", "db"), 0, "It waits for nothing.", NULL);
	expect(*state, CTL("why", "nobody", "web"), 4, "web is running", "no VM is called 'nobody'");
	expect(*state, CTL("why", "stuck", "-o", "json"), 0, "\"waits\":{\"on\":\"sp\",\"sp\":32769,\"vm\":\"\","
		"\"since_boottime_us\":1000000,\"until_boottime_us\":0,\"tries\":12},\"then\":\"\",\"reply\":\"retry\",", NULL);
	expect(*state, CTL("why", "stuck", "-o", "json"), 0, "\"stuck_sps\":[32769],\"text\":\"stuck is ", NULL);
}

static void shows_frames_in_words(void **state)
{
	expect(*state, CTL("trace", "0x8001"), 0, "> FFA_MSG_SEND_DIRECT_REQ VM_CREATED ", NULL);
	expect(*state, CTL("trace", "0x8001"), 0, "< FFA_MSG_SEND_DIRECT_RESP VM_CREATED RETRY  300 us  retry", NULL);
	expect(*state, CTL("trace", "0x8001"), 0, "< FFA_INTERRUPT 0x8001 vCPU 3 ", NULL);
	expect(*state, CTL("trace"), 0, "< version 1.2", NULL);
	expect(*state, CTL("trace", "--raw", "0x8001"), 0, "> 8400006f 8001 80000004 0 0 0 0 0", NULL);
	expect(*state, CTL("trace", "0x8002"), 12, "", "no Secure Partition has the id 0x8002");
	expect(*state, CTL("trace", "tee"), 2, "", "an SP is an FF-A id from 0x8000 to 0xffff, or 0 for discovery, not 'tee'");
	expect(*state, CTL("trace", "--tail=3"), 2, "", "does not take");
	expect(*state, CTL("trace", "0x8001", "-o", "json"), 0, "{\"sp\":32769,\"number\":2,\"at_boottime_us\":1300,\"answer\":true,"
		"\"function\":\"FFA_MSG_SEND_DIRECT_RESP\",\"message\":\"VM_CREATED\",\"status\":\"RETRY\",\"reply\":\"retry\","
		"\"took_us\":300,\"ffa_id\":1,\"life\":42,\"vm\":\"web\",\"registers\":[2214592624,2147549184,2147483653,"
		"4294967289,0,0,0,0]}", NULL);
}

static void await_line(struct run *r, const char *part)
{
	char line[2048];

	do
		assert_non_null(fgets(line, sizeof(line), r->out));
	while (!strstr(line, part));
}

/* What is there, then what comes; a gap is said; a daemon that hangs up is waited for. */
static void a_trace_goes_on(void **state)
{
	const char *const argv[] = { LIFECYCLECTL, "trace", "--follow", NULL };
	struct run r;

	run_begin(&r, *state, argv);
	await_line(&r, "TIME ");
	await_line(&r, " 0x8001       3  < FFA_INTERRUPT 0x8001 vCPU 3");
	expect(*state, CTL("start", "db", "--no-block"), 0, "accepted", NULL);
	await_line(&r, " 0x8001       4  > FFA_MSG_SEND_DIRECT_REQ VM_DESTROYED  ");
	expect(*state, CTL("start", "slow", "--no-block"), 0, "accepted", NULL);
	await_line(&r, " 0x8001      15  > ");
	expect(*state, CTL("start", "hangup", "--no-block"), 0, "accepted", NULL);
	await_line(&r, " 0x8001      16  > ");
	assert_int_equal(kill(r.pid, SIGINT), 0);
	run_end(&r);
	assert_int_equal(r.code, 130);
	if (!strstr(r.errors, "10 frames of 0x8001 were missed here"))
		fail_msg("no word of what was missed: %s", r.errors);
	run_free(&r);
}

static void a_trace_that_goes_on_is_one_object_a_line(void **state)
{
	const char *const argv[] = { LIFECYCLECTL, "trace", "0x8001", "-f", "-o", "json-pretty", NULL };
	char line[2048];
	struct run r;

	run_begin(&r, *state, argv);
	for (int number = 1; number <= 4; number++) {
		struct json_object *o;

		if (number == 4)
			expect(*state, CTL("start", "db", "--no-block"), 0, "accepted", NULL);
		assert_non_null(fgets(line, sizeof(line), r.out));
		o = json_tokener_parse(line);
		assert_int_equal(json_object_get_int(json_object_object_get(o, "number")), number);
		json_object_put(o);
	}
	expect(*state, CTL("start", "slow", "--no-block"), 0, "accepted", NULL);
	await_line(&r, "{\"sp\":32769,\"missed\":10}");
	assert_int_equal(kill(r.pid, SIGINT), 0);
	run_end(&r);
	assert_int_equal(r.code, 130);
	run_free(&r);
	expect(*state, CTL("trace", "0x8002", "-f"), 12, "", "no Secure Partition has the id 0x8002");
	expect(*state, CTL("list", "-f"), 2, "", "does not take");
}

/* Each verb's JSON parses; monitor's does line by line. */
static void expect_json(const struct fixture *f, const char *const *argv, enum json_type type)
{
	struct run r = ctl(f, argv);
	struct json_object *o = json_tokener_parse(r.output);

	if (!o || json_object_get_type(o) != type)
		fail_msg("%s: no JSON of the right kind: %s%s", argv[1], r.output, r.errors);
	json_object_put(o);
	run_free(&r);
}

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

static void forgets_with_force_alone(void **state)
{
	expect(*state, CTL("forget", "stuck"), 2, "", "not without --force");
	expect(*state, CTL("forget", "stuck"), 2, "", "The FF-A id stays burned until");
	expect(*state, CTL("forget", "stuck", "--force"), 0, "stuck: forgotten", NULL);
	expect(*state, CTL("forget", "stuck", "0x8001", "--force", "--if-life=17"), 0, "stuck: forgotten", NULL);
	expect(*state, CTL("forget", "16", "--force", "-o", "json"), 0, "\"verb\":\"forget\"", NULL);
	expect(*state, CTL("forget", "18", "--force"), 8, "", "life 18 is over");
	expect(*state, CTL("forget", "web", "--force"), 7, "", "life 42 of web goes on");
	expect(*state, CTL("forget", "stuck", "0x7001", "--force"), 2, "", "an SP is an FF-A id from 0x8000");
	expect(*state, CTL("forget", "18", "--force", "--if-life=16"), 2, "", "says another life");
	expect(*state, CTL("start", "db", "--force"), 2, "", "does not take");
	expect(*state, CTL("partitions"), 0, "at 0x8001, life 16", NULL);
	expect(*state, CTL("partitions", "-o", "json"), 0, "\"kind\":\"burned\"", NULL);
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
	expect(*state, CTL("list", "-o", "xml"), 2, "", "--output is table, json or json-pretty");
	expect(*state, CTL("list", "--frobnicate"), 2, "", "--help");
	expect(*state, CTL("list", "--bus=nonsense"), 3, "", "cannot reach lifecycled on the bus 'nonsense'");
	expect(*state, CTL("--help"), 0, "Verbs:", NULL);
	expect(*state, CTL("--version"), 0, "lifecyclectl ", NULL);
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lists),
		TEST(shows_a_page),
		TEST(shows_debts_one_by_one),
		TEST(shows_a_page_of_an_sp),
		TEST(a_page_of_an_sp_is_json_too),
		TEST(says_why),
		TEST(shows_frames_in_words),
		TEST(a_trace_goes_on),
		TEST(a_trace_that_goes_on_is_one_object_a_line),
		TEST(speaks_json),
		TEST(monitor_prints_one_object_a_line),
		TEST(monitor_prints_the_tail_as_a_table),
		TEST(monitor_goes_on_after_a_hang_up),
		TEST(waits_for_the_goal),
		TEST(tells_what_did_not_come_true),
		TEST(forgets_with_force_alone),
		TEST(every_refusal_has_its_exit_code),
		TEST(defines_from_a_file),
		TEST(bad_usage_is_2),
		TEST(prints_the_console),
		TEST(following_a_console_ends_with_the_life),
		TEST(interrupt_says_what_goes_on),
		cmocka_unit_test_setup_teardown(no_daemon_is_3, setup_empty_bus, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
