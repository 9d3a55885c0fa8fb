/* SPDX-License-Identifier: Apache-2.0 */

/* Waiting for a VM, and several threads with a connection each, against a fake daemon on a private bus. */

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "world.h"

#define LONG 20000 /* ms: what is waited for comes before */

/* Of the thread that goes on doing something while the test waits. */
struct busy {
	const char *address;
	enum lifecycle_verb verb;
	const char *name;
	atomic_bool enough;
};

static void *do_again_and_again(void *argument)
{
	struct busy *b = argument;
	struct lifecycle *l;

	if (lifecycle_new(b->address, &l) < 0)
		return (void *)"no connection";
	while (!b->enough)
		(void)lifecycle_act(l, b->verb, b->name, 0, NULL);
	(void)lifecycle_unref(l);
	return NULL;
}

/* What lifecycle_wait_state() says of the VM, to which the verb is done all the while. */
static int wait_while(struct world *w, enum lifecycle_verb verb, const char *name, uint64_t life, enum lifecycle_state state,
	int milliseconds)
{
	struct busy b = { .address = w->f.address, .verb = verb, .name = name };
	pthread_t thread;
	void *failed;
	int r;

	assert_int_equal(pthread_create(&thread, NULL, do_again_and_again, &b), 0);
	r = lifecycle_wait_state(w->l, name, life, state, milliseconds);
	b.enough = true;
	assert_int_equal(pthread_join(thread, &failed), 0);
	assert_null(failed);
	return r;
}

static void a_state_that_is_there_is_not_waited_for(void **state)
{
	struct world *w = *state;

	assert_int_equal(lifecycle_wait_state(w->l, "web", 0, LIFECYCLE_STATE_RUNNING, 0), 0);
	assert_int_equal(lifecycle_wait_state(w->l, "web", 42, LIFECYCLE_STATE_RUNNING, 0), 0);
	assert_int_equal(lifecycle_wait_state(w->l, "db", 0, LIFECYCLE_STATE_NULL, 0), 0);
}

static void a_state_that_is_passed_through_counts(void **state)
{
	assert_int_equal(wait_while(*state, LIFECYCLE_RESTART, "db", 0, LIFECYCLE_STATE_CREATED, LONG), 0);
}

static void a_life_that_is_over_is_no_other(void **state)
{
	struct world *w = *state;

	assert_int_equal(lifecycle_wait_state(w->l, "web", 41, LIFECYCLE_STATE_RUNNING, LONG), -ESTALE);
	assert_int_equal(lifecycle_last_error(w->l)->refusal, LIFECYCLE_REFUSED_WRONG_LIFE);
	assert_int_equal(lifecycle_wait_state(w->l, "web", 41, LIFECYCLE_STATE_NULL, LONG), 0);
	assert_int_equal(wait_while(w, LIFECYCLE_RESTART, "web", 42, LIFECYCLE_STATE_HALTED, LONG), -ESTALE);
}

/* Its next life follows the one before at once, and what an older one does is not the VM's. */
static void a_vm_that_is_restarted_is_not_without_a_life(void **state)
{
	struct world *w = *state;
	struct lifecycle_vm_list *list;
	uint64_t life;

	assert_int_equal(lifecycle_act(w->l, LIFECYCLE_RESTART, "slow", 0, NULL), 0);
	assert_int_equal(lifecycle_list(w->l, &list), 0);
	life = lifecycle_vm_list_find(list, "slow")->life;
	lifecycle_vm_list_unref(list);
	assert_int_equal(wait_while(w, LIFECYCLE_RESTART, "slow", 0, LIFECYCLE_STATE_NULL, 50), -ETIMEDOUT);
	assert_int_equal(wait_while(w, LIFECYCLE_RESTART, "slow", life, LIFECYCLE_STATE_NULL, LONG), 0);
}

static void a_restart_that_has_to_wait_leaves_its_vm_without_a_life(void **state)
{
	struct world *w = *state;

	assert_int_equal(lifecycle_act(w->l, LIFECYCLE_RESTART, "slow", 0, NULL), 0);
	assert_int_equal(wait_while(w, LIFECYCLE_CANCEL, "slow", 0, LIFECYCLE_STATE_NULL, LONG), 0);
}

static void a_wait_that_takes_too_long_ends(void **state)
{
	struct world *w = *state;

	assert_int_equal(lifecycle_wait_state(w->l, "db", 0, LIFECYCLE_STATE_RUNNING, 0), -ETIMEDOUT);
	assert_int_equal(lifecycle_wait_state(w->l, "db", 0, LIFECYCLE_STATE_RUNNING, 20), -ETIMEDOUT);
	assert_non_null(strstr(lifecycle_last_error(w->l)->text, "'db'"));
	assert_int_equal(lifecycle_act(w->l, LIFECYCLE_START, "slow", 0, NULL), 0);
	assert_int_equal(lifecycle_wait_done(w->l, "slow", 20), -ETIMEDOUT);
}

static void nobody_is_not_waited_for(void **state)
{
	struct world *w = *state;

	assert_int_equal(lifecycle_wait_state(w->l, "nobody", 0, LIFECYCLE_STATE_RUNNING, LONG), -ENOENT);
	assert_int_equal(lifecycle_last_error(w->l)->refusal, LIFECYCLE_REFUSED_NO_SUCH_VM);
	assert_int_equal(lifecycle_wait_done(w->l, "", LONG), -ENOENT);
	assert_int_equal(lifecycle_wait_state(w->l, "web", 0, (enum lifecycle_state)99, LONG), -EINVAL);
}

static void a_verb_is_done_when_nothing_is_under_way(void **state)
{
	struct world *w = *state;
	struct lifecycle_vm_info *info;

	assert_int_equal(lifecycle_act(w->l, LIFECYCLE_START, "broken", 0, NULL), 0);
	assert_int_equal(lifecycle_wait_done(w->l, "broken", LONG), 0);
	assert_int_equal(lifecycle_vm_info(w->l, "broken", &info), 0);
	assert_int_equal(lifecycle_vm_info_details(info)->end_cause, LIFECYCLE_CAUSE_START_FAILED);
	lifecycle_vm_info_unref(info);
	assert_int_equal(lifecycle_act(w->l, LIFECYCLE_DESTROY, "broken", 0, NULL), 0);
	assert_int_equal(lifecycle_wait_done(w->l, "broken", LONG), -ENOENT);
}

static void a_daemon_that_goes_away_is_told(void **state)
{
	struct world *w = *state;

	assert_int_equal(wait_while(w, LIFECYCLE_START, "hangup", 0, LIFECYCLE_STATE_HALTED, LONG), -ENOTCONN);
	assert_int_equal(lifecycle_last_error(w->l)->refusal, LIFECYCLE_UNREACHABLE);
}

/* ---- threads ---- */

#define THREADS 6
#define ROUNDS 25

/* What one thread saw that it should not have; NULL: nothing. */
static const char *use(struct lifecycle *l, struct lifecycle_stream *s)
{
	struct lifecycle_event e = LIFECYCLE_EVENT_INIT;
	struct lifecycle_vm_list *list;
	uint64_t request, last = lifecycle_stream_seq(s);

	if (lifecycle_list(l, &list) < 0)
		return "list";
	if (strcmp(lifecycle_vm_list_find(list, "web")->name, "web") != 0)
		return "another list";
	(void)lifecycle_vm_list_unref(list);
	if (lifecycle_act(l, LIFECYCLE_START, "nobody", 0, NULL) != -ENOENT)
		return "act";
	if (strcmp(lifecycle_last_error(l)->text, "no VM is called 'nobody'; List shows all") != 0)
		return "another error";
	if (lifecycle_act_begin(l, LIFECYCLE_RESTART, "db", 0, &request) < 0 || lifecycle_act(l, LIFECYCLE_RESTART, "db", 0, NULL) < 0)
		return "restart";
	while (lifecycle_stream_wait(s, LONG) == 0 && lifecycle_stream_next(s, &e) == 0) {
		if (e.seq <= last)
			return "order";
		if (e.kind == LIFECYCLE_EVENT_OPERATION && e.operation == LIFECYCLE_OP_NONE)
			return NULL;
		last = e.seq;
	}
	return "stream";
}

static void *one_of_many(void *argument)
{
	const struct fixture *f = argument;
	const char *failed = NULL;
	struct lifecycle_stream *s;
	struct lifecycle *l;

	if (lifecycle_new(f->address, &l) < 0 || lifecycle_subscribe(l, "db", NULL, 0, &s) < 0)
		return (void *)"no connection";
	for (int i = 0; i < ROUNDS && !failed; i++)
		failed = use(l, s);
	(void)lifecycle_stream_unref(s);
	(void)lifecycle_unref(l);
	return (void *)failed;
}

static void threads_with_a_connection_each_do_not_meet(void **state)
{
	struct world *w = *state;
	pthread_t thread[THREADS];

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, one_of_many, &w->f), 0);
	for (int i = 0; i < THREADS; i++) {
		void *failed;

		assert_int_equal(pthread_join(thread[i], &failed), 0);
		if (failed)
			fail_msg("thread %d: %s", i, (const char *)failed);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_state_that_is_there_is_not_waited_for),
		TEST(a_state_that_is_passed_through_counts),
		TEST(a_life_that_is_over_is_no_other),
		TEST(a_vm_that_is_restarted_is_not_without_a_life),
		TEST(a_restart_that_has_to_wait_leaves_its_vm_without_a_life),
		TEST(a_wait_that_takes_too_long_ends),
		TEST(nobody_is_not_waited_for),
		TEST(a_verb_is_done_when_nothing_is_under_way),
		TEST(a_daemon_that_goes_away_is_told),
		TEST(threads_with_a_connection_each_do_not_meet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
