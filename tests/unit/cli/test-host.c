/* SPDX-License-Identifier: Apache-2.0 */

/* --host: an ssh that stays here stands before systemd-stdio-bridge, which brings lifecyclectl to the fake daemon's bus. */

#include "ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host.h"

/* What was called is in a file; the command behind the host's name is run. */
static const char *const ssh =
	"#!/bin/sh\n"
	"echo \"$@\" >$(dirname \"$0\")/called\n"
	"while [ \"$1\" != -- ]; do shift; done\n"
	"[ \"$2\" != nowhere ] || { echo 'ssh: no such host' >&2; exit 255; }\n"
	"shift 2\n"
	"exec \"$@\"\n";

static char path[256], bus[160];

static int setup(void **state)
{
	const struct fixture *f;
	FILE *file;

	assert_int_equal(ctl_setup(state), 0);
	f = *state;
	(void)snprintf(path, sizeof(path), "%s/ssh", f->directory);
	file = fopen(path, "we");
	(void)fputs(ssh, file);
	(void)fclose(file);
	assert_int_equal(chmod(path, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s:/usr/bin:/bin", f->directory);
	(void)setenv("PATH", path, 1);
	(void)snprintf(bus, sizeof(bus), "--bus=%s", f->address);
	return 0;
}

static int teardown(void **state)
{
	static const char *const files[] = { "ssh", "called" };
	const struct fixture *f = *state;

	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", f->directory, files[i]);
		(void)unlink(path);
	}
	return ctl_teardown(state);
}

static void expect_called(const struct fixture *f, const char *begin)
{
	char line[512] = "";
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/called", f->directory);
	file = fopen(path, "re");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	(void)fclose(file);
	assert_memory_equal(line, begin, strlen(begin));
}

static void reaches_the_daemon_there(void **state)
{
	expect(*state, CTL("-H", "root@far", bus, "list", "-q"), 0, "web\n", NULL);
	expect_called(*state, "-xT -- root@far systemd-stdio-bridge --bus-path unix:path=");
	expect(*state, CTL("--host=[fd00::1]:2222", bus, "show", "web", "-p", "Life"), 0, "Life=42\n", NULL);
	expect_called(*state, "-xT -p 2222 -- fd00::1 systemd-stdio-bridge");
	expect(*state, CTL("-H", "far", bus, "start", "db", "--no-block"), 0, "db: start accepted", NULL);
	expect(*state, CTL("-H", "far", bus, "abort", "web", "--if-life=41", "--no-block"), 8, "", "web has life 42, not 41");
	expect(*state, CTL("-H", "far", bus, "status", "nobody"), 4, "", "no VM is called 'nobody'");
}

static double seconds_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Of "3.1 s" or "1 min 5 s"; below 0 where there is none. */
static double span_of(const char *text)
{
	double minutes, seconds;
	int end = 0;

	if (sscanf(text, "%lf min %lf s%n", &minutes, &seconds, &end) == 2 && end)
		return 60 * minutes + seconds;
	return sscanf(text, "%lf s%n", &seconds, &end) == 1 && end ? seconds : -1;
}

/*
 * That host's clock says 4 s, and the VM runs since its first second: so it says 3 s, and what passed since that clock was asked
 * for, which is no more than what passes here.
 */
static void expect_span(const struct fixture *f, const char *const *argv, const char *before)
{
	double begun = seconds_now(), passed, span;
	struct run r = ctl(f, argv);
	const char *at = strstr(r.output, before);

	passed = seconds_now() - begun;
	span = at ? span_of(at + strlen(before)) : -1;
	if (r.code || span < 3 || span > 3 + passed)
		fail_msg("exit code %d, a span of %.1f s after %.1f s:\n%s\n%s", r.code, span, passed, r.output, r.errors);
	run_free(&r);
}

static void spans_are_those_of_that_host(void **state)
{
	expect_span(*state, CTL("-H", "far", bus, "status", "web"), "web  running for ");
	expect_span(*state, CTL("-H", "far", bus, "list", "web", "--no-legend"), "web  running  ");
}

static void what_needs_a_descriptor_says_where_to_run_it(void **state)
{
	expect(*state, CTL("-H", "far", bus, "start", "db", "--bound"), 1, "", "run it there: ssh far lifecyclectl ...\n");
	expect(*state, CTL("-H", "far", bus, "shutdown"), 1, "", "run it there: ssh far lifecyclectl ...\n");
	expect(*state, CTL("-H", "far", bus, "status", "db"), 0, "Life: none", NULL); /* nothing was done */
	expect(*state, CTL("-H", "far", bus, "monitor"), 1, "", "passes no descriptors");
	expect(*state, CTL("-H", "far", bus, "console", "web"), 1, "", "passes no descriptors");
	expect(*state, CTL("-H", "far", bus, "lease", "web", "--", "true"), 1, "", "passes no descriptors");
	expect(*state, CTL("-H", "far", bus, "partitions", "--secure-view"), 2, "", "--host is another");
}

/* There it is the daemon that waits. */
static void waits_there(void **state)
{
	expect(*state, CTL("-H", "far", bus, "wait", "db"), 0, "db: has no life\n", NULL);
	expect(*state, CTL("-H", "far", bus, "wait", "w*", "--state=paused,running"), 0, "web: running, life 42\n", NULL);
	expect(*state, CTL("-H", "far", bus, "wait", "web", "--timeout=0.01"), 1, "", "wait web: not in time; life 42 goes on");
	expect(*state, CTL("-H", "far", bus, "wait", "web", "--for=paused", "--timeout=1", "-o", "json"), 1,
		"\"result\":\"timed-out\",\"exit_code\":1,\"life\":42,", "it is running, and not paused");
	expect(*state, CTL("-H", "far", bus, "wait", "nobody"), 4, "", "wait: no VM is called 'nobody'");
}

/* What happened to one is no verdict on the others. */
static void each_is_waited_for_there(void **state)
{
	expect(*state, CTL("-H", "far", bus, "wait", "stuck", "web", "db", "--for=running,null"), 17,
		"web: running, life 42\ndb: has no life\n", "wait stuck: 128 calls wait already");
	expect(*state, CTL("-H", "far", bus, "wait", "stuck", "web", "db", "--timeout=0.01", "-o", "json"), 17,
		"[{\"name\":\"stuck\",\"verb\":\"wait\",\"result\":\"refused\",\"exit_code\":17,", "wait web: not in time");
	expect(*state, CTL("-H", "far", bus, "wait", "web", "db", "--timeout=0.01"), 1, "db: has no life\n", "wait web: not in time");
}

static void verbs_wait_there(void **state)
{
	expect(*state, CTL("-H", "far", bus, "start", "db"), 0, "db: running, life 102, FF-A id 0x0007", NULL);
	expect(*state, CTL("-H", "far", bus, "stop", "web"), 19, "", "stop web: it listens to no power key and runs on");
	expect(*state, CTL("-H", "far", bus, "restart", "db", "web"), 0, "web: running, life 1", NULL);
	expect(*state, CTL("-H", "far", bus, "abort", "db"), 0, "db: has no life", NULL);
	expect(*state, CTL("-H", "far", bus, "start", "broken"), 1, "", "start broken: ");
	expect(*state, CTL("-H", "far", bus, "start", "slow", "--timeout=0.05"), 1, "", "not done in time");
	expect(*state, CTL("-H", "far", bus, "destroy", "db"), 0, "db: gone", NULL);
	expect(*state, CTL("-H", "far", bus, "start", "db"), 4, "", "no VM is called 'db'");
}

static void says_which_host_cannot_be_reached(void **state)
{
	/* Why, between the two, depends on what is seen first: that ssh hung up, or that nobody reads. */
	expect(*state, CTL("-H", "nowhere", "list"), 3, "", "cannot reach lifecycled on the host 'nowhere': ");
	expect(*state, CTL("-H", "nowhere", "list"), 3, "", "; does 'ssh nowhere systemd-stdio-bridge' connect, and does");
	expect(*state, CTL("-H", "-oProxyCommand=x", "list"), 2, "", "--host takes [USER@]HOST, not '-oProxyCommand=x'");
	expect(*state, CTL("-H", "", "list"), 2, "", "--host takes [USER@]HOST");
	expect(*state, CTL("-H", "far", "--bus=unix:path=/x;reboot", "list"), 2, "", "is read by a shell there");
}

static void expect_address(const char *host, const char *on, const char *wanted)
{
	char *got = NULL;

	assert_int_equal(host_address(host, on, &got), 0);
	assert_string_equal(got, wanted);
	free(got);
}

static void addresses_are_escaped(void **state)
{
	(void)state;
	(void)unsetenv("SYSTEMD_SSH");
	expect_address("a@b", NULL, "unixexec:path=ssh,argv1=-xT,argv2=--,argv3=a%40b,argv4=systemd-stdio-bridge");
	expect_address("b,c", "system", "unixexec:path=ssh,argv1=-xT,argv2=--,argv3=b%2cc,argv4=systemd-stdio-bridge");
	expect_address("fd00::1", NULL, "unixexec:path=ssh,argv1=-xT,argv2=--,argv3=fd00%3a%3a1,argv4=systemd-stdio-bridge");
	expect_address("u@[::1]", NULL, "unixexec:path=ssh,argv1=-xT,argv2=--,argv3=u%40%3a%3a1,argv4=systemd-stdio-bridge");
	(void)setenv("SYSTEMD_SSH", "/opt/my ssh", 1);
	expect_address("b:22", NULL, "unixexec:path=/opt/my%20ssh,argv1=-xT,argv2=-p,argv3=22,argv4=--,argv5=b,argv6=systemd-stdio-bridge");
	(void)unsetenv("SYSTEMD_SSH");
}

#define REMOTE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_escaped),
		REMOTE(reaches_the_daemon_there),
		REMOTE(spans_are_those_of_that_host),
		REMOTE(what_needs_a_descriptor_says_where_to_run_it),
		REMOTE(waits_there),
		REMOTE(each_is_waited_for_there),
		REMOTE(verbs_wait_there),
		REMOTE(says_which_host_cannot_be_reached),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
