/* SPDX-License-Identifier: Apache-2.0 */
/* Guests that call each other, told call by call: what is delivered to whom, and what everybody else is answered. */
#include "guests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


static void wait_for_message(struct guest g)
{
	vcpu_is(g, 0, VCPU_RUNNING);
	vcpu_is(g, 0, VCPU_WAITING);
	call(g, FFA_MSG_WAIT, 0, 0);
	assert_null(find_output(g.s, OUT_GUEST_ANSWER, 0));
}

static uint32_t ids(struct guest from, struct guest to)
{
	return (uint32_t)from.id << 16 | to.id;
}

static void assert_function(struct guest g, uint32_t function)
{
	assert_non_null(answered(g));
	assert_int_equal(answered(g)->x[0], function);
}

static void a_request_goes_there_and_back(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");

	wait_for_message(b);
	call(a, REQ, ids(a, b), 7);
	assert_null(answered(a));
	assert_function(b, REQ);
	assert_int_equal(answered(b)->x[1], ids(a, b));
	assert_int_equal(answered(b)->x[3], 7);
	call(b, RESP, ids(b, a), 8);
	assert_null(answered(b));
	assert_function(a, RESP);
	assert_int_equal(answered(a)->x[3], 8);
	/* It waits for the next one again. */
	vcpu_is(b, 0, VCPU_WAITING);
	call(a, REQ, ids(a, b), 9);
	assert_function(b, REQ);
}

static void what_is_not_part_of_a_form_does_not_cross(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");
	struct guest_call c = { 0 };

	for (unsigned i = 2; i < FFA_REGISTERS; i++)
		c.x[i] = 0xAAAAAAAA00000000u + i;
	c.x[1] = ids(a, b);
	c.x[2] = 0;
	wait_for_message(b);
	c.x[0] = REQ;
	say(a, c);
	assert_int_equal(answered(b)->x[7], 7);
	assert_int_equal(answered(b)->x[8], 0);
	call(b, RESP, ids(b, a), 0);
	vcpu_is(b, 0, VCPU_WAITING);
	c.x[0] = REQ | FFA_SMC64;
	say(a, c);
	assert_int_equal(answered(b)->x[7], 0xAAAAAAAA00000007u);
	assert_int_equal(answered(b)->x[8], 0);
	call(b, RESP | FFA_SMC64, ids(b, a), 0);
	vcpu_is(b, 0, VCPU_WAITING);
	c.x[0] = REQ2;
	c.x[2] = 0x1234;
	say(a, c);
	assert_int_equal(answered(b)->x[2], 0x1234);
	assert_int_equal(answered(b)->x[17], 0xAAAAAAAA00000011u);
}

static void a_request_of_a_version_needs_a_receiver_of_that_version(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");

	vcpu_is(b, 0, VCPU_WAITING);
	say(b, (struct guest_call){ .version = V1_1, .x = { FFA_MSG_WAIT } });
	call(a, REQ2, ids(a, b), 0);
	assert_status(a, FFA_DENIED);
	call(a, REQ, ids(a, b), 0);
	assert_function(b, REQ);
}

static void a_response_must_fit_its_request(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b"), c = guest(*state, "c");

	call(b, RESP, ids(b, a), 0);
	assert_status(b, FFA_DENIED); /* to nothing */
	wait_for_message(b);
	call(a, REQ, ids(a, b), 0);
	call(b, RESP | FFA_SMC64, ids(b, a), 0);
	assert_status(b, FFA_DENIED);
	call(b, RESP2, ids(b, a), 0);
	assert_status(b, FFA_DENIED);
	call(b, RESP, ids(b, c), 0);
	assert_status(b, FFA_INVALID_PARAMETERS);
	call(b, RESP, ids(a, b), 0);
	assert_status(b, FFA_INVALID_PARAMETERS);
	call(b, FFA_MSG_WAIT, 0, 0);
	assert_status(b, FFA_DENIED);
	assert_null(answered(a));
	call(b, RESP, ids(b, a), 0);
	assert_function(a, RESP);
}

static void a_guest_speaks_for_itself_and_sends_no_framework_message(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");

	wait_for_message(b);
	call(a, REQ, ids(b, b), 0);
	assert_status(a, FFA_INVALID_PARAMETERS);
	call(a, REQ, b.id, 0); /* as if it were the hypervisor */
	assert_status(a, FFA_INVALID_PARAMETERS);
	say(a, (struct guest_call){ .x = { REQ, ids(a, b), FFA_FRAMEWORK | FFA_VM_DESTROYED_REQ, 0, 0, b.id } });
	assert_status(a, FFA_INVALID_PARAMETERS);
	assert_null(answered(b));
	call(a, REQ, ids(a, a), 0);
	assert_status(a, FFA_INVALID_PARAMETERS);
	call(a, REQ, (uint32_t)a.id << 16 | 0x7000, 0);
	assert_status(a, FFA_INVALID_PARAMETERS);
	call(a, REQ, (uint32_t)a.id << 16 | 0x8077, 0);
	assert_status(a, FFA_INVALID_PARAMETERS);
	call(a, 0x84000071, 0, 0); /* FFA_MEM_DONATE */
	assert_status(a, FFA_NOT_SUPPORTED);
}

/* A second statement of the answers, by the receiver's state: FFA_RUN, direct request. 1: as what it waits for says. */
static void the_state_of_a_vcpu_decides(void **state)
{
	static const struct {
		enum vcpu_state state;
		int run, request;
	} cells[] = {
		{ VCPU_ABORTED, -8, -8 }, { VCPU_NULL, -2, -2 }, { VCPU_STOPPED, -4, -4 }, { VCPU_CREATED, -4, -4 },
		{ VCPU_STARTING, -4, -4 }, { VCPU_RUNNING, -4, -4 }, { VCPU_STOPPING, -6, -4 }, { VCPU_OFF, -2, -4 },
		{ VCPU_WAITING, 0, 0 }, { VCPU_BLOCKED, 0, -4 }, { VCPU_PREEMPTED, 0, -4 }, { VCPU_BLOCKED_INTERRUPT, 0, -4 },
	};

	assert_int_equal(sizeof(cells) / sizeof(cells[0]), VCPU_STATE_COUNT);
	for (unsigned i = 0; i < VCPU_STATE_COUNT; i++) {
		assert_int_equal(mediator_status(cells[i].state, true), cells[i].run);
		assert_int_equal(mediator_status(cells[i].state, false), cells[i].request);
	}
}

static void the_state_of_a_vm_decides_before(void **state)
{
	struct guest a = guest(*state, "a"), b = { .s = *state };

	b.life = start(*state, "b");
	b.id = current(*state, "b")->begun.endpoint;
	call(a, REQ, ids(a, b), 0);
	assert_status(a, FFA_BUSY); /* CREATED */
	call(a, FFA_RUN, FFA_TARGET(b.id, 0), 0);
	assert_status(a, FFA_INVALID_PARAMETERS); /* its vCPU is NULL still */
	answer(*state, TRUSTY, VERDICT_ACK, CALL_CREATED);
	answer(*state, OPTEE, VERDICT_ACK, CALL_CREATED);
	life_says(*state, IN_VMM_ENTERED, b.life);
	vcpu_is(b, 0, VCPU_RUNNING);
	call(a, REQ, ids(a, b), 0);
	assert_status(a, FFA_BUSY); /* on the CPU */
	vcpu_is(b, 0, VCPU_WAITING);
	call(a, REQ, ids(a, b), 0);
	assert_status(a, FFA_BUSY); /* for an interrupt, not for a message */
	ask(*state, REQUEST_ABORT, "b", 0);
	call(a, REQ, ids(a, b), 0);
	assert_status(a, FFA_ABORTED);
	call(a, FFA_RUN, FFA_TARGET(b.id, 0), 0);
	assert_status(a, FFA_ABORTED);
}

static void a_receiver_serves_one_at_a_time(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b"), c = guest(*state, "c");

	wait_for_message(b);
	call(a, REQ, ids(a, b), 0);
	call(c, REQ, ids(c, b), 0);
	assert_status(c, FFA_BUSY);
	call(c, FFA_RUN, FFA_TARGET(b.id, 0), 0);
	assert_status(c, FFA_BUSY);
}

static void a_circle_is_refused(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b"), c = guest(*state, "c");

	wait_for_message(b);
	wait_for_message(c);
	call(a, REQ, ids(a, b), 0);
	vcpu_is(a, 0, VCPU_RUNNING);
	vcpu_is(a, 0, VCPU_BLOCKED);
	vcpu_is(b, 0, VCPU_RUNNING);
	call(b, REQ, ids(b, c), 0);
	assert_function(c, REQ);
	vcpu_is(b, 0, VCPU_BLOCKED);
	vcpu_is(c, 0, VCPU_RUNNING);
	call(c, REQ, ids(c, a), 0);
	assert_status(c, FFA_DENIED);
	call(c, REQ, ids(c, b), 0);
	assert_status(c, FFA_BUSY); /* it has an open request, and that comes first */
	call(c, RESP, ids(c, b), 0);
	assert_function(b, RESP);
	call(b, RESP, ids(b, a), 0);
	assert_function(a, RESP);
}

static void who_yields_is_run_again_by_its_caller(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b"), c = guest(*state, "c");

	call(a, FFA_YIELD, 0, 0);
	assert_status(a, FFA_OK); /* to nobody */
	wait_for_message(b);
	call(a, REQ, ids(a, b), 0);
	say(b, (struct guest_call){ .x = { FFA_YIELD, 0, 1000, 2 } });
	assert_null(answered(b));
	assert_function(a, FFA_YIELD);
	assert_int_equal(answered(a)->x[1], FFA_TARGET(b.id, 0));
	assert_int_equal(answered(a)->x[2], 1000);
	assert_int_equal(answered(a)->x[3], 2);
	call(a, REQ, ids(a, b), 0);
	assert_status(a, FFA_BUSY);
	call(c, FFA_RUN, FFA_TARGET(b.id, 0), 0);
	assert_status(c, FFA_BUSY);
	vcpu_is(b, 0, VCPU_RUNNING);
	vcpu_is(b, 0, VCPU_BLOCKED);
	call(a, FFA_RUN, FFA_TARGET(b.id, 0), 0);
	assert_null(answered(a));
	assert_status(b, FFA_OK);
	call(b, RESP, ids(b, a), 5);
	assert_function(a, RESP);
	assert_int_equal(answered(a)->x[3], 5);
}

static void run_lends_the_cpu_until_it_waits(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");

	wait_for_message(b);
	call(a, FFA_RUN, FFA_TARGET(b.id, 0), 0);
	assert_function(b, FFA_RUN);
	call(b, RESP, ids(b, a), 0);
	assert_status(b, FFA_DENIED);
	call(b, FFA_MSG_WAIT, 0, 0);
	assert_null(answered(b));
	assert_function(a, FFA_MSG_WAIT);
	assert_int_equal(answered(a)->x[1], FFA_TARGET(b.id, 0));
	call(a, FFA_RUN, FFA_TARGET(b.id, 1), 0);
	assert_status(a, FFA_INVALID_PARAMETERS);
}

static void who_called_a_guest_that_dies_is_told_and_runs_on(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");

	wait_for_message(b);
	call(a, REQ, ids(a, b), 0);
	ask(*state, REQUEST_ABORT, "b", 0);
	assert_status(a, FFA_ABORTED);
	assert_null(answered(b));
	call(b, RESP, ids(b, a), 0);
	assert_null(find_output(*state, OUT_GUEST_ANSWER, 0)); /* it is on its way out */
	call(a, FFA_MSG_WAIT, 0, 0);
	assert_null(answered(a));
}

static void a_caller_that_dies_leaves_nobody_waiting(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b"), c = guest(*state, "c");

	wait_for_message(b);
	call(a, REQ, ids(a, b), 0);
	ask(*state, REQUEST_ABORT, "a", 0);
	assert_null(answered(b));
	call(b, RESP, ids(b, a), 0); /* to nobody, and not to a stranger with the same id */
	assert_null(find_output(*state, OUT_GUEST_ANSWER, 0));
	vcpu_is(b, 0, VCPU_WAITING);
	call(c, REQ, ids(c, b), 0);
	assert_function(b, REQ);
	call(b, FFA_YIELD, 0, 0);
	assert_function(c, FFA_YIELD);
	ask(*state, REQUEST_ABORT, "c", 0);
	assert_status(b, FFA_OK); /* nobody will run it: it goes on */
}

/* What a daemon before knew is lost with it: nothing is sent twice, and nobody waits for ever. */
/* One vCPU runs those of many guests, which all yield to it: whose end that is, answers them all. */
static void one_end_may_answer_more_than_a_step_ever_brings(void **state)
{
	struct story *s = *state;
	struct guest a = guest(s, "a"), b;
	size_t answers = 0;

	for (unsigned i = 0; i < 20; i++) {
		char name[8];

		(void)snprintf(name, sizeof(name), "b%u", i);
		b = guest(s, name);
		current(s, name)->begun.vcpu_count = VM_VCPU_MAX;
		for (uint16_t k = 0; k < VM_VCPU_MAX; k++) {
			vcpu_is(b, k, VCPU_WAITING);
			say(b, (struct guest_call){ .vcpu = k, .x = { FFA_MSG_WAIT } });
			call(a, FFA_RUN, FFA_TARGET(b.id, k), 0);
			say(b, (struct guest_call){ .vcpu = k, .x = { FFA_YIELD } });
			assert_function(a, FFA_YIELD);
		}
	}
	life_says(s, IN_VMM_ENDED, a.life);
	for (size_t i = 0; i < s->o.outputs; i++)
		answers += s->o.output[i].kind == OUT_GUEST_ANSWER;
	assert_int_equal(answers, 20 * VM_VCPU_MAX);
}

static void after_a_crash_nothing_is_sent_twice(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");

	wait_for_message(b);
	say(a, (struct guest_call){ .flags = VMM_CALL_AGAIN, .x = { REQ, ids(a, b) } });
	assert_status(a, FFA_ABORTED);
	assert_null(answered(b));
	/* The one that served it before the crash: */
	say(b, (struct guest_call){ .flags = VMM_CALL_SERVING, .x = { RESP, ids(b, a) } });
	assert_null(find_output(*state, OUT_GUEST_ANSWER, 0));
	vcpu_is(b, 0, VCPU_WAITING);
	call(a, REQ, ids(a, b), 0);
	assert_function(b, REQ);
}

/* The link broke, the daemon did not die: what stands goes on; what was answered and not heard is lost. */
static void what_stands_goes_on_over_a_broken_link(void **state)
{
	struct guest a = guest(*state, "a"), b = guest(*state, "b");

	wait_for_message(b);
	call(a, REQ, ids(a, b), 0);
	say(a, (struct guest_call){ .flags = VMM_CALL_AGAIN, .x = { REQ, ids(a, b) } });
	assert_null(find_output(*state, OUT_GUEST_ANSWER, 0));
	/* B never heard the request: its wait comes again. */
	say(b, (struct guest_call){ .flags = VMM_CALL_AGAIN, .x = { FFA_MSG_WAIT } });
	assert_status(a, FFA_ABORTED);
	assert_null(answered(b));
	vcpu_is(b, 0, VCPU_WAITING);
	call(a, REQ, ids(a, b), 0);
	call(b, RESP, ids(b, a), 0);
	assert_function(a, RESP);
	/* A never heard the response. */
	say(a, (struct guest_call){ .flags = VMM_CALL_AGAIN, .x = { REQ, ids(a, b) } });
	assert_status(a, FFA_ABORTED);
	assert_null(answered(b));
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, story_begin, story_end)
	const struct CMUnitTest tests[] = {
		STORY(a_request_goes_there_and_back),
		STORY(what_is_not_part_of_a_form_does_not_cross),
		STORY(a_request_of_a_version_needs_a_receiver_of_that_version),
		STORY(a_response_must_fit_its_request),
		STORY(a_guest_speaks_for_itself_and_sends_no_framework_message),
		STORY(the_state_of_a_vcpu_decides),
		STORY(the_state_of_a_vm_decides_before),
		STORY(a_receiver_serves_one_at_a_time),
		STORY(a_circle_is_refused),
		STORY(who_yields_is_run_again_by_its_caller),
		STORY(run_lends_the_cpu_until_it_waits),
		STORY(who_called_a_guest_that_dies_is_told_and_runs_on),
		STORY(a_caller_that_dies_leaves_nobody_waiting),
		STORY(one_end_may_answer_more_than_a_step_ever_brings),
		STORY(after_a_crash_nothing_is_sent_twice),
		STORY(what_stands_goes_on_over_a_broken_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
