/* SPDX-License-Identifier: Apache-2.0 */

/* A daemon that hangs holds nobody up for longer than was said, and not against ^C. */

#include "ctl.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interrupt.h"
#include "output.h"
#include "patience.h"
#include "progress.h"

#define S 1000000000ull
#define MUCH_MS 15000 /* less than the 25 s that a call has else, and enough for a slow host */

/* It ends by itself, and not only because the daemon goes on. */
static void expect_end(struct run *r, int code, const char *err)
{
	struct pollfd p = { .fd = (int)syscall(SYS_pidfd_open, r->pid, 0), .events = POLLIN };

	assert_true(p.fd >= 0);
	if (poll(&p, 1, MUCH_MS) != 1) {
		(void)kill(r->pid, SIGKILL);
		fail_msg("it waits and waits, and ought to say: %s", err);
	}
	close(p.fd);
	run_end(r);
	if (r->code != code || !strstr(r->errors, err))
		fail_msg("exit code %d, not %d, or not '%s': %s%s", r->code, code, err, r->output, r->errors);
	run_free(r);
}

/* Streams end, and nobody answers who asks for others. */
static void hang(struct fixture *f)
{
	static const char *const argv[] = { LIFECYCLECTL, "cancel", "hang", NULL };
	struct run r;

	run_begin(&r, f, argv);
	fixture_await(f, "Cancel hang");
	(void)kill(r.pid, SIGKILL);
	run_end(&r);
	run_free(&r);
}

/* They wait at the same time: the test takes as long as the slowest of them. */
struct trial {
	const char *argv[8];
	const char *line; /* that it writes before the daemon hangs */
	const char *says;
	bool at_once; /* it says so when the daemon hangs, not at its end */
	struct run run;
};

static void begin_all(struct fixture *f, struct trial *trials, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		run_begin(&trials[i].run, f, trials[i].argv);
		if (trials[i].line)
			await_line(&trials[i].run, trials[i].line);
	}
}

/* Until each has noticed that the daemon hangs, if it says so. */
static void await_words(struct trial *trials, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct pollfd p = { .fd = fileno(trials[i].run.err), .events = POLLIN };

		if (trials[i].at_once && poll(&p, 1, MUCH_MS) != 1)
			fail_msg("it does not say: %s", trials[i].says);
	}
}

static void expect_ends(struct trial *trials, size_t count, int code)
{
	for (size_t i = 0; i < count; i++)
		expect_end(&trials[i].run, code, trials[i].says);
}

static void a_verb_is_told_in_time_that_nobody_answers(void **state)
{
	struct trial trials[] = {
		{ .argv = { LIFECYCLECTL, "start", "db", "--timeout=1" }, .says = "no answer in time" },
		{ .argv = { LIFECYCLECTL, "start", "d*", "--timeout=1" }, .says = "no answer in time" },
		{ .argv = { LIFECYCLECTL, "wait", "web", "--timeout=1" }, .says = "no answer in time" },
		{ .argv = { LIFECYCLECTL, "shutdown", "--timeout=1" }, .says = "no answer in time" },
		{ .argv = { LIFECYCLECTL, "start", "db", "--timeout=1", "--dry-run" }, .says = "no answer in time" },
	};

	assert_int_equal(kill(((struct fixture *)*state)->daemon, SIGSTOP), 0);
	begin_all(*state, trials, 5);
	expect_ends(trials, 5, 1);
}

static void the_time_holds_while_it_asks_for_another_stream(void **state)
{
	struct trial trials[] = {
		{ .argv = { LIFECYCLECTL, "wait", "web", "slow", "--for=running", "--timeout=1" }, .line = "web: running",
		  .says = "wait slow: not in time" },
		{ .argv = { LIFECYCLECTL, "start", "web", "slow", "--timeout=1" }, .line = "web: running",
		  .says = "start slow: not done in time; it goes on in the background" },
	};

	begin_all(*state, trials, 2);
	hang(*state);
	expect_ends(trials, 2, 1);
}

static void it_is_interrupted_while_the_daemon_hangs(void **state)
{
	struct trial trials[] = {
		{ .argv = { LIFECYCLECTL, "wait", "web", "db", "--for=running" }, .line = "web: running", .says = "wait db: interrupted" },
		{ .argv = { LIFECYCLECTL, "monitor", "-n1" }, .line = "operation start", .says = "monitor: lifecycled hung up",
		  .at_once = true },
		{ .argv = { LIFECYCLECTL, "start", "web", "slow" }, .line = "web: running",
		  .says = "start slow: interrupted; it goes on in the background" },
	};

	expect(*state, CTL("start", "slow", "--no-block", "-q"), 0, "", NULL);
	begin_all(*state, trials, 3);
	hang(*state);
	await_words(trials, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(kill(trials[i].run.pid, SIGINT), 0);
	expect_ends(trials, 3, 130);
}

/* Nothing is asked for yet that one would have to be told of. */
static void it_is_left_at_once_while_the_first_call_hangs(void **state)
{
	struct trial trials[] = {
		{ .argv = { LIFECYCLECTL, "monitor" } },
		{ .argv = { LIFECYCLECTL, "events", "--no-follow" } },
		{ .argv = { LIFECYCLECTL, "plot" } },
		{ .argv = { LIFECYCLECTL, "wait", "web" } },
		{ .argv = { LIFECYCLECTL, "trace", "--follow" } },
		{ .argv = { LIFECYCLECTL, "console", "--follow", "web" } },
	};

	assert_int_equal(kill(((struct fixture *)*state)->daemon, SIGSTOP), 0);
	begin_all(*state, trials, 6);
	assert_runs_on(&trials[5].run, 300); /* time to come to that call; who has not is left too */
	for (size_t i = 0; i < 6; i++) /* SIGINT is blocked from the fixture on */
		assert_int_equal(kill(trials[i].run.pid, SIGTERM), 0);
	for (size_t i = 0; i < 6; i++)
		trials[i].says = "";
	expect_ends(trials, 6, 1000 + SIGTERM);
}

/* ---- inside ---- */

/* A verb does so before it waits for each of its VMs. */
static void what_catches_twice_changes_its_streams_once(void **state)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		FILE *out, *err;

		interrupt_catch();
		out = stdout;
		err = stderr;
		interrupt_catch();
		_exit(stdout != out || stderr != err);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* How long a call that is sent now would wait, in whole seconds, however long the sending takes. */
static void expect_seconds(struct cli *c, unsigned seconds)
{
	uint64_t request, until = 0, before, after;

	assert_int_equal(lifecycle_dispatch(c->l), 0); /* what came before */
	before = monotonic_now();
	assert_int_equal(lifecycle_act_begin(c->l, LIFECYCLE_START, "silent", 0, &request), 0);
	assert_int_equal(lifecycle_get_timeout(c->l, &until), 0);
	after = monotonic_now();
	assert_in_range(until * 1000, before + seconds * S - S / 2, after + seconds * S + S / 2);
}

static struct cli connected(struct fixture *f, int timeout_ms)
{
	struct cli c = { .bus = f->address, .timeout_ms = timeout_ms, .no_ask = true };

	struct lifecycle_vm_list *list;

	assert_int_equal(cli_connect(&c), 0);
	assert_int_equal(lifecycle_list(c.l, &list), 0); /* the bus knows us: nothing else has a time */
	lifecycle_vm_list_unref(list);
	return c;
}

static void calls_have_the_time_that_was_given(void **state)
{
	static const struct {
		int timeout_ms;
		unsigned seconds;
	} cases[] = { { LIFECYCLE_FOREVER, 25 }, { 600000, 600 }, { 8000, 8 }, { 10, 2 }, { 0, 2 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct cli c = connected(*state, cases[i].timeout_ms);

		expect_seconds(&c, cases[i].seconds);
		lifecycle_unref(c.l);
	}
}

static void another_connection_has_it_too(void **state)
{
	struct cli c = connected(*state, 8000);
	struct lifecycle_vm_list *list;

	assert_int_equal(cli_connect_again(&c), 0);
	assert_int_equal(lifecycle_list(c.l, &list), 0);
	lifecycle_vm_list_unref(list);
	expect_seconds(&c, 8);
	lifecycle_unref(c.l);
}

static void a_line_of_progress_leaves_it_as_it_was(void **state)
{
	struct cli c = connected(*state, 600000);
	struct progress p = { .c = &c };

	progress_show(&p, "web");
	progress_clear();
	expect_seconds(&c, 600);
	lifecycle_unref(c.l);
}

static void what_is_left_is_less(void **state)
{
	struct cli c = connected(*state, 600000);

	assert_true(patience_until(&c, monotonic_now() + 100 * S));
	expect_seconds(&c, 100);
	lifecycle_unref(c.l);
	c = connected(*state, 600000);
	assert_true(patience_short(&c, UINT64_MAX));
	expect_seconds(&c, 2);
	assert_false(patience_short(&c, monotonic_now()));
	lifecycle_unref(c.l);
	c = connected(*state, LIFECYCLE_FOREVER);
	assert_true(patience_until(&c, UINT64_MAX));
	expect_seconds(&c, 25);
	lifecycle_unref(c.l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_verb_is_told_in_time_that_nobody_answers),
		TEST(the_time_holds_while_it_asks_for_another_stream),
		TEST(it_is_interrupted_while_the_daemon_hangs),
		TEST(it_is_left_at_once_while_the_first_call_hangs),
		cmocka_unit_test(what_catches_twice_changes_its_streams_once),
		TEST(calls_have_the_time_that_was_given),
		TEST(another_connection_has_it_too),
		TEST(a_line_of_progress_leaves_it_as_it_was),
		TEST(what_is_left_is_less),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
