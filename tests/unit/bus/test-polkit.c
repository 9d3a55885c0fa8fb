/* SPDX-License-Identifier: Apache-2.0 */

/* Who is not trusted may what polkit says: yes, no, late, never, or gone. */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "unit/bus/authority.h"
#include "unit/bus/introspect.h"

#define E(name) BUS_NAME ".Error." name
#define VM_A    BUS_PATH "/vm/a"

static int setup(void **state)
{
	struct world *w;
	struct vm_row *a;

	if (world_setup(state) < 0)
		return -1;
	w = *state;
	a = fake_vm(&w->engine, "a", 1);
	a->life = 7;
	if (geteuid() == 0)
		world_connect(w, &w->nobody, NOBODY);
	return 0;
}

/* These have two users: root gives itself the second. */
static void need_root(void)
{
	if (geteuid() != 0)
		skip();
}

static void ping(struct world *w)
{
	sd_bus_message *m = call_manager(&w->nobody, "List", NULL);

	assert_fine(m);
	(void)sd_bus_message_unref(m);
}

static void succeed(struct world *w, struct pending *p, size_t posted)
{
	wait_posted(w, posted + 1);
	answer(w, posted, REFUSED_NOT, 12, "");
	world_until(w, &p->done);
	assert_fine(p->reply);
	(void)sd_bus_message_unref(p->reply);
}

static void assert_refused(struct world *w, struct pending *p, const char *error, const char *text)
{
	world_until(w, &p->done);
	assert_error(p->reply, error, text);
}

static void assert_question(const struct authority *a, size_t i, const char *expected)
{
	const char *text = strchr(a->text[i], ' ');

	assert_int_equal(a->text[i][0], ':'); /* it is about the client's own name */
	assert_string_equal(text + 1, expected);
}

/* ---- the table ---- */

/* Each method of the file. */
static void for_each_method(void (*each)(const char *interface, const char *name, void *arg), void *arg)
{
	_cleanup_(freep) char *xml = read_xml();
	struct lines file = { .count = 0 };

	lines_scan(&file, xml);
	for (size_t i = 0; i < file.count; i++) {
		char interface[128], name[64];

		if (sscanf(file.line[i], "%127s method %63s", interface, name) == 2)
			each(interface, name, arg);
	}
	assert_true(file.count > 0);
	lines_free(&file);
}

static void has_a_right(const char *interface, const char *name, void *arg)
{
	const char *policy = arg;
	const struct right *right = bus_right(name);
	char id[128];

	if (!right)
		fail_msg("%s is in the file, and has no row", name);
	assert_string_equal(right->member, name);
	if (!right->action)
		return;
	(void)snprintf(id, sizeof(id), "<action id=\"%s\">", right->action);
	if (!strstr(policy, id))
		fail_msg("%s needs %s, which the policy file does not have", name, right->action);
	assert_non_null(right->verb);
}

static void is_of_action(const char *interface, const char *name, void *arg)
{
	const struct right *right = bus_right(name);
	const char **id = arg;

	if (right && right->action && *id && strcmp(right->action, *id) == 0)
		*id = NULL;
}

static void every_method_has_a_right_and_every_action_a_method(void **state)
{
	_cleanup_(freep) char *policy = read_policy();
	unsigned actions = 0;

	for_each_method(has_a_right, policy);
	for (const char *p = strstr(policy, "<action id=\""); p; p = strstr(p + 1, "<action id=\"")) {
		char id[128];
		const char *left = id;

		assert_int_equal(sscanf(p, "<action id=\"%127[^\"]\"", id), 1);
		for_each_method(is_of_action, &left);
		is_of_action("org.freedesktop.DBus.Properties", "Set", &left);
		if (left)
			fail_msg("no method needs %s", id);
		actions++;
		/* else polkit answers the daemon's user nothing about others */
		p = strstr(p, "policykit.owner\">unix-user:lifecycled<");
		assert_non_null(p);
	}
	assert_int_equal(actions, 14);
	assert_null(bus_right("Frobnicate"));
}

struct asking {
	struct world *world;
	unsigned denied, free;
};

/* With what is needed to come as far as the question. */
static sd_bus_message *call_somehow(struct client *c, const char *interface, const char *name)
{
	static const char *const types[][2] = { { "Define", "ssa{sv}" }, { "Reload", "a{sv}" }, { "Shutdown", "a{sv}" }, { "Forget", "stqa{sv}" },
		{ "StartBound", "sa{sv}" }, { "OpenConsole", "sa{sv}" }, { "TakeDestroyLease", "stta{sv}" } };
	const char *t = "sta{sv}";

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i][0], name) == 0)
			t = types[i][1];
	if (strcmp(t, "stta{sv}") == 0)
		return call(c, VM_A, interface, name, t, "", (uint64_t)0, (uint64_t)0, 0);
	if (strcmp(interface, VM_INTERFACE) == 0)
		return strcmp(t, "sa{sv}") == 0 ? call(c, VM_A, interface, name, "a{sv}", 0) :
						  call(c, VM_A, interface, name, "ta{sv}", (uint64_t)0, 0);
	if (strcmp(t, "ssa{sv}") == 0)
		return call_manager(c, name, t, "good c", "c", 0);
	if (strcmp(t, "stqa{sv}") == 0)
		return call_manager(c, name, t, "a", (uint64_t)7, 0, 0);
	if (strcmp(t, "sa{sv}") == 0)
		return call_manager(c, name, t, "a", 0);
	if (strcmp(t, "a{sv}") == 0)
		return call_manager(c, name, t, 0);
	return call_manager(c, name, t, "a", (uint64_t)0, 0);
}

static void is_denied(const char *interface, const char *name, void *arg)
{
	struct asking *ctx = arg;

	if (!bus_right(name)->action) {
		ctx->free++;
		return;
	}
	assert_error(call_somehow(&ctx->world->nobody, interface, name), E("AccessDenied"), "no polkit on this bus");
	ctx->denied++;
}

/* The numbers are written by hand: a table that lets more through is seen here. */
static void without_polkit_all_that_changes_is_denied(void **state)
{
	struct world *w = *state;
	struct asking ctx = { .world = w };

	need_root();
	for_each_method(is_denied, &ctx);
	assert_int_equal(ctx.free, 16);
	assert_int_equal(ctx.denied, 15 + 10); /* of the Manager, of a VM */
	assert_int_equal(w->engine.posted_count, 0);
}

/* ---- what is asked, and what is answered ---- */

static void polkit_is_asked_with_details_and_a_yes_carries_on(void **state)
{
	struct world *w = *state;
	struct authority *a;
	struct pending p;

	need_root();
	a = authority_new(w);
	ask_manager(&w->nobody, &p, "Start", "sta{sv}", "a", (uint64_t)7, 0);
	authority_until(a, 1);
	assert_question(a, 0, BUS_NAME ".start 0 verb=start vm=a life=7");
	ping(w);
	assert_int_equal(w->engine.posted_count, 0);
	authority_answer(a, 0, POLKIT_YES);
	succeed(w, &p, 0);
	assert_int_equal(w->engine.posted[0].uid, NOBODY);
	assert_int_equal(w->engine.posted[0].life, 7); /* looked at again by the engine */
	ask(&w->nobody, &p, VM_A, VM_INTERFACE, "Abort", "ta{sv}", (uint64_t)0, 0);
	authority_until(a, 2);
	assert_question(a, 1, BUS_NAME ".abort 0 verb=abort vm=a cause=user-abort");
	authority_answer(a, 1, POLKIT_YES);
	succeed(w, &p, 1);
	ask_manager(&w->nobody, &p, "Shutdown", "a{sv}", 1, "Host", "b", 1);
	authority_until(a, 3);
	assert_question(a, 2, BUS_NAME ".shutdown 0 verb=shutdown cause=host-shutdown");
	authority_answer(a, 2, POLKIT_YES);
	succeed(w, &p, 2);
	ask_interactively(&w->nobody, &p, BUS_PATH, MANAGER_INTERFACE, "Define", "ssa{sv}", "good c", "c", 0);
	authority_until(a, 4);
	assert_question(a, 3, BUS_NAME ".define 1 verb=define vm=c");
	authority_answer(a, 3, POLKIT_YES);
	succeed(w, &p, 3);
	a = authority_free(a);
}

static void trusted_users_are_asked_about_by_nobody(void **state)
{
	struct world *w = *state;
	struct authority *a = authority_new(w);
	struct pending p;

	ask_manager(&w->root, &p, "Start", "sta{sv}", "a", (uint64_t)0, 0);
	succeed(w, &p, 0);
	assert_int_equal(a->questions, 0);
	a = authority_free(a);
}

static void a_no_says_why_and_what_to_do(void **state)
{
	static const struct {
		enum verdict_of_polkit verdict;
		bool interactive;
		const char *text;
	} answers[] = {
		{ POLKIT_NO, false, "uid 65534 may not stop a (" BUS_NAME ".stop): polkit says no" },
		{ POLKIT_WANTS_PASSWORD, false, "ask on a terminal" },
		{ POLKIT_WANTS_PASSWORD, true, "wants a password, and got none" },
		{ POLKIT_DISMISSED, true, "turned down" },
	};
	struct world *w = *state;
	struct authority *a;
	struct pending p;

	need_root();
	a = authority_new(w);
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		(answers[i].interactive ? ask_interactively : ask)(
			&w->nobody, &p, VM_A, VM_INTERFACE, "Stop", "ta{sv}", (uint64_t)0, 0);
		authority_until(a, i + 1);
		authority_answer(a, i, answers[i].verdict);
		assert_refused(w, &p, E("AccessDenied"), answers[i].text);
	}
	a->garbled = true;
	ask_manager(&w->nobody, &p, "Stop", "sta{sv}", "a", (uint64_t)0, 0);
	authority_until(a, 5);
	authority_answer(a, 4, POLKIT_YES);
	assert_refused(w, &p, E("AccessDenied"), "cannot be read");
	assert_int_equal(w->engine.posted_count, 0);
	assert_int_equal(a->cancels, 0);
	a = authority_free(a);
}

static void hasty(struct bus_config *config)
{
	config->check_ms = 50;
}

static void a_polkit_that_never_answers_is_given_up(void **state)
{
	struct world *w = *state;
	struct authority *a;
	struct pending p, patient;

	need_root();
	a = authority_new(w);
	world_rebuild(w, hasty);
	ask_manager(&w->nobody, &p, "Start", "sta{sv}", "a", (uint64_t)0, 0);
	assert_refused(w, &p, E("AccessDenied"), "does not say");
	authority_until_cancelled(a, 1);
	assert_string_equal(a->cancelled[0], "1");
	authority_answer(a, 0, POLKIT_YES); /* too late */
	ask_interactively(&w->nobody, &patient, BUS_PATH, MANAGER_INTERFACE, "Start", "sta{sv}", "a", (uint64_t)0, 0);
	authority_until(a, 2);
	authority_answer(a, 1, POLKIT_YES);
	succeed(w, &patient, 0);
	assert_int_equal(w->engine.posted_count, 1);
	a = authority_free(a);
}

static void a_polkit_that_vanishes_is_a_no(void **state)
{
	struct world *w = *state;
	struct authority *a;
	struct pending p;

	need_root();
	a = authority_new(w);
	ask_manager(&w->nobody, &p, "Start", "sta{sv}", "a", (uint64_t)0, 0);
	authority_until(a, 1);
	a = authority_free(a);
	assert_refused(w, &p, E("AccessDenied"), "does not say");
	ask_manager(&w->nobody, &p, "Start", "sta{sv}", "a", (uint64_t)0, 0);
	assert_refused(w, &p, E("AccessDenied"), "no polkit on this bus");
	a = authority_new(w);
	ask_manager(&w->nobody, &p, "Start", "sta{sv}", "a", (uint64_t)0, 0);
	authority_until(a, 1);
	authority_answer(a, 0, POLKIT_YES);
	succeed(w, &p, 0);
	a = authority_free(a);
}

static void a_client_that_leaves_takes_its_question_with_it(void **state)
{
	struct world *w = *state;
	struct authority *a;
	struct client other = { NULL };
	struct pending p;

	need_root();
	a = authority_new(w);
	world_connect(w, &other, NOBODY);
	ask_interactively(&other, &p, BUS_PATH, MANAGER_INTERFACE, "Start", "sta{sv}", "a", (uint64_t)0, 0);
	authority_until(a, 1);
	world_disconnect(&other);
	authority_until_cancelled(a, 1);
	authority_answer(a, 0, POLKIT_YES);
	ping(w);
	ping(w);
	assert_int_equal(w->engine.posted_count, 0);
	a = authority_free(a);
}

/* ---- lives, order, limits ---- */

static void what_is_refused_anyway_is_not_asked_about(void **state)
{
	struct world *w = *state;
	struct authority *a;
	struct pending p;

	need_root();
	a = authority_new(w);
	ask_manager(&w->nobody, &p, "Stop", "sta{sv}", "a", (uint64_t)6, 0);
	assert_refused(w, &p, E("WrongLife"), "life 6 of a is over; its life now is 7");
	ask(&w->nobody, &p, VM_A, VM_INTERFACE, "TakeDestroyLease", "stta{sv}", "", (uint64_t)0, (uint64_t)6, 0);
	assert_refused(w, &p, E("WrongLife"), NULL);
	ask_manager(&w->nobody, &p, "Stop", "sta{sv}", "zz", (uint64_t)0, 0);
	assert_refused(w, &p, E("NoSuchVM"), "zz");
	assert_int_equal(a->questions, 0);
	/* A life that goes while polkit thinks is the next one's in line, and the engine's to refuse. */
	ask_manager(&w->nobody, &p, "Stop", "sta{sv}", "a", (uint64_t)7, 0);
	authority_until(a, 1);
	w->engine.rows.vm[0].life = 9;
	authority_answer(a, 0, POLKIT_YES);
	wait_posted(w, 1);
	assert_int_equal(w->engine.posted[0].life, 7);
	answer(w, 0, REFUSED_WRONG_LIFE, 0, "life 7 of a is over; its life now is 9");
	assert_refused(w, &p, E("WrongLife"), "now is 9");
	a = authority_free(a);
}

static void changes_of_one_caller_keep_their_order_and_reads_do_not_wait(void **state)
{
	struct world *w = *state;
	struct authority *a;
	struct pending p[3], validate;

	need_root();
	a = authority_new(w);
	ping(w);
	for (uint64_t i = 0; i < 3; i++)
		ask_manager(&w->nobody, &p[i], i == 1 ? "Stop" : "Start", "sta{sv}", "a", (uint64_t)0, 0);
	authority_until(a, 1);
	ask_manager(&w->nobody, &validate, "Validate", "ssa{sv}", "bad", "f", 0);
	world_until(w, &validate.done);
	assert_fine(validate.reply);
	(void)sd_bus_message_unref(validate.reply);
	assert_int_equal(a->questions, 1); /* one at a time */
	authority_answer(a, 0, POLKIT_YES);
	authority_until(a, 2);
	assert_int_equal(w->engine.posted_count, 1);
	authority_answer(a, 1, POLKIT_NO);
	assert_refused(w, &p[1], E("AccessDenied"), NULL);
	authority_until(a, 3);
	authority_answer(a, 2, POLKIT_YES);
	succeed(w, &p[0], 0);
	succeed(w, &p[2], 1);
	assert_int_equal(w->engine.posted[1].verb, REQUEST_START);
	a = authority_free(a);
}

/* What was asked for before is not done yet, and may be to define it. */
static void one_that_is_about_to_be_defined_is_asked_about(void **state)
{
	struct world *w = *state;
	struct authority *a;
	struct pending define, start;

	need_root();
	a = authority_new(w);
	ping(w);
	ask_manager(&w->nobody, &define, "Define", "ssa{sv}", "good zz", "zz.json", 0);
	ask_manager(&w->nobody, &start, "Start", "sta{sv}", "zz", (uint64_t)0, 0);
	authority_until(a, 1);
	authority_answer(a, 0, POLKIT_YES);
	authority_until(a, 2);
	assert_question(a, 1, "org.lifecycled.Lifecycle1.start 0 verb=start vm=zz");
	authority_answer(a, 1, POLKIT_YES);
	succeed(w, &define, 0);
	succeed(w, &start, 1);
	a = authority_free(a);
}

#define CROWD 6

static void a_crowd_of_one_user_waits_in_line_and_root_does_not(void **state)
{
	struct world *w = *state;
	struct authority *a;
	struct client crowd[CROWD] = { { NULL } };
	struct pending p[CROWD], first;

	need_root();
	a = authority_new(w);
	for (size_t i = 0; i < CROWD; i++) {
		world_connect(w, &crowd[i], NOBODY);
		ask_manager(&crowd[i], &p[i], "Start", "sta{sv}", "a", (uint64_t)0, 0);
	}
	authority_until(a, 4);
	ping(w);
	ping(w);
	assert_int_equal(a->questions, 4);
	ask_manager(&w->root, &first, "Start", "sta{sv}", "a", (uint64_t)0, 0);
	succeed(w, &first, 0);
	for (size_t i = 0; i < CROWD; i++) {
		authority_until(a, i + 1);
		authority_answer(a, i, POLKIT_NO);
	}
	for (size_t i = 0; i < CROWD; i++) {
		assert_refused(w, &p[i], E("AccessDenied"), NULL);
		world_disconnect(&crowd[i]);
	}
	a = authority_free(a);
}

static void a_flood_of_one_caller_is_refused(void **state)
{
	struct world *w = *state;
	struct authority *a;
	struct pending p[20];

	need_root();
	a = authority_new(w);
	for (size_t i = 0; i < 20; i++)
		ask_manager(&w->nobody, &p[i], "Start", "sta{sv}", "a", (uint64_t)0, 0);
	for (size_t i = 16; i < 20; i++)
		assert_refused(w, &p[i], E("LimitReached"), "65534");
	for (size_t i = 0; i < 16; i++) {
		authority_until(a, i + 1);
		authority_answer(a, i, POLKIT_NO);
		assert_refused(w, &p[i], E("AccessDenied"), NULL);
	}
	a = authority_free(a);
}

static void a_bus_that_breaks_takes_the_questions_with_it(void **state)
{
	struct world *w = *state;
	struct authority *a;
	struct pending p[2];

	need_root();
	a = authority_new(w);
	for (size_t i = 0; i < 2; i++)
		ask_manager(&w->nobody, &p[i], "Start", "sta{sv}", "a", (uint64_t)0, 0);
	authority_until(a, 1);
	bus_detach(w->bus);
	assert_int_equal(w->bus->check_count, 0);
	w->source = bus_source_free(w->source);
	w->sd = sd_bus_close_unref(w->sd);
	for (size_t i = 0; i < 2; i++)
		assert_refused(w, &p[i], SD_BUS_ERROR_NO_REPLY, NULL);
	world_attach(w);
	ask_manager(&w->nobody, &p[0], "Start", "sta{sv}", "a", (uint64_t)0, 0);
	authority_until(a, 2);
	authority_answer(a, 1, POLKIT_YES);
	succeed(w, &p[0], 0);
	a = authority_free(a);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_method_has_a_right_and_every_action_a_method),
		TEST(without_polkit_all_that_changes_is_denied),
		TEST(polkit_is_asked_with_details_and_a_yes_carries_on),
		TEST(trusted_users_are_asked_about_by_nobody),
		TEST(a_no_says_why_and_what_to_do),
		TEST(a_polkit_that_never_answers_is_given_up),
		TEST(a_polkit_that_vanishes_is_a_no),
		TEST(a_client_that_leaves_takes_its_question_with_it),
		TEST(what_is_refused_anyway_is_not_asked_about),
		TEST(changes_of_one_caller_keep_their_order_and_reads_do_not_wait),
		TEST(one_that_is_about_to_be_defined_is_asked_about),
		TEST(a_crowd_of_one_user_waits_in_line_and_root_does_not),
		TEST(a_flood_of_one_caller_is_refused),
		TEST(a_bus_that_breaks_takes_the_questions_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
