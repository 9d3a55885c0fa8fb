/* SPDX-License-Identifier: Apache-2.0 */
/* What follows an end, told input by input: which key speaks for which cause, how often, and after what time. */
#include "story.h"

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
	{ KEY(on_watchdog), { CAUSE_GUEST_WATCHDOG } },
	{ KEY(on_start_failure), { CAUSE_START_FAILED, CAUSE_SECURE_REJECTED, CAUSE_SECURE_TIMEOUT } },
	{ KEY(on_crash), { CAUSE_VCPU_STALL, CAUSE_VCPU_ERROR, CAUSE_MEMORY_FAULT, CAUSE_VMM_EXIT, CAUSE_VMM_SIGNAL,
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

static void a_new_daemon_counts_on(void **state)
{
	struct story *s = *state;
	struct story *again;
	uint64_t life;

	meet_secure_side(s, 1, 1);
	for (unsigned i = 0; i < 2; i++) {
		life = run(s, "web");
		policies(s)->on_crash = ON_END_RESTART;
		policies(s)->restart_limit = 2;
		policies(s)->restart_window_ms = 60000;
		end_as(s, life, CAUSE_OOM);
		assert_int_equal(operation(s)->operation, OP_RESTART);
		ask(s, REQUEST_ABORT, "web", 0);
		settle(s, life);
	}
	life = run(s, "web");
	policies(s)->on_crash = ON_END_RESTART;
	policies(s)->restart_limit = 2;
	policies(s)->restart_window_ms = 60000;
	again = reborn(s);
	end_as(again, life, CAUSE_OOM);
	assert_int_equal(operation(again)->operation, OP_NONE);
	story_end((void **)&again);
}

#define TOLD(f) cmocka_unit_test_setup_teardown(f, story_begin, story_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TOLD(each_cause_goes_by_its_own_key_and_no_other),
		TOLD(a_start_that_fails_later_is_tried_again_after_a_pause),
		TOLD(a_start_that_fails_again_and_again_ends_at_the_limit),
		TOLD(a_new_daemon_counts_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
