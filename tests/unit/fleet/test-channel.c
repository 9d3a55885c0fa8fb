/* SPDX-License-Identifier: Apache-2.0 */
/* Guests' calls on channels: given when asked for, one call at a time, and gone with the link or the guest. */
#include "world.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

static const struct committed later = { 100 };

static struct newborn runs(struct world *w, const char *name)
{
	struct newborn n = world_born(w, 7, name);

	world_wait(w, IN_VMM_BUILT);
	fleet_ops.command(w->fleet, later, 7, COMMAND_ENTER);
	return n;
}

static void kill_it(struct world *w)
{
	fleet_ops.command(w->fleet, later, 7, COMMAND_KILL);
	assert_int_equal(world_wait(w, IN_VMM_GONE)->end.cause, CAUSE_VMM_SIGNAL);
}

static const struct guest_call *next_call(struct world *w)
{
	const struct input *in = world_wait(w, IN_GUEST_CALL);

	assert_int_equal(in->life, 7);
	assert_int_equal(in->call.vcpu, 0);
	assert_int_equal(in->call.x[0], 1);
	return &in->call;
}

static void answer(struct world *w, uint64_t x1)
{
	struct guest_call a = { .vcpu = 0, .x = { 2, x1 } };

	fleet_ops.answer(w->fleet, later, 7, &a);
}

static void calls_and_answers_go_on_the_channel(void **state)
{
	struct world *w = *state;

	runs(w, "calls");
	assert_int_equal(next_call(w)->x[1], 0);
	answer(w, 17);
	answer(w, 18); /* nobody asked */
	assert_int_equal(next_call(w)->x[1], 17);
	answer(w, 19);
	assert_int_equal(next_call(w)->x[1], 19);
	kill_it(w);
}

static void who_breaks_a_rule_is_killed_alone(void **state)
{
	static const char *const names[] = { "calls-twice", "calls-flood", "calls-vcpu", "calls-command", "calls-flag",
		"calls-short", "calls-kind", "calls-on-link", "calls-want-twice", "calls-want-other", "calls-early",
		"calls-puts" };
	struct world *w = *state;

	world_born(w, 5, "live");
	world_wait(w, IN_VMM_BUILT);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const struct input *in;

		runs(w, names[i]);
		in = world_wait(w, IN_VMM_GONE);
		assert_int_equal(in->life, 7);
		assert_int_equal(in->end.cause, CAUSE_VMM_PROTOCOL);
	}
	assert_false(world_heard(w, IN_VMM_GONE, 5));
	assert_false(world_heard(w, IN_VMM_LOST, 5));
	fleet_ops.command(w->fleet, later, 5, COMMAND_KILL);
	world_wait(w, IN_VMM_GONE);
}

/* The call and the end are read in any order: neither is a breach, and the end counts. */
static void a_call_beside_the_end_is_no_breach(void **state)
{
	struct world *w = *state;

	runs(w, "calls-ends");
	assert_int_equal(world_wait(w, IN_VMM_GONE)->end.cause, CAUSE_GUEST_POWEROFF);
	assert_true(world_heard(w, IN_VMM_ENDED, 7));
}

static unsigned open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void a_closed_channel_keeps_no_descriptor(void **state)
{
	struct world *w = *state;
	const struct input *in;
	unsigned before;

	runs(w, "calls-closes");
	world_wait(w, IN_VMM_ENTERED);
	before = open_fds();
	do
		in = world_wait(w, IN_VMM_VCPU);
	while (in->vcpu.index != 1);
	for (unsigned i = 0; i < 4 && open_fds() > before; i++)
		assert_int_equal(loop_turn(w->loop, false), 0);
	assert_true(open_fds() <= before);
	answer(w, 1); /* goes nowhere */
	kill_it(w);
}

/* A link that broke took its channel along: the call that waits is told again on a channel of the next one. */
static void a_call_is_told_again_on_the_next_link(void **state)
{
	struct world *w = *state;
	struct newborn n = runs(w, "calls-again");

	assert_int_equal(next_call(w)->flags, 0);
	w->fleet = fleet_free(w->fleet);
	world_fleet(w);
	assert_int_equal(fleet_adopt(w->fleet, 7,
		&(struct change_vmm){ .pid = n.pid, .start_time = n.start_time }, "calls-again", false), 0);
	world_listen(w);
	assert_int_equal(kill(n.pid, SIGUSR1), 0);
	assert_int_equal(world_wait(w, IN_VMM_BACK)->life, 7);
	fleet_ops.welcome(w->fleet, later, 7);
	assert_int_equal(next_call(w)->flags, VMM_CALL_AGAIN);
	fleet_ops.command(w->fleet, later, 7, COMMAND_KILL);
	assert_int_equal(world_wait(w, IN_VMM_GONE)->end.cause, CAUSE_VMM_GONE); /* not this fleet's child */
	assert_int_equal(waitpid(n.pid, NULL, 0), n.pid);
}

/* Until there are descriptors again only the vCPU waits. */
static void a_channel_comes_when_there_are_descriptors(void **state)
{
	struct world *w = *state;
	struct rlimit limit, none;

	runs(w, "calls");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){ .rlim_cur = 3, .rlim_max = limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	world_wait(w, IN_VMM_VCPU);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(loop_turn(w->loop, true), 0);
	assert_false(world_heard(w, IN_GUEST_CALL, 7));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	next_call(w);
	assert_false(world_heard(w, IN_VMM_LOST, 7));
	kill_it(w);
}

static const struct input *message(struct world *w, uint64_t number)
{
	fleet_ops.message(w->fleet, later, 7, number, (const uint8_t *)"hey", 4);
	return world_wait(w, IN_GUEST_PUT);
}

static void a_message_is_put_or_is_not(void **state)
{
	struct world *w = *state;
	const struct input *in;

	world_born(w, 7, "live");
	world_wait(w, IN_VMM_BUILT);
	in = message(w, 5); /* there is no guest yet */
	assert_int_equal(in->put.number, 5);
	assert_int_equal(in->put.status, FFA_BUSY);
	fleet_ops.command(w->fleet, later, 7, COMMAND_ENTER);
	world_wait(w, IN_VMM_ENTERED);
	in = message(w, 6);
	assert_int_equal(in->life, 7);
	assert_int_equal(in->put.number, 6);
	assert_int_equal(in->put.status, FFA_NO_MEMORY);
	kill_it(w);
}

/* Whose guest is over still says of each message what became of it: the two crossed. */
static void a_message_beside_the_end_is_no_breach(void **state)
{
	static const struct {
		const char *name;
		enum input_kind end;
	} rows[] = { { "ends-first", IN_VMM_ENDED }, { "quiesces-first", IN_VMM_QUIESCED } };
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		runs(w, rows[i].name);
		world_wait(w, IN_VMM_ENTERED);
		fleet_ops.message(w->fleet, later, 7, 6, (const uint8_t *)"hey", 4);
		assert_int_equal(world_wait(w, rows[i].end)->life, 7);
		assert_int_equal(world_wait(w, IN_GUEST_PUT)->put.number, 6);
		fleet_ops.command(w->fleet, later, 7, COMMAND_KILL);
		world_wait(w, IN_VMM_GONE);
		assert_false(world_heard(w, IN_VMM_LOST, 7));
	}
}

static void a_status_that_is_none_is_a_breach(void **state)
{
	struct world *w = *state;

	runs(w, "calls-puts-oddly");
	world_wait(w, IN_VMM_ENTERED);
	fleet_ops.message(w->fleet, later, 7, 6, (const uint8_t *)"hey", 4);
	assert_int_equal(world_wait(w, IN_VMM_GONE)->end.cause, CAUSE_VMM_PROTOCOL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(calls_and_answers_go_on_the_channel, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(who_breaks_a_rule_is_killed_alone, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_call_beside_the_end_is_no_breach, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_closed_channel_keeps_no_descriptor, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_call_is_told_again_on_the_next_link, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_channel_comes_when_there_are_descriptors, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_message_is_put_or_is_not, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_message_beside_the_end_is_no_breach, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_status_that_is_none_is_a_breach, world_setup, world_teardown),
	};

	fake_vmm = argc > 1 ? argv[1] : "fake-vmm";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
