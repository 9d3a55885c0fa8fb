/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The list of notifiers, against a second encoding: the model below keeps what is registered as a plain sequence of
 * letters, and is walked with the list through every sequence of calls up to a length, and through long random ones.
 */

#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "spmc/notifier.h"

#define VMS 2
#define NAMES 2
#define ROOM 16

static const struct notifier_callback step = { .kind = NOTIFIER_HOLD };

static struct notifier named(uint16_t vm, const char *name, const struct notifier_callback *c)
{
	struct notifier n;

	assert_int_equal(notifier_init(&n, vm, name, c), NOTIFIER_OK);
	return n;
}

/* ---- answers, one by one ---- */

static void init_wants_an_object_and_a_callback(void **unused)
{
	const struct notifier_callback none = { 0 }, no_program = { .kind = NOTIFIER_RUN }, odd = { .kind = 77 };
	const char *const bad[] = { NULL, "", "two words", "quo\"te", "a-name-of-24-characters-" };
	struct notifier n;

	assert_int_equal(notifier_init(NULL, 5, "a", &step), NOTIFIER_INVALID_ARGUMENTS);
	assert_int_equal(notifier_init(&n, 5, "a", NULL), NOTIFIER_INVALID_ARGUMENTS);
	assert_int_equal(notifier_init(&n, 5, "a", &none), NOTIFIER_INVALID_ARGUMENTS);
	assert_int_equal(notifier_init(&n, 5, "a", &no_program), NOTIFIER_INVALID_ARGUMENTS);
	assert_int_equal(notifier_init(&n, 5, "a", &odd), NOTIFIER_INVALID_ARGUMENTS);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(notifier_init(&n, 5, bad[i], &step), NOTIFIER_INVALID_ARGUMENTS);
	assert_int_equal(notifier_init(&n, 5, "a-name-of-23-characters", &step), NOTIFIER_OK);
	assert_int_equal(n.vm, 5);
}

static void register_goes_by_the_state_of_the_vm(void **unused)
{
	static const enum notifier_answer by_hand[] = { NOTIFIER_NOT_FOUND, NOTIFIER_BAD_STATE, NOTIFIER_OK,
		NOTIFIER_BAD_STATE, NOTIFIER_BAD_STATE };
	struct notifiers *l = calloc(1, sizeof(*l));
	struct notifier n = named(5, "a", &step), blank = { 0 };

	for (int state = SP_VM_ABSENT; state < SP_VM_STATE_COUNT; state++) {
		assert_int_equal(notifier_register(l, (enum sp_vm_state)state, &n, 0), by_hand[state]);
		assert_int_equal(l->count, by_hand[state] == NOTIFIER_OK);
		(void)notifier_unregister(l, NOTIFIER_CONTRACT_HEADER, 5, "a");
		/* Arguments come first, as in the header. */
		assert_int_equal(notifier_register(l, (enum sp_vm_state)state, NULL, 0), NOTIFIER_INVALID_ARGUMENTS);
		assert_int_equal(notifier_register(l, (enum sp_vm_state)state, &blank, 0), NOTIFIER_INVALID_ARGUMENTS);
	}
	free(l);
}

static void there_is_room_for_so_many(void **unused)
{
	struct notifiers *l = calloc(1, sizeof(*l));
	char name[NOTIFIER_NAME];
	struct notifier n;

	for (int i = 0; i < NOTIFIERS; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		n = named(5, name, &step);
		assert_int_equal(notifier_register(l, SP_VM_AVAILABLE, &n, 0), NOTIFIER_OK);
	}
	n = named(6, "more", &step);
	assert_int_equal(notifier_register(l, SP_VM_AVAILABLE, &n, 0), NOTIFIER_NO_MEMORY);
	assert_int_equal(notifier_unregister(l, NOTIFIER_CONTRACT_HEADER, 5, "77"), NOTIFIER_OK);
	assert_int_equal(notifier_register(l, SP_VM_AVAILABLE, &n, 0), NOTIFIER_OK);
	/* The place in the pool says nothing: the newest is the last. */
	for (int i = 0; i < NOTIFIERS - 1; i++) {
		assert_true(notifier_begin(l, 5, 0));
		(void)snprintf(name, sizeof(name), "%d", i < 77 ? i : i + 1);
		assert_string_equal(l->run.what.name, name);
		notifier_end(l, (struct notifier_result){ 0 }, 0);
	}
	assert_false(notifier_begin(l, 5, 0));
	assert_true(notifier_begin(l, 6, 0));
	free(l);
}

static void what_runs_is_none_of_the_lists(void **unused)
{
	struct notifiers *l = calloc(1, sizeof(*l));
	struct notifier n = named(5, "a", &step), other = named(6, "a", &step);

	assert_int_equal(notifier_register(l, SP_VM_AVAILABLE, &n, 0), NOTIFIER_OK);
	assert_true(notifier_begin(l, 5, 0));
	/* It freed itself, and its memory serves another already, of the same name. */
	assert_int_equal(notifier_register(l, SP_VM_AVAILABLE, &other, 0), NOTIFIER_OK);
	assert_int_equal(l->object[0].vm, 6);
	assert_int_equal(l->run.what.vm, 5);
	assert_int_equal(notifier_unregister(l, NOTIFIER_CONTRACT_HEADER, 5, "a"), NOTIFIER_WAITS);
	notifier_end(l, (struct notifier_result){ 0 }, 0);
	assert_int_equal(notifier_unregister(l, NOTIFIER_CONTRACT_HEADER, 5, "a"), NOTIFIER_NOT_FOUND);
	assert_true(notifier_has(l, 6));
	assert_int_equal(notifier_unregister(l, NOTIFIER_CONTRACT_HEADER, 6, "a"), NOTIFIER_OK);
	free(l);
}

static void the_seed_knows_no_notifier_that_runs(void **unused)
{
	struct notifiers *l = calloc(1, sizeof(*l));
	struct notifier n = named(5, "a", &step);

	assert_int_equal(notifier_unregister(l, NOTIFIER_CONTRACT_SEED, 5, NULL), NOTIFIER_INVALID_ARGUMENTS);
	assert_int_equal(notifier_register(l, SP_VM_AVAILABLE, &n, 0), NOTIFIER_OK);
	assert_true(notifier_begin(l, 5, 0));
	assert_int_equal(notifier_unregister(l, NOTIFIER_CONTRACT_SEED, 5, "a"), NOTIFIER_NOT_FOUND);
	assert_true(l->run.active);
	free(l);
}

static void failures_are_counted_and_kept(void **unused)
{
	static const struct {
		struct notifier_result result;
		bool failed;
	} cases[] = { { { NOTIFIER_RETURNED, 0 }, false }, { { NOTIFIER_RETURNED, 1 }, true }, { { NOTIFIER_SIGNALLED, 9 }, true },
		{ { NOTIFIER_NOT_STARTED, 2 }, true }, { { NOTIFIER_UNSEEN, 0 }, true }, { { NOTIFIER_CUT_SHORT, 0 }, true } };
	struct notifiers *l = calloc(1, sizeof(*l));
	uint64_t failed = 0;

	for (size_t i = 0; i < 6 * NOTIFIER_ENDS; i++) {
		struct notifier n = named(5, "a", &step);
		const struct notifier_end *e = &l->last[i % NOTIFIER_ENDS];

		assert_int_equal(notifier_register(l, SP_VM_AVAILABLE, &n, 10), NOTIFIER_OK);
		assert_true(notifier_begin(l, 5, 20));
		notifier_end(l, cases[i % 6].result, 27);
		failed += cases[i % 6].failed;
		assert_int_equal(l->ended, i + 1);
		assert_int_equal(l->failed, failed);
		assert_int_equal(e->result.how, cases[i % 6].result.how);
		assert_int_equal(e->took, 7);
		assert_int_equal(e->order, i);
	}
	free(l);
}

/* A death between any two stores of notifier_begin. */
static void what_began_is_not_found_in_the_list_again(void **unused)
{
	struct notifiers *l = calloc(1, sizeof(*l));
	struct notifier a = named(5, "a", &step), b = named(5, "b", &step);

	assert_int_equal(notifier_register(l, SP_VM_AVAILABLE, &a, 0), NOTIFIER_OK);
	assert_int_equal(notifier_register(l, SP_VM_AVAILABLE, &b, 0), NOTIFIER_OK);
	l->run = (struct notifier_run){ .what = l->object[0] };
	l->count = 77;
	notifiers_recover(l);
	assert_int_equal(l->count, 2);
	assert_false(l->run.active);
	l->run.active = 1;
	notifiers_recover(l);
	assert_int_equal(l->count, 1);
	assert_int_equal(notifier_unregister(l, NOTIFIER_CONTRACT_HEADER, 5, "a"), NOTIFIER_WAITS);
	notifiers_forget(l, 0);
	assert_int_equal(l->count, 0);
	assert_int_equal(l->last[0].result.how, NOTIFIER_CUT_SHORT);
	assert_int_equal(l->next_order, 2);
	free(l);
}

/* ---- the walk ---- */

/* 'a' and 'b' are the names at VM 0, 'c' and 'd' those at VM 1. */
struct model {
	char listed[ROOM]; /* all that are registered, in order */
	char running;      /* or 0 */
	enum sp_vm_state vm[VMS];
};

enum call { CALL_REGISTER, CALL_UNREGISTER, CALL_BEGIN, CALL_END, CALL_VM, CALLS_COUNT };

static char letter(uint16_t vm, unsigned name)
{
	return (char)('a' + vm * NAMES + name);
}

static enum notifier_answer model_register(struct model *m, uint16_t vm, char c)
{
	if (strchr(m->listed, c))
		return NOTIFIER_INVALID_ARGUMENTS;
	if (m->vm[vm] == SP_VM_ABSENT)
		return NOTIFIER_NOT_FOUND;
	if (m->vm[vm] != SP_VM_AVAILABLE)
		return NOTIFIER_BAD_STATE;
	m->listed[strlen(m->listed)] = c;
	return NOTIFIER_OK;
}

static void strike(struct model *m, const char *at)
{
	char *hole = m->listed + (at - m->listed);

	memmove(hole, hole + 1, strlen(hole));
}

static enum notifier_answer model_unregister(struct model *m, char c, bool seed)
{
	char *at = strchr(m->listed, c);

	if (m->running == c)
		return seed ? NOTIFIER_NOT_FOUND : NOTIFIER_WAITS;
	if (!at)
		return NOTIFIER_NOT_FOUND;
	strike(m, at);
	return NOTIFIER_OK;
}

static bool model_begin(struct model *m, uint16_t vm)
{
	char *at = strpbrk(m->listed, vm ? "cd" : "ab");

	if (!at)
		return false;
	m->running = *at;
	strike(m, at);
	return true;
}

static void compare(const struct notifiers *l, const struct model *m)
{
	assert_int_equal(l->count, strlen(m->listed));
	assert_int_equal(l->run.active, m->running != 0);
	if (m->running)
		assert_int_equal(letter(l->run.what.vm, l->run.what.name[0] == 'y'), m->running);
	for (uint16_t vm = 0; vm < VMS; vm++)
		assert_int_equal(notifier_has(l, vm), strpbrk(m->listed, vm ? "cd" : "ab") != NULL);
}

/* `pick` says which VM and name. Calls that the thread never makes are left out: it runs one at a time. */
static void make(struct notifiers *l, struct model *m, enum call call, unsigned pick, bool seed)
{
	uint16_t vm = pick % VMS;
	unsigned name = pick / VMS % NAMES;
	const char *names[] = { "x", "y" };
	struct notifier n = named(vm, names[name], &step);

	if (call == CALL_REGISTER)
		assert_int_equal(notifier_register(l, m->vm[vm], &n, 0), model_register(m, vm, letter(vm, name)));
	else if (call == CALL_UNREGISTER)
		assert_int_equal(notifier_unregister(l, seed ? NOTIFIER_CONTRACT_SEED : NOTIFIER_CONTRACT_HEADER, vm, names[name]),
			model_unregister(m, letter(vm, name), seed));
	else if (call == CALL_BEGIN && !m->running)
		assert_int_equal(notifier_begin(l, vm, 0), model_begin(m, vm));
	else if (call == CALL_END && m->running)
		notifier_end(l, (struct notifier_result){ 0 }, 0), m->running = 0;
	else if (call == CALL_VM)
		m->vm[vm] = (enum sp_vm_state)((m->vm[vm] + 1) % SP_VM_STATE_COUNT);
	compare(l, m);
}

/* The list is large: it is copied only as far as the walk can reach. */
static void walk(const struct notifiers *l, const struct model *m, int depth, bool seed)
{
	static struct notifiers stack[8];
	struct notifiers *next = &stack[depth];

	for (unsigned i = 0; depth > 0 && i < CALLS_COUNT * VMS * NAMES; i++) {
		struct model after = *m;

		memcpy(next, l, offsetof(struct notifiers, object) + ROOM * sizeof(l->object[0]));
		next->count = l->count;
		make(next, &after, (enum call)(i % CALLS_COUNT), i / CALLS_COUNT, seed);
		walk(next, &after, depth - 1, seed);
	}
}

static void every_sequence_of_calls_is_as_the_model_has_it(void **unused)
{
	static const struct notifiers empty;
	struct model m = { .vm = { SP_VM_AVAILABLE, SP_VM_AVAILABLE } };

	walk(&empty, &m, 4, false);
	walk(&empty, &m, 4, true);
}

static void long_sequences_are_as_the_model_has_them(void **unused)
{
	uint64_t random = 1;

	for (int seed = 0; seed < 2; seed++) {
		struct notifiers *l = calloc(1, sizeof(*l));
		struct model m = { .vm = { SP_VM_AVAILABLE, SP_VM_AVAILABLE } };

		for (int i = 0; i < 100000; i++) {
			unsigned r = (unsigned)(world_random(&random) >> 33);
			/* States change seldom, so that most registrations are taken. */
			enum call call = r % 23 == 0 ? CALL_VM : (enum call)(r % CALL_VM);

			make(l, &m, call, r >> 8, seed);
		}
		assert_true(l->ended > 1000);
		free(l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init_wants_an_object_and_a_callback),
		cmocka_unit_test(register_goes_by_the_state_of_the_vm),
		cmocka_unit_test(there_is_room_for_so_many),
		cmocka_unit_test(what_runs_is_none_of_the_lists),
		cmocka_unit_test(the_seed_knows_no_notifier_that_runs),
		cmocka_unit_test(failures_are_counted_and_kept),
		cmocka_unit_test(what_began_is_not_found_in_the_list_again),
		cmocka_unit_test(every_sequence_of_calls_is_as_the_model_has_it),
		cmocka_unit_test(long_sequences_are_as_the_model_has_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
