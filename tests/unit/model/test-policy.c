/* SPDX-License-Identifier: Apache-2.0 */
/* What follows an end, told input by input: which key speaks for which cause, how often, and after what time. */
#include "story.h"

#include <stdlib.h>
#include <string.h>

static struct vm_policies *policies(struct story *s)
{
	return &model_vm_named(&s->m, "web")->definition->policies;
}

struct key {
	size_t offset;
	enum vm_cause cause[9];
};
#define KEY(member) offsetof(struct vm_policies, member)

static const struct key keys[] = {
	{ KEY(on_poweroff), { CAUSE_GUEST_POWEROFF } },
	{ KEY(on_reboot), { CAUSE_GUEST_REBOOT } },
	{ KEY(on_panic), { CAUSE_GUEST_PANIC } },
	{ KEY(on_watchdog), { CAUSE_GUEST_WATCHDOG, CAUSE_VCPU_STALL } },
	{ KEY(on_start_failure), { CAUSE_START_FAILED, CAUSE_SECURE_REJECTED, CAUSE_SECURE_TIMEOUT } },
	{ KEY(on_crash), { CAUSE_VCPU_ERROR, CAUSE_MEMORY_FAULT, CAUSE_VMM_EXIT, CAUSE_VMM_SIGNAL,
				 CAUSE_VMM_PROTOCOL, CAUSE_VMM_GONE, CAUSE_OOM } },
};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

static bool goes_by(const struct key *key, enum vm_cause cause)
{
	for (size_t i = 0; i < sizeof(key->cause) / sizeof(key->cause[0]); i++)
		if (key->cause[i] == cause)
			return true;
	return false;
}

/* Every cause against every key, alone at restart. What no key names stays down whatever they say. */
static void each_cause_goes_by_its_own_key_and_no_other(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	for (unsigned cause = CAUSE_NONE + 1; cause < CAUSE_COUNT; cause++) {
		for (size_t k = 0; k < KEYS; k++) {
			uint64_t life = run(s, "web");

			((uint8_t *)policies(s))[keys[k].offset] = ON_END_RESTART;
			end_as(s, life, (enum vm_cause)cause);
			assert_int_equal(operation(s)->operation, goes_by(&keys[k], (enum vm_cause)cause) ? OP_RESTART : OP_NONE);
			if (operation(s)->operation != OP_NONE)
				ask(s, REQUEST_ABORT, "web", 0);
			settle(s, life);
			assert_null(current(s, "web"));
		}
	}
}

static uint64_t starts_where_memory_is_short(struct story *s)
{
	ask(s, REQUEST_DEFINE, "web", 0);
	ask(s, REQUEST_DEFINE, "first", 0);
	policies(s)->on_start_failure = ON_END_RESTART;
	model_vm_named(&s->m, "web")->definition->after_count = 1;
	strcpy(model_vm_named(&s->m, "web")->definition->after[0], "first");
	ask(s, REQUEST_START, "web", 0);
	assert_int_equal(operation(s)->operation, OP_START);
	s->m.memory_limit = 2 << 20; /* what one of them needs */
	return run(s, "first");
}

static void a_start_that_fails_later_is_tried_again_after_a_pause(void **state)
{
	struct story *s = *state;
	uint64_t first;

	meet_secure_side(s, 1, 1);
	first = starts_where_memory_is_short(s);
	assert_null(current(s, "web"));
	assert_int_equal(model_vm_named(&s->m, "web")->end.cause, CAUSE_START_FAILED);
	assert_int_equal(operation(s)->operation, OP_START);
	assert_int_equal(operation(s)->deadline, s->now + 100 * MS); /* restart-delay is 0 here */
	assert_int_equal(waits(s).on, WAIT_TIMER);
	s->m.memory_limit = 0;
	tick_after(s, 100 * MS - 1);
	assert_null(current(s, "web"));
	tick_after(s, 1);
	assert_non_null(current(s, "web"));
	assert_int_equal(current(s, "first")->number, first);
}

static void a_start_that_fails_again_and_again_ends_at_the_limit(void **state)
{
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	starts_where_memory_is_short(s);
	policies(s)->restart_limit = 3;
	policies(s)->restart_window_ms = 60000;
	for (unsigned i = 2; i <= 3; i++) {
		tick_after(s, 100 * MS);
		assert_int_equal(operation(s)->operation, OP_START);
		assert_int_equal(model_vm_named(&s->m, "web")->end.restarts, i);
	}
	tick_after(s, 100 * MS);
	assert_int_equal(operation(s)->operation, OP_NONE);
}

/* A life of "web" that may be restarted twice a minute. */
static uint64_t run_with_a_limit(struct story *s)
{
	uint64_t life = run(s, "web");

	policies(s)->on_crash = ON_END_RESTART;
	policies(s)->restart_limit = 2;
	policies(s)->restart_window_ms = 60000;
	return life;
}

static void use_up_the_limit(struct story *s)
{
	for (unsigned i = 0; i < 2; i++) {
		uint64_t life = run_with_a_limit(s);

		end_as(s, life, CAUSE_OOM);
		assert_int_equal(operation(s)->operation, OP_RESTART);
		ask(s, REQUEST_ABORT, "web", 0);
		settle(s, life);
	}
}

static void a_new_daemon_counts_on(void **state)
{
	struct story *s = *state;
	struct story *again;
	uint64_t life;

	meet_secure_side(s, 1, 1);
	use_up_the_limit(s);
	life = run_with_a_limit(s);
	again = reborn(s);
	end_as(again, life, CAUSE_OOM);
	assert_int_equal(operation(again)->operation, OP_NONE);
	story_end((void **)&again);
}

/* Its clock may say that no minute has passed since. */
static void another_boot_counts_anew(void **state)
{
	struct story *s = *state;
	struct story *again;

	meet_secure_side(s, 1, 1);
	use_up_the_limit(s);
	again = next_daemon(s, s->now + 1, false);
	assert_int_equal(model_vm_named(&again->m, "web")->end.restarts, 0);
	meet_secure_side(again, 2, 1);
	end_as(again, run_with_a_limit(again), CAUSE_OOM);
	assert_int_equal(operation(again)->operation, OP_RESTART);
	assert_int_equal(model_vm_named(&again->m, "web")->end.restarts, 1);
	story_end((void **)&again);
}

/* A crash of a guest that ran for so long; how long the next life has to wait. */
static uint64_t delay_after_a_crash(struct story *s, uint64_t ran)
{
	uint64_t life = run(s, "web"), delay;
	struct vm_policies *p = policies(s);

	*p = (struct vm_policies){ .on_crash = ON_END_RESTART, .restart_delay_ms = 100, .restart_factor = 3,
		.restart_delay_max_ms = 1000, .restart_healthy_ms = 5000, .restart_jitter = p->restart_jitter };
	tick_after(s, ran);
	end_as(s, life, CAUSE_VCPU_ERROR);
	delay = operation(s)->deadline - s->now;
	assert_int_equal(operation(s)->operation, OP_RESTART);
	assert_int_equal(model_next_start(model_vm_named(&s->m, "web")), operation(s)->deadline);
	ask(s, REQUEST_ABORT, "web", 0);
	assert_int_equal(model_next_start(model_vm_named(&s->m, "web")), 0);
	settle(s, life);
	return delay;
}

static void waits_longer_each_time_until_the_guest_was_healthy(void **state)
{
	static const uint64_t delays[] = { 100, 300, 900, 1000, 1000 };
	struct story *s = *state;

	meet_secure_side(s, 1, 1);
	for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++)
		assert_int_equal(delay_after_a_crash(s, 4999 * MS), delays[i] * MS);
	assert_int_equal(delay_after_a_crash(s, 5000 * MS), 100 * MS);
	assert_int_equal(delay_after_a_crash(s, 0), 300 * MS);
}

/* How long a guest has run is not lost with a pause, nor with the log that told of its entry. */
static void a_snapshot_keeps_since_when_a_guest_runs(void **state)
{
	struct story *s = *state, *again;
	uint64_t since;

	meet_secure_side(s, 1, 1);
	run(s, "web");
	since = s->now;
	s->now += 1000 * MS;
	ask(s, REQUEST_PAUSE, "web", 0);
	again = reborn(s);
	assert_int_equal(current(again, "web")->begun.entered, since);
	model_clear(&again->m);
	step_out_free(&again->o);
	free(again);
}

static void two_vms_that_end_together_do_not_come_back_together(void **state)
{
	struct story *s = *state;
	uint64_t first[2];

	meet_secure_side(s, 1, 1);
	for (unsigned i = 0; i < 2; i++) {
		char name[] = { (char)('a' + i), 0 };
		uint64_t life = run(s, name);
		struct vm *vm = model_vm_named(&s->m, name);

		vm->definition->policies = (struct vm_policies){ .on_crash = ON_END_RESTART, .restart_delay_ms = 1000,
			.restart_jitter = 20, .restart_delay_max_ms = 1000 };
		end_as(s, life, CAUSE_OOM);
		first[i] = vm->operation.deadline - s->now;
		assert_in_range(first[i], 800 * MS, 1200 * MS);
		settle(s, life);
	}
	assert_int_not_equal(first[0], first[1]);
}

static void a_pending_restart_outlives_the_daemon_and_not_a_stop(void **state)
{
	struct story *s = *state;
	struct story *again;
	uint64_t life, at;

	meet_secure_side(s, 1, 1);
	life = run(s, "web");
	*policies(s) = (struct vm_policies){ .on_crash = ON_END_RESTART, .restart_delay_ms = 10000, .restart_delay_max_ms = 10000 };
	end_as(s, life, CAUSE_OOM);
	settle(s, life);
	assert_null(current(s, "web"));
	at = model_next_start(model_vm_named(&s->m, "web"));
	assert_int_equal(at, s->now + 10000 * MS);
	again = reborn(s);
	assert_int_equal(model_next_start(model_vm_named(&again->m, "web")), at);
	assert_int_equal(waits(again).on, WAIT_TIMER);
	tick_after(again, at - again->now - 1);
	assert_null(current(again, "web"));
	tick_after(again, 1);
	assert_non_null(current(again, "web"));
	assert_int_equal(model_next_start(model_vm_named(&again->m, "web")), 0);
	story_end((void **)&again);
	ask(s, REQUEST_STOP, "web", 0);
	assert_int_equal(s->o.answer[0].refusal, REFUSED_NOT);
	assert_int_equal(model_next_start(model_vm_named(&s->m, "web")), 0);
	tick_after(s, 20000 * MS);
	assert_null(current(s, "web"));
}

/* The guest of a daemon that is asked to leave reboots: that is for the next daemon to see to. */
static void a_daemon_that_leaves_leaves_restarts_to_the_next(void **state)
{
	struct story *s = *state;
	struct story *again;
	uint64_t life;

	meet_secure_side(s, 1, 1);
	life = run(s, "web");
	policies(s)->on_reboot = ON_END_RESTART;
	step(s, (struct input){ .kind = IN_SHUTDOWN });
	end_as(s, life, CAUSE_GUEST_REBOOT);
	settle(s, life);
	assert_null(current(s, "web"));
	tick_after(s, 1000 * MS);
	assert_null(current(s, "web"));
	again = reborn(s);
	tick_after(again, 0);
	assert_non_null(current(again, "web"));
	story_end((void **)&again);
}

static enum refusal define_after(struct story *s, const char *name, const char *first)
{
	struct input in = { .kind = IN_REQUEST, .request = { .verb = REQUEST_DEFINE, .token = 1 } };
	struct vm_definition *d = malloc(sizeof(*d));

	assert_non_null(d);
	ask(s, REQUEST_DEFINE, name, 0);
	*d = *model_vm_named(&s->m, name)->definition;
	d->after_count = 1;
	strcpy(d->after[0], first);
	in.request.definition = d;
	step(s, in);
	return s->o.answer[0].refusal;
}

static void an_order_that_is_a_circle_is_refused_and_named(void **state)
{
	struct story *s = *state;

	assert_int_equal(define_after(s, "web", "db"), REFUSED_NOT);
	assert_int_equal(define_after(s, "db", "disk"), REFUSED_NOT);
	assert_int_equal(define_after(s, "disk", "web"), REFUSED_CYCLE);
	assert_non_null(strstr(s->o.answer[0].text, ": disk -> web -> db -> disk;"));
}

#define TOLD(f) cmocka_unit_test_setup_teardown(f, story_begin, story_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TOLD(each_cause_goes_by_its_own_key_and_no_other),
		TOLD(a_start_that_fails_later_is_tried_again_after_a_pause),
		TOLD(a_start_that_fails_again_and_again_ends_at_the_limit),
		TOLD(a_new_daemon_counts_on),
		TOLD(another_boot_counts_anew),
		TOLD(an_order_that_is_a_circle_is_refused_and_named),
		TOLD(waits_longer_each_time_until_the_guest_was_healthy),
		TOLD(a_snapshot_keeps_since_when_a_guest_runs),
		TOLD(two_vms_that_end_together_do_not_come_back_together),
		TOLD(a_pending_restart_outlives_the_daemon_and_not_a_stop),
		TOLD(a_daemon_that_leaves_leaves_restarts_to_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
