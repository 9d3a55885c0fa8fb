/* SPDX-License-Identifier: Apache-2.0 */

/* WaitState is answered when its VM gets there, cannot any more, or in time; and goes with its client. */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit/bus/world.h"

#define E(name) BUS_NAME ".Error." name
#define VM_A    BUS_PATH "/vm/a"

static struct vm_row *vm_a(struct world *w, uint64_t life, enum vm_state state, enum vm_substate substate)
{
	struct vm_row *a = w->engine.rows.vm_count ? &w->engine.rows.vm[0] : fake_vm(&w->engine, "a", 1);

	a->life = life;
	a->state = (uint8_t)state;
	a->substate = (uint8_t)substate;
	a->changed_at = 90;
	if (w->engine.rows.seq < 90)
		w->engine.rows.seq = 90;
	return a;
}

static void ask_to_wait(struct client *c, struct pending *p, uint64_t life, const char *state, uint64_t timeout_ms)
{
	if (*state)
		ask(c, p, VM_A, VM_INTERFACE, "WaitState", "tasta{sv}", life, 1, state, timeout_ms, 0);
	else
		ask(c, p, VM_A, VM_INTERFACE, "WaitState", "tasta{sv}", life, 0, timeout_ms, 0);
}

/* Whatever was sent before has arrived; a WaitState of a caller that is known is waiting then. */
static void ping(struct client *c)
{
	sd_bus_message *m = call_manager(c, "List", NULL);

	assert_fine(m);
	(void)sd_bus_message_unref(m);
	m = call_manager(c, "Subscribe", "ssta{sv}", "", "", (uint64_t)0, 0); /* one that asks who the caller is */
	assert_fine(m);
	(void)sd_bus_message_unref(m);
}

static void assert_result(struct world *w, struct pending *p, const char *expected)
{
	const char *result, *state, *substate, *cause;
	uint64_t life, seq;
	char said[128];

	world_until(w, &p->done);
	assert_fine(p->reply);
	assert_true(sd_bus_message_read(p->reply, "stssst", &result, &life, &state, &substate, &cause, &seq) > 0);
	(void)snprintf(said, sizeof(said), "%s %llu %s/%s %s %llu", result, (unsigned long long)life, state, substate, cause,
		(unsigned long long)seq);
	assert_string_equal(said, expected);
	(void)sd_bus_message_unref(p->reply);
}

static struct event_record moved(uint64_t seq, uint64_t life, enum vm_state from, enum vm_state to, enum vm_substate substate)
{
	return (struct event_record) { .kind = EVENT_STATE, .seq = seq, .name = "a", .life = life, .old_state = (uint8_t)from,
		.new_state = (uint8_t)to, .new_substate = (uint8_t)substate };
}

static void happens(struct world *w, struct event_record e)
{
	publish(w, &e, 1);
}

static void is_answered_when_it_is_there_and_not_before(void **state)
{
	struct world *w = *state;
	struct pending p, other;

	(void)vm_a(w, 7, VM_CREATED, VM_SUB_ALLOCATING);
	ask_to_wait(&w->root, &p, 7, "running", 0);
	ask(&w->root, &other, BUS_PATH, MANAGER_INTERFACE, "WaitState", "stasta{sv}", "a", (uint64_t)0, 2, "paused", "running",
		(uint64_t)0, 0);
	ping(&w->root);
	(void)vm_a(w, 7, VM_CREATED, VM_SUB_READY);
	happens(w, moved(91, 7, VM_CREATED, VM_CREATED, VM_SUB_READY));
	ping(&w->root);
	assert_false(p.done);
	assert_false(other.done);
	(void)vm_a(w, 7, VM_RUNNING, VM_SUB_RUNNING);
	happens(w, moved(92, 7, VM_CREATED, VM_RUNNING, VM_SUB_RUNNING));
	assert_result(w, &p, "reached 7 running/running - 92");
	assert_result(w, &other, "reached 7 running/running - 92");
	assert_int_equal(w->bus->wait_count, 0);
	ask_to_wait(&w->root, &p, 0, "running", 0); /* it is there already */
	assert_result(w, &p, "reached 7 running/running - 90");
	assert_int_equal(w->engine.posted_count, 0); /* none of it is the model's business */
}

static void a_word_of_both_means_the_sub_state(void **state)
{
	struct world *w = *state;
	struct pending p;

	(void)vm_a(w, 7, VM_RUNNING, VM_SUB_PAUSED);
	ask_to_wait(&w->root, &p, 0, "running", 0);
	ping(&w->root);
	assert_false(p.done);
	(void)vm_a(w, 7, VM_RUNNING, VM_SUB_RUNNING);
	happens(w, moved(91, 7, VM_RUNNING, VM_RUNNING, VM_SUB_RUNNING));
	assert_result(w, &p, "reached 7 running/running - 91");
}

/* The row has forgotten it, the events of the turn have not. */
static void a_state_that_was_left_in_the_same_turn_counts(void **state)
{
	struct world *w = *state;
	struct event_record turn[] = { moved(91, 7, VM_CREATED, VM_RUNNING, VM_SUB_RUNNING),
		moved(92, 7, VM_RUNNING, VM_ABORTING, VM_SUB_RETIRING) };
	struct pending p;

	(void)vm_a(w, 7, VM_CREATED, VM_SUB_READY);
	ask_to_wait(&w->root, &p, 7, "running", 0);
	ping(&w->root);
	(void)vm_a(w, 7, VM_ABORTING, VM_SUB_RETIRING);
	publish(w, turn, 2);
	assert_result(w, &p, "reached 7 running/running - 91");
}

static void a_life_that_ends_before_answers_over_with_its_cause(void **state)
{
	struct world *w = *state;
	struct pending running, over, any;
	struct vm_row *a = vm_a(w, 7, VM_CREATED, VM_SUB_READY);

	ask_to_wait(&w->root, &running, 7, "running", 0);
	ask_to_wait(&w->root, &over, 7, "", 0);
	ask_to_wait(&w->root, &any, 0, "running", 0);
	ping(&w->root);
	a = vm_a(w, 0, VM_NULL, VM_SUB_NONE);
	a->end_life = 7;
	a->end_cause = CAUSE_OOM;
	a->changed_at = 93;
	happens(w, moved(93, 7, VM_ABORTING, VM_NULL, VM_SUB_NONE));
	assert_result(w, &running, "over 7 null/- oom 93");
	assert_result(w, &over, "reached 7 null/- - 93"); /* as its event says it */
	assert_result(w, &any, "over 0 null/- oom 93");
	ask_to_wait(&w->root, &over, 7, "", 0); /* asked too late: the same */
	assert_result(w, &over, "reached 7 null/- oom 93");
	ask_to_wait(&w->root, &running, 6, "running", 0);
	assert_result(w, &running, "over 6 null/- - 93");
	assert_error(call(&w->root, VM_A, VM_INTERFACE, "WaitState", "tasta{sv}", (uint64_t)94, 0, (uint64_t)0, 0), E("WrongLife"),
		"no life 94");
}

static void without_a_life_it_waits_on_through_a_restart(void **state)
{
	struct world *w = *state;
	struct event_record replaced[] = { moved(92, 7, VM_ABORTING, VM_NULL, VM_SUB_NONE),
		moved(93, 93, VM_ABORTING, VM_CREATED, VM_SUB_ALLOCATING) };
	struct pending null, running, one;
	struct vm_row *a = vm_a(w, 7, VM_ABORTING, VM_SUB_RETIRING);

	a->operation = OP_RESTART;
	replaced[0].operation = OP_RESTART;
	ask_to_wait(&w->root, &null, 0, "null", 0);
	ask_to_wait(&w->root, &running, 0, "running", 0);
	ask_to_wait(&w->root, &one, 7, "running", 0);
	ping(&w->root);
	(void)vm_a(w, 93, VM_CREATED, VM_SUB_ALLOCATING);
	publish(w, replaced, 2);
	assert_result(w, &one, "over 7 null/- - 90");
	ping(&w->root);
	assert_false(null.done); /* the VM itself was not */
	assert_false(running.done);
	happens(w, moved(94, 7, VM_ABORTING, VM_NULL, VM_SUB_NONE)); /* a life that was left behind: not this VM's state */
	ping(&w->root);
	assert_false(null.done);
	(void)vm_a(w, 93, VM_RUNNING, VM_SUB_RUNNING);
	happens(w, moved(95, 93, VM_CREATED, VM_RUNNING, VM_SUB_RUNNING));
	assert_result(w, &running, "reached 93 running/running - 95");
	vm_a(w, 0, VM_NULL, VM_SUB_NONE)->operation = OP_NONE;
	happens(w, moved(96, 93, VM_ABORTING, VM_NULL, VM_SUB_NONE));
	assert_result(w, &null, "reached 93 null/- - 96");
}

/* The daemon could not begin the next life, tried again in the same turn, and could: the VM was null all the same. */
static void a_restart_that_had_to_wait_for_a_moment_was_null(void **state)
{
	struct world *w = *state;
	struct event_record turn[] = { moved(92, 7, VM_ABORTING, VM_NULL, VM_SUB_NONE),
		{ .kind = EVENT_OPERATION, .seq = 93, .name = "a", .operation = OP_START },
		moved(94, 94, VM_NULL, VM_CREATED, VM_SUB_ALLOCATING) };
	struct pending p;

	turn[0].operation = OP_RESTART;
	vm_a(w, 7, VM_ABORTING, VM_SUB_RETIRING)->operation = OP_RESTART;
	ask_to_wait(&w->root, &p, 0, "null", 0);
	ping(&w->root);
	(void)vm_a(w, 94, VM_CREATED, VM_SUB_ALLOCATING);
	publish(w, turn, 3);
	assert_result(w, &p, "reached 7 null/- - 92");
}

/* on-stuck: new-id. Its VM goes on without it; it has settled when id and memory are back, not when its debts are paid. */
static void a_life_that_was_left_behind_is_null_when_it_has_settled(void **state)
{
	struct old_life_row old = { .life = 7, .substate = VM_SUB_RETIRING, .cause = CAUSE_GUEST_PANIC };
	struct world *w = *state;
	struct pending early, late, later, reclaiming, running, retiring;
	struct vm_row *a = vm_a(w, 7, VM_ABORTING, VM_SUB_RETIRING);

	ask_to_wait(&w->root, &early, 7, "", 0);
	ping(&w->root);
	a = vm_a(w, 93, VM_CREATED, VM_SUB_ALLOCATING);
	a->old_life = &old;
	a->old_life_count = a->old_lives = 1;
	happens(w, moved(93, 93, VM_ABORTING, VM_CREATED, VM_SUB_ALLOCATING));
	ask_to_wait(&w->root, &late, 7, "null", 0);
	ask_to_wait(&w->root, &running, 7, "running", 0);
	assert_result(w, &running, "over 7 aborting/retiring guest-panic 90");
	ask_to_wait(&w->root, &retiring, 7, "retiring", 0);
	assert_result(w, &retiring, "reached 7 aborting/retiring guest-panic 90");
	ask_to_wait(&w->root, &reclaiming, 7, "reclaiming", 0);
	ping(&w->root);
	assert_false(reclaiming.done);
	old.substate = VM_SUB_RECLAIMING;
	happens(w, moved(94, 7, VM_ABORTING, VM_ABORTING, VM_SUB_RECLAIMING));
	assert_result(w, &reclaiming, "reached 7 aborting/reclaiming - 94");
	ask_to_wait(&w->root, &later, 7, "null", 0);
	ask_to_wait(&w->root, &retiring, 7, "retiring", 0);
	assert_result(w, &retiring, "over 7 aborting/reclaiming guest-panic 90");
	assert_false(early.done); /* its memory is not back yet */
	assert_false(late.done);
	assert_false(later.done);
	a->old_life_count = a->old_lives = 0;
	a->old_life = NULL;
	happens(w, moved(95, 7, VM_ABORTING, VM_NULL, VM_SUB_NONE));
	assert_result(w, &early, "reached 7 null/- - 95");
	assert_result(w, &late, "reached 7 null/- - 95");
	assert_result(w, &later, "reached 7 null/- - 95");
}

/* A start that waits has no life yet; one that is taken back brings none. */
static void a_start_that_comes_to_nothing_answers_over(void **state)
{
	struct world *w = *state;
	struct pending p;

	vm_a(w, 0, VM_NULL, VM_SUB_NONE)->operation = OP_START;
	ask_to_wait(&w->root, &p, 0, "running", 0);
	ping(&w->root);
	assert_false(p.done);
	vm_a(w, 0, VM_NULL, VM_SUB_NONE)->operation = OP_NONE;
	happens(w, (struct event_record) { .kind = EVENT_OPERATION, .seq = 91, .name = "a" });
	assert_result(w, &p, "over 0 null/- - 90");
	vm_a(w, 0, VM_NULL, VM_SUB_NONE)->operation = OP_START;
	ask_to_wait(&w->root, &p, 0, "running", 0);
	ping(&w->root);
	fake_vm_remove(&w->engine, "a");
	happens(w, (struct event_record) { .kind = EVENT_VM_GONE, .seq = 92, .name = "a" });
	assert_result(w, &p, "gone 0 null/- - 92");
}

static void time_is_over_and_it_says_where_the_vm_is(void **state)
{
	struct world *w = *state;
	struct pending p;

	(void)vm_a(w, 7, VM_RUNNING, VM_SUB_PAUSED);
	ask_to_wait(&w->root, &p, 7, "running", 1);
	assert_result(w, &p, "timed-out 7 running/paused - 90");
	assert_int_equal(w->bus->wait_count, 0);
	ask_to_wait(&w->root, &p, 7, "running", UINT64_MAX); /* that is no time at all */
	ping(&w->root);
	assert_false(p.done);
	happens(w, moved(91, 7, VM_RUNNING, VM_RUNNING, VM_SUB_RUNNING));
	assert_result(w, &p, "reached 7 running/running - 91");
}

static void nonsense_is_refused(void **state)
{
	struct world *w = *state;

	(void)vm_a(w, 7, VM_RUNNING, VM_SUB_RUNNING);
	assert_error(call(&w->root, VM_A, VM_INTERFACE, "WaitState", "tasta{sv}", (uint64_t)0, 1, "happy", (uint64_t)0, 0),
		E("InvalidArgument"), "'happy' is no state: write null, created");
	assert_error(call(&w->root, VM_A, VM_INTERFACE, "WaitState", "tasta{sv}", (uint64_t)0, 1, "-", (uint64_t)0, 0),
		E("InvalidArgument"), "no state");
	assert_error(call(&w->root, VM_A, VM_INTERFACE, "WaitState", "tasta{sv}", (uint64_t)0, 0, (uint64_t)0, 1, "x", "b", 1),
		E("InvalidArgument"), "'x'");
	assert_error(call_manager(&w->root, "WaitState", "stasta{sv}", "b", (uint64_t)0, 0, (uint64_t)0, 0), E("NoSuchVM"), "'b'");
	assert_error(call_manager(&w->root, "WaitState", "stasta{sv}", "/", (uint64_t)0, 0, (uint64_t)0, 0), E("InvalidArgument"),
		NULL);
}

/* Who may ask is anybody, and a message has room for millions. */
static void who_names_more_states_than_there_are_is_refused(void **state)
{
#define SIX "running", "running", "running", "running", "running", "running"
	struct world *w = *state;
	sd_bus_message *m;

	_Static_assert(VM_STATE_COUNT + VM_SUBSTATE_COUNT == 18, "three times six");
	(void)vm_a(w, 7, VM_RUNNING, VM_SUB_RUNNING);
	m = call(&w->root, VM_A, VM_INTERFACE, "WaitState", "tasta{sv}", (uint64_t)7, 18, SIX, SIX, SIX, (uint64_t)0, 0);
	assert_fine(m);
	(void)sd_bus_message_unref(m);
	assert_error(call(&w->root, VM_A, VM_INTERFACE, "WaitState", "tasta{sv}", (uint64_t)7, 19, SIX, SIX, SIX, "running",
		(uint64_t)0, 0), E("InvalidArgument"), "more than 18 states");
}

static void few(struct bus_config *config)
{
	config->waits_max = 4;
	config->waits_max_per_uid = 2;
	config->waits_max_per_client = 3;
}

static void waits_are_bounded_and_go_with_their_client(void **state)
{
	struct world *w = *state;
	struct pending p[4], other[3];
	struct client guest;

	if (geteuid() != 0)
		skip();
	world_rebuild(w, few);
	world_connect(w, &w->nobody, NOBODY);
	(void)vm_a(w, 7, VM_RUNNING, VM_SUB_RUNNING);
	for (int i = 0; i < 3; i++)
		ask_to_wait(&w->nobody, &other[i], 7, "paused", 0);
	world_until(w, &other[2].done);
	assert_error(other[2].reply, E("LimitReached"), "wait for a state already");
	memset(&guest, 0, sizeof(guest));
	world_connect(w, &guest, 0);
	for (int i = 0; i < 2; i++)
		ask_to_wait(&guest, &p[i], 7, "paused", 0);
	ping(&guest);
	assert_int_equal(w->bus->wait_count, 4);
	assert_error(call(&w->root, VM_A, VM_INTERFACE, "WaitState", "tasta{sv}", (uint64_t)7, 1, "paused", (uint64_t)0, 0),
		E("LimitReached"), NULL);
	world_disconnect(&w->nobody); /* its two are free again */
	while (w->bus->wait_count > 2)
		assert_int_equal(loop_turn(w->loop, true), 0);
	assert_false(p[0].done);
	ask_to_wait(&guest, &p[2], 7, "paused", 0);
	ask_to_wait(&guest, &p[3], 7, "paused", 0);
	world_until(w, &p[3].done);
	assert_error(p[3].reply, E("LimitReached"), "3 of one client");
	assert_int_equal(w->bus->wait_count, 3);
	world_disconnect(&guest);
	while (w->bus->wait_count > 0)
		assert_int_equal(loop_turn(w->loop, true), 0);
	assert_null(w->bus->wait_match); /* nobody listens to who leaves any more */
	happens(w, moved(91, 7, VM_RUNNING, VM_RUNNING, VM_SUB_PAUSED));
	assert_int_equal(w->bus->call_count, 0);
}

static void a_bus_that_breaks_takes_the_waits_with_it(void **state)
{
	struct world *w = *state;
	struct pending p;

	(void)vm_a(w, 7, VM_RUNNING, VM_SUB_RUNNING);
	ask_to_wait(&w->root, &p, 7, "paused", 60000);
	ping(&w->root);
	assert_int_equal(w->bus->wait_count, 1);
	bus_detach(w->bus);
	w->source = bus_source_free(w->source);
	w->sd = sd_bus_close_unref(w->sd);
	assert_int_equal(w->bus->wait_count, 0);
	happens(w, moved(91, 7, VM_RUNNING, VM_RUNNING, VM_SUB_PAUSED));
	world_until(w, &p.done);
	assert_error(p.reply, SD_BUS_ERROR_NO_REPLY, NULL);
	world_attach(w);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(is_answered_when_it_is_there_and_not_before),
		TEST(a_word_of_both_means_the_sub_state),
		TEST(a_state_that_was_left_in_the_same_turn_counts),
		TEST(a_life_that_ends_before_answers_over_with_its_cause),
		TEST(without_a_life_it_waits_on_through_a_restart),
		TEST(a_restart_that_had_to_wait_for_a_moment_was_null),
		TEST(a_life_that_was_left_behind_is_null_when_it_has_settled),
		TEST(a_start_that_comes_to_nothing_answers_over),
		TEST(time_is_over_and_it_says_where_the_vm_is),
		TEST(nonsense_is_refused),
		TEST(who_names_more_states_than_there_are_is_refused),
		TEST(waits_are_bounded_and_go_with_their_client),
		TEST(a_bus_that_breaks_takes_the_waits_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
