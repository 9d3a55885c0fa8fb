/* SPDX-License-Identifier: Apache-2.0 */

/* When is a verb's goal reached? Events by hand, judged one by one. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "follow.h"

static struct lifecycle_event moved(uint64_t seq, uint64_t life, enum lifecycle_state to)
{
	return (struct lifecycle_event){ .kind = LIFECYCLE_EVENT_STATE, .seq = seq, .life = life, .endpoint = 3,
		.new_state = (int)to, .name = "web" };
}

static enum verdict take(struct follow *f, struct lifecycle_event e)
{
	follow_take(f, &e);
	return follow_judge(f);
}

/* A VM without a life whose start was accepted at 101. */
static struct follow starting(void)
{
	struct follow f = { .name = "web", .verb = LIFECYCLE_START, .exists = true, .cursor = 100, .min_life = 101 };

	follow_accepted(&f, 101);
	return f;
}

static void start_is_done_when_it_runs(void **state)
{
	struct follow f = starting();

	assert_int_equal(follow_judge(&f), FOLLOW_PENDING);
	assert_int_equal(take(&f, moved(102, 102, LIFECYCLE_STATE_CREATED)), FOLLOW_PENDING);
	assert_int_equal(take(&f, moved(104, 102, LIFECYCLE_STATE_RUNNING)), FOLLOW_REACHED);
}

static void start_that_fails_is_told(void **state)
{
	struct follow f = starting();

	assert_int_equal(take(&f, moved(102, 102, LIFECYCLE_STATE_CREATED)), FOLLOW_PENDING);
	assert_int_equal(take(&f, moved(104, 102, LIFECYCLE_STATE_ABORTING)), FOLLOW_ENDED);
	assert_int_equal(take(&f, moved(105, 102, LIFECYCLE_STATE_NULL)), FOLLOW_ENDED);
}

/* The VM was still ending when it was started: that end is not this start's. */
static void start_ignores_the_end_of_an_older_life(void **state)
{
	struct follow f = starting();

	f.life = 50;
	f.state = LIFECYCLE_STATE_ABORTING;
	assert_int_equal(follow_judge(&f), FOLLOW_PENDING);
	assert_int_equal(take(&f, moved(102, 50, LIFECYCLE_STATE_NULL)), FOLLOW_PENDING);
	assert_int_equal(take(&f, moved(103, 103, LIFECYCLE_STATE_CREATED)), FOLLOW_PENDING);
	assert_int_equal(take(&f, moved(104, 49, LIFECYCLE_STATE_NULL)), FOLLOW_PENDING);
	assert_int_equal(f.life, 103);
	assert_int_equal(take(&f, moved(105, 103, LIFECYCLE_STATE_RUNNING)), FOLLOW_REACHED);
}

static void start_is_given_up_when_another_operation_comes_first(void **state)
{
	struct follow f = starting();
	struct lifecycle_event e = { .kind = LIFECYCLE_EVENT_OPERATION, .seq = 101, .operation = LIFECYCLE_OP_START, .name = "web" };

	assert_int_equal(take(&f, e), FOLLOW_PENDING);
	e.seq = 102;
	e.operation = LIFECYCLE_OP_DESTROY;
	assert_int_equal(take(&f, e), FOLLOW_GIVEN_UP);
}

static void restart_waits_for_the_next_life(void **state)
{
	struct follow f = { .name = "web", .verb = LIFECYCLE_RESTART, .exists = true, .cursor = 100, .min_life = 101,
		.life = 50, .state = LIFECYCLE_STATE_RUNNING };

	follow_accepted(&f, 101);
	assert_int_equal(follow_judge(&f), FOLLOW_PENDING);
	assert_int_equal(take(&f, moved(102, 50, LIFECYCLE_STATE_ABORTING)), FOLLOW_PENDING);
	assert_int_equal(take(&f, moved(103, 103, LIFECYCLE_STATE_CREATED)), FOLLOW_PENDING);
	assert_int_equal(take(&f, moved(104, 103, LIFECYCLE_STATE_RUNNING)), FOLLOW_REACHED);
}

static void abort_is_done_when_its_life_is_over(void **state)
{
	struct follow f = { .name = "web", .verb = LIFECYCLE_ABORT, .exists = true, .cursor = 100, .life = 50,
		.state = LIFECYCLE_STATE_RUNNING };

	follow_accepted(&f, 101);
	assert_int_equal(follow_judge(&f), FOLLOW_PENDING);
	assert_int_equal(take(&f, moved(102, 50, LIFECYCLE_STATE_ABORTING)), FOLLOW_PENDING);
	assert_int_equal(take(&f, moved(103, 49, LIFECYCLE_STATE_NULL)), FOLLOW_PENDING);
	assert_int_equal(take(&f, moved(104, 50, LIFECYCLE_STATE_NULL)), FOLLOW_REACHED);
	f.target = 50;
	assert_int_equal(take(&f, moved(105, 105, LIFECYCLE_STATE_CREATED)), FOLLOW_REACHED); /* somebody else's */
}

static struct lifecycle_event operation(uint64_t seq, enum lifecycle_operation op, enum lifecycle_outcome outcome)
{
	return (struct lifecycle_event){ .kind = LIFECYCLE_EVENT_OPERATION, .seq = seq, .operation = (int)op,
		.outcome = (int)outcome, .name = "web" };
}

static struct lifecycle_event kept(uint64_t seq)
{
	struct lifecycle_event e = moved(seq, 50, LIFECYCLE_STATE_ABORTING);

	e.new_substate = LIFECYCLE_SUB_PRESERVED;
	return e;
}

static void preserve_is_done_when_it_is_kept(void **state)
{
	struct follow f = { .name = "web", .verb = LIFECYCLE_PRESERVE, .exists = true, .cursor = 100, .life = 50,
		.state = LIFECYCLE_STATE_RUNNING };

	follow_accepted(&f, 101);
	assert_int_equal(take(&f, moved(102, 50, LIFECYCLE_STATE_ABORTING)), FOLLOW_PENDING);
	assert_int_equal(take(&f, kept(103)), FOLLOW_REACHED);
	assert_int_equal(take(&f, moved(104, 50, LIFECYCLE_STATE_NULL)), FOLLOW_GIVEN_UP);
}

/* Nobody waits for ever for the end of what another keeps; what was kept before it was given up is none of it. */
static void an_abort_is_given_up_when_another_keeps_the_life(void **state)
{
	struct follow f = { .name = "web", .verb = LIFECYCLE_ABORT, .exists = true, .cursor = 100, .life = 50,
		.state = LIFECYCLE_STATE_ABORTING, .substate = LIFECYCLE_SUB_QUIESCING };

	follow_accepted(&f, 103);
	assert_int_equal(take(&f, kept(102)), FOLLOW_PENDING);
	assert_int_equal(take(&f, moved(103, 50, LIFECYCLE_STATE_ABORTING)), FOLLOW_PENDING);
	assert_int_equal(take(&f, kept(104)), FOLLOW_GIVEN_UP);
}

static struct follow stopping(void)
{
	return (struct follow){ .name = "web", .verb = LIFECYCLE_STOP, .exists = true, .cursor = 100, .life = 50,
		.state = LIFECYCLE_STATE_RUNNING };
}

static void stop_is_done_when_its_life_is_over(void **state)
{
	struct follow f = stopping();

	follow_accepted(&f, 101);
	assert_int_equal(take(&f, operation(101, LIFECYCLE_OP_STOP, LIFECYCLE_OUTCOME_NONE)), FOLLOW_PENDING);
	assert_int_equal(take(&f, moved(102, 50, LIFECYCLE_STATE_ABORTING)), FOLLOW_PENDING);
	assert_int_equal(take(&f, moved(103, 50, LIFECYCLE_STATE_NULL)), FOLLOW_REACHED);
	assert_int_equal(take(&f, operation(104, LIFECYCLE_OP_NONE, LIFECYCLE_OUTCOME_NONE)), FOLLOW_REACHED);
}

static void stop_that_is_not_heard_is_told(void **state)
{
	struct follow f = stopping();

	follow_accepted(&f, 103);
	/* That is another's, from before. */
	assert_int_equal(take(&f, operation(102, LIFECYCLE_OP_NONE, LIFECYCLE_OUTCOME_UNHEARD)), FOLLOW_PENDING);
	assert_int_equal(take(&f, operation(103, LIFECYCLE_OP_STOP, LIFECYCLE_OUTCOME_NONE)), FOLLOW_PENDING);
	assert_int_equal(take(&f, operation(104, LIFECYCLE_OP_NONE, LIFECYCLE_OUTCOME_UNHEARD)), FOLLOW_UNHEARD);
	assert_int_equal(take(&f, operation(105, LIFECYCLE_OP_ABORT, LIFECYCLE_OUTCOME_NONE)), FOLLOW_PENDING);
	assert_int_equal(take(&f, moved(106, 50, LIFECYCLE_STATE_NULL)), FOLLOW_REACHED);
}

/* Between the snapshot and the verb the VM got another life: that is the one aborted. */
static void abort_means_the_life_it_met(void **state)
{
	struct follow f = { .name = "web", .verb = LIFECYCLE_ABORT, .exists = true, .cursor = 100, .life = 50,
		.state = LIFECYCLE_STATE_RUNNING };

	follow_accepted(&f, 110);
	assert_int_equal(take(&f, moved(105, 50, LIFECYCLE_STATE_NULL)), FOLLOW_REACHED);
	assert_int_equal(take(&f, moved(106, 106, LIFECYCLE_STATE_CREATED)), FOLLOW_PENDING);
	assert_int_equal(take(&f, moved(111, 106, LIFECYCLE_STATE_NULL)), FOLLOW_REACHED);
}

static struct follow standing(enum lifecycle_verb verb, enum lifecycle_substate substate)
{
	return (struct follow){ .name = "web", .verb = verb, .exists = true, .cursor = 100, .life = 50,
		.state = LIFECYCLE_STATE_RUNNING, .substate = (int)substate };
}

static struct lifecycle_event within(uint64_t seq, enum lifecycle_substate to)
{
	struct lifecycle_event e = moved(seq, 50, LIFECYCLE_STATE_RUNNING);

	e.new_substate = (int)to;
	return e;
}

static void pause_is_done_when_all_stand(void **state)
{
	struct follow f = standing(LIFECYCLE_PAUSE, LIFECYCLE_SUB_RUNNING);

	follow_accepted(&f, 104); /* 103 and 104 are its own */
	assert_int_equal(follow_judge(&f), FOLLOW_PENDING);
	assert_int_equal(take(&f, within(101, LIFECYCLE_SUB_PAUSING)), FOLLOW_PENDING); /* another's, that is over */
	assert_int_equal(take(&f, within(102, LIFECYCLE_SUB_RUNNING)), FOLLOW_PENDING);
	assert_int_equal(take(&f, within(103, LIFECYCLE_SUB_PAUSING)), FOLLOW_PENDING);
	assert_int_equal(take(&f, operation(104, LIFECYCLE_OP_PAUSE, LIFECYCLE_OUTCOME_NONE)), FOLLOW_PENDING);
	assert_int_equal(take(&f, within(105, LIFECYCLE_SUB_PAUSED)), FOLLOW_REACHED);
	f = standing(LIFECYCLE_PAUSE, LIFECYCLE_SUB_PAUSED);
	follow_accepted(&f, 0);
	assert_int_equal(follow_judge(&f), FOLLOW_REACHED);
}

static void pause_that_is_not_reached_is_told(void **state)
{
	struct follow f = standing(LIFECYCLE_PAUSE, LIFECYCLE_SUB_RUNNING);

	follow_accepted(&f, 104);
	assert_int_equal(take(&f, within(103, LIFECYCLE_SUB_PAUSING)), FOLLOW_PENDING);
	assert_int_equal(take(&f, operation(104, LIFECYCLE_OP_PAUSE, LIFECYCLE_OUTCOME_NONE)), FOLLOW_PENDING);
	assert_int_equal(take(&f, within(105, LIFECYCLE_SUB_RUNNING)), FOLLOW_PENDING); /* why comes behind it */
	assert_false(f.timed_out);
	assert_int_equal(take(&f, operation(106, LIFECYCLE_OP_NONE, LIFECYCLE_OUTCOME_TIMED_OUT)), FOLLOW_GIVEN_UP);
	assert_true(f.timed_out);
	assert_int_equal(take(&f, moved(107, 50, LIFECYCLE_STATE_ABORTING)), FOLLOW_ENDED);
}

static void a_device_that_would_not_is_told(void **state)
{
	struct follow f = standing(LIFECYCLE_PAUSE, LIFECYCLE_SUB_RUNNING);

	follow_accepted(&f, 104);
	assert_int_equal(take(&f, within(103, LIFECYCLE_SUB_PAUSING)), FOLLOW_PENDING);
	assert_int_equal(take(&f, operation(104, LIFECYCLE_OP_PAUSE, LIFECYCLE_OUTCOME_NONE)), FOLLOW_PENDING);
	assert_int_equal(take(&f, within(105, LIFECYCLE_SUB_RUNNING)), FOLLOW_PENDING);
	assert_int_equal(take(&f, operation(106, LIFECYCLE_OP_NONE, LIFECYCLE_OUTCOME_DEVICE_REFUSED)), FOLLOW_GIVEN_UP);
	assert_true(f.device);
	f = standing(LIFECYCLE_RESUME, LIFECYCLE_SUB_PAUSED);
	follow_accepted(&f, 104);
	assert_int_equal(take(&f, operation(103, LIFECYCLE_OP_NONE, LIFECYCLE_OUTCOME_DEVICE_STOPPED)), FOLLOW_PENDING); /* before */
	assert_int_equal(take(&f, within(104, LIFECYCLE_SUB_RUNNING)), FOLLOW_REACHED); /* as far as events tell */
	assert_int_equal(take(&f, within(105, LIFECYCLE_SUB_PAUSED)), FOLLOW_PENDING);
	assert_int_equal(take(&f, operation(106, LIFECYCLE_OP_NONE, LIFECYCLE_OUTCOME_DEVICE_STOPPED)), FOLLOW_GIVEN_UP);
}

static void resume_is_done_when_they_may_go_on(void **state)
{
	struct follow f = standing(LIFECYCLE_RESUME, LIFECYCLE_SUB_PAUSED);

	follow_accepted(&f, 101);
	assert_int_equal(follow_judge(&f), FOLLOW_PENDING);
	assert_int_equal(take(&f, within(101, LIFECYCLE_SUB_RUNNING)), FOLLOW_REACHED);
	f = standing(LIFECYCLE_RESUME, LIFECYCLE_SUB_PAUSED);
	follow_accepted(&f, 101);
	assert_int_equal(take(&f, moved(102, 50, LIFECYCLE_STATE_NULL)), FOLLOW_ENDED);
}

static void destroy_is_done_when_the_vm_is_gone(void **state)
{
	struct follow f = { .name = "web", .verb = LIFECYCLE_DESTROY, .exists = true, .life = 50 };
	struct lifecycle_event gone = { .kind = LIFECYCLE_EVENT_VM_GONE, .seq = 103, .name = "other" };

	follow_accepted(&f, 101);
	assert_int_equal(take(&f, moved(102, 50, LIFECYCLE_STATE_NULL)), FOLLOW_PENDING);
	assert_int_equal(take(&f, gone), FOLLOW_PENDING);
	(void)strcpy(gone.name, "web");
	assert_int_equal(take(&f, gone), FOLLOW_REACHED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(start_is_done_when_it_runs),
		cmocka_unit_test(start_that_fails_is_told),
		cmocka_unit_test(start_ignores_the_end_of_an_older_life),
		cmocka_unit_test(start_is_given_up_when_another_operation_comes_first),
		cmocka_unit_test(restart_waits_for_the_next_life),
		cmocka_unit_test(abort_is_done_when_its_life_is_over),
		cmocka_unit_test(preserve_is_done_when_it_is_kept),
		cmocka_unit_test(an_abort_is_given_up_when_another_keeps_the_life),
		cmocka_unit_test(abort_means_the_life_it_met),
		cmocka_unit_test(stop_is_done_when_its_life_is_over),
		cmocka_unit_test(stop_that_is_not_heard_is_told),
		cmocka_unit_test(pause_is_done_when_all_stand),
		cmocka_unit_test(pause_that_is_not_reached_is_told),
		cmocka_unit_test(a_device_that_would_not_is_told),
		cmocka_unit_test(resume_is_done_when_they_may_go_on),
		cmocka_unit_test(destroy_is_done_when_the_vm_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
