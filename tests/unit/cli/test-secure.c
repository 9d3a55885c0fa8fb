/* SPDX-License-Identifier: Apache-2.0 */

/* lifecyclectl on the secure side: peers, partitions, why, trace, forget. */

#include "ctl.h"

#include <signal.h>
#include <string.h>

static void shows_debts_one_by_one(void **state)
{
	expect(*state, CTL("peers", "stuck"), 0, "destroying, stuck", NULL);
	expect(*state, CTL("peers", "stuck"), 0, "12/15      retry       probe  in 59 min", NULL);
	expect(*state, CTL("peers", "stuck"), 0, "9 (old)", NULL);
	expect(*state, CTL("peers", "--no-legend"), 0, "web     42  0x0001  0x8001  known", NULL);
	expect(*state, CTL("peers", "nobody", "web"), 4, "web", "no VM is called 'nobody'");
	expect(*state, CTL("peers", "stuck", "-o", "json"), 0, "{\"vm\":\"stuck\",\"life\":17,\"old\":false,\"ffa_id\":2,"
		"\"sp\":32769,\"debt\":\"destroying\",\"how\":\"-\",\"stuck\":true,\"place\":\"probe\",\"reply\":\"retry\","
		"\"tries\":12,\"sent\":15,\"since_monotonic_us\":1000000,\"next_monotonic_us\":", NULL);
	expect(*state, CTL("peers", "web", "-o", "json"), 0, "\"next_monotonic_us\":0,\"until_monotonic_us\":0,\"ticket\":0}]\n", NULL);
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
		"\"stuck_since_monotonic_us\":1000000,\"next_probe_monotonic_us\":",
		"\"queues\":{\"line\":2,\"ready\":1,\"back_off\":3,\"probe\":4},"
		"\"frames\":{\"submitted\":9,\"completed\":7,\"lost\":1},\"verdicts\":{\"ack\":5,\"retry\":9},"
		"\"settled\":{\"sp-instance-gone\":2},\"created_retries\":[4,0,40],\"created_latency_us\":[],"
		"\"destroyed_retries\":[],\"destroyed_latency_us\":[],\"frame_latency_us\":[0,0,0,0,0,0,0,0,0,0,0,1],"
		"\"reachable\":true,\"known\":1,\"slot_life\":18,\"deadline_monotonic_us\":",
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
	expect(*state, CTL("why", "stuck"), 0, " Its next life begins in 59 min", NULL);
	expect(*state, CTL("status", "stuck"), 0, " Next start: in 59 min", NULL);
	expect(*state, CTL("why", "web", "db"), 0, "It waits for nothing.", NULL);
	expect(*state, CTL("why", "nobody", "web"), 4, "web is running", "no VM is called 'nobody'");
	expect(*state, CTL("why", "stuck", "-o", "json"), 0, "\"waits\":{\"on\":\"sp\",\"sp\":32769,\"vm\":\"\",\"log_directory\":\"\","
		"\"since_monotonic_us\":1000000,\"until_monotonic_us\":0,\"tries\":12},\"then\":\"\",\"reply\":\"retry\",", NULL);
	expect(*state, CTL("why", "stuck", "-o", "json"), 0, "\"stuck_sps\":[32769],\"vcpu_calls\":[],\"text\":\"stuck is ", NULL);
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
	expect(*state, CTL("trace", "0x8001", "-o", "json"), 0, "{\"sp\":32769,\"number\":2,\"at_monotonic_us\":1300,\"answer\":true,"
		"\"function\":\"FFA_MSG_SEND_DIRECT_RESP\",\"message\":\"VM_CREATED\",\"status\":\"RETRY\",\"reply\":\"retry\","
		"\"took_us\":300,\"ffa_id\":1,\"life\":42,\"vm\":\"web\",\"registers\":[2214592624,2147549184,2147483653,"
		"4294967289,0,0,0,0]}", NULL);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(shows_debts_one_by_one),
		TEST(shows_a_page_of_an_sp),
		TEST(a_page_of_an_sp_is_json_too),
		TEST(says_why),
		TEST(shows_frames_in_words),
		TEST(a_trace_goes_on),
		TEST(a_trace_that_goes_on_is_one_object_a_line),
		TEST(forgets_with_force_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
