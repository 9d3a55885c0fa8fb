/* SPDX-License-Identifier: Apache-2.0 */

/* What changes something is answered when the engine says so, for those who may. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit/bus/world.h"

#define E(name) BUS_NAME ".Error." name
#define VM_A    BUS_PATH "/vm/a"

static void two_vms(struct world *w)
{
	struct vm_row *a = fake_vm(&w->engine, "a", 1);

	(void)fake_vm(&w->engine, "b-2", 2);
	a->life = 7;
	a->end_life = 2;
}

static void assert_path(sd_bus_message *m, const char *expected)
{
	const char *path;

	assert_fine(m);
	assert_true(sd_bus_message_read(m, "o", &path) > 0);
	assert_string_equal(path, expected);
	(void)sd_bus_message_unref(m);
}

static void ping(struct world *w)
{
	sd_bus_message *m = call_manager(&w->root, "List", NULL);

	assert_fine(m);
	(void)sd_bus_message_unref(m);
}

static void replies_when_the_engine_answered_and_not_before(void **state)
{
	struct world *w = *state;
	struct pending p;
	uint64_t seq;

	two_vms(w);
	ask_manager(&w->root, &p, "Start", "sta{sv}", "a", (uint64_t)7, 0);
	wait_posted(w, 1);
	ping(w);
	ping(w);
	assert_false(p.done);
	assert_int_equal(w->engine.posted[0].verb, REQUEST_START);
	assert_string_equal(w->engine.posted[0].name, "a");
	assert_int_equal(w->engine.posted[0].life, 7);
	assert_int_not_equal(w->engine.posted[0].token, 0);
	answer(w, 0, REFUSED_NOT, 12, "");
	world_until(w, &p.done);
	assert_fine(p.reply);
	assert_true(sd_bus_message_read(p.reply, "t", &seq) > 0);
	assert_int_equal(seq, 12);
	(void)sd_bus_message_unref(p.reply);
	answer(w, 0, REFUSED_NOT, 12, ""); /* a second answer finds nobody */
}

static void each_verb_is_its_own_on_both_interfaces(void **state)
{
	static const char *const members[] = { "Start", "Stop", "Pause", "Resume", "Abort", "Restart", "Destroy", "Cancel" };
	static const enum request_verb verbs[] = { REQUEST_START, REQUEST_STOP, REQUEST_PAUSE, REQUEST_RESUME,
		REQUEST_ABORT, REQUEST_RESTART, REQUEST_DESTROY, REQUEST_CANCEL };
	struct world *w = *state;

	two_vms(w);
	for (size_t i = 0; i < 16; i++) {
		struct pending p;

		if (i < 8)
			ask_manager(&w->root, &p, members[i], "sta{sv}", "a", (uint64_t)i, 0);
		else
			ask(&w->root, &p, VM_A, VM_INTERFACE, members[i - 8], "ta{sv}", (uint64_t)i, 0);
		wait_posted(w, i + 1);
		assert_int_equal(w->engine.posted[i].verb, verbs[i % 8]);
		assert_string_equal(w->engine.posted[i].name, "a");
		assert_int_equal(w->engine.posted[i].life, i);
		answer(w, i, REFUSED_NOT, i + 1, "");
		world_until(w, &p.done);
		assert_fine(p.reply);
		(void)sd_bus_message_unref(p.reply);
	}
}

static void an_abort_may_say_that_what_it_ends_is_kept(void **state)
{
	struct world *w = *state;

	two_vms(w);
	for (int i = 0; i < 2; i++) {
		struct pending p;

		ask_manager(&w->root, &p, "Abort", "sta{sv}", "a", (uint64_t)0, 1, "Preserve", "b", !i);
		wait_posted(w, (size_t)i + 1);
		assert_int_equal(w->engine.posted[i].preserve, !i);
		answer(w, (size_t)i, REFUSED_NOT, 1, "");
		world_until(w, &p.done);
		assert_fine(p.reply);
		(void)sd_bus_message_unref(p.reply);
	}
	assert_error(call_manager(&w->root, "Abort", "sta{sv}", "a", (uint64_t)0, 1, "Keep", "b", 1), E("InvalidArgument"), "'Keep'");
	assert_error(call_manager(&w->root, "Abort", "sta{sv}", "a", (uint64_t)0, 1, "Preserve", "s", "yes"), E("InvalidArgument"),
		"boolean");
	assert_error(call_manager(&w->root, "Stop", "sta{sv}", "a", (uint64_t)0, 1, "Preserve", "b", 1), E("InvalidArgument"),
		"knows none");
	assert_int_equal(w->engine.posted_count, 2);
}

static void forgets_for_whom_may_and_says_who_asked(void **state)
{
	struct world *w = *state;
	struct pending p;

	two_vms(w);
	ask_manager(&w->root, &p, "Forget", "stqa{sv}", "a", (uint64_t)7, 0x8001, 0);
	wait_posted(w, 1);
	assert_int_equal(w->engine.posted[0].verb, REQUEST_FORGET);
	assert_string_equal(w->engine.posted[0].name, "a");
	assert_int_equal(w->engine.posted[0].life, 7);
	assert_int_equal(w->engine.posted[0].sp, 0x8001);
	assert_int_equal(w->engine.posted[0].uid, geteuid());
	answer(w, 0, REFUSED_NOT, 9, "what was forgotten");
	world_until(w, &p.done);
	assert_fine(p.reply);
	(void)sd_bus_message_unref(p.reply);
	ask_manager(&w->root, &p, "Forget", "stqa{sv}", "", (uint64_t)7, 0, 0); /* its VM is gone */
	wait_posted(w, 2);
	answer(w, 1, REFUSED_ILLEGAL_TRANSITION, 0, "it is not stuck yet");
	world_until(w, &p.done);
	assert_error(p.reply, E("IllegalTransition"), "not stuck yet");
	assert_error(call_manager(&w->root, "Forget", "stqa{sv}", "", (uint64_t)0, 0, 0), E("InvalidArgument"), "neither");
	assert_error(call_manager(&w->root, "Forget", "stqa{sv}", "a b", (uint64_t)1, 0, 0), E("InvalidArgument"), "a b");
	assert_error(
		call_manager(&w->root, "Forget", "stqa{sv}", "a", (uint64_t)1, 0, 1, "x", "b", 1), E("InvalidArgument"), "'x'");
	assert_int_equal(w->engine.posted_count, 2);
}

#define REFUSAL_NAME(symbol, name, error, code) [symbol] = E(name),
static void refusals_come_typed_with_their_text(void **state)
{
	static const char *const names[] = { REFUSALS(REFUSAL_NAME) };
	struct world *w = *state;

	for (unsigned i = REFUSED_NOT + 1; i < REFUSAL_COUNT; i++) {
		struct pending p;

		ask_manager(&w->root, &p, "Abort", "sta{sv}", "a", (uint64_t)0, 0);
		wait_posted(w, i);
		answer(w, i - 1, (enum refusal)i, 0, "a: why, and what to do");
		world_until(w, &p.done);
		assert_error(p.reply, names[i], "a: why, and what to do");
	}
}

static void defines_what_the_parser_made(void **state)
{
	struct world *w = *state;
	const char *path;
	struct pending p;
	uint64_t seq;

	ask_manager(&w->root, &p, "Define", "ssa{sv}", "good a-b", "a-b.json", 0);
	wait_posted(w, 1);
	assert_int_equal(w->engine.posted[0].verb, REQUEST_DEFINE);
	assert_string_equal(w->engine.posted[0].name, "a-b");
	assert_string_equal(w->engine.posted[0].definition->name, "a-b");
	assert_false(w->engine.posted[0].definition->from_file);
	answer(w, 0, REFUSED_NOT, 4, "");
	world_until(w, &p.done);
	assert_fine(p.reply);
	assert_true(sd_bus_message_read(p.reply, "ot", &path, &seq) > 0);
	assert_string_equal(path, BUS_PATH "/vm/a_2db");
	assert_int_equal(seq, 4);
	(void)sd_bus_message_unref(p.reply);
}

static void bad_arguments_never_reach_the_engine(void **state)
{
	struct world *w = *state;
	char *large = calloc(1, 65538);

	two_vms(w);
	assert_non_null(large);
	memset(large, 'x', 65537);
	assert_error(call_manager(&w->root, "Define", "ssa{sv}", "bad", "x.json", 0), E("InvalidDefinition"),
		"x.json:1:1: not good");
	assert_error(call_manager(&w->root, "Define", "ssa{sv}", large, "x.json", 0), E("InvalidDefinition"),
		"65537");
	large[256] = '\0';
	assert_error(
		call_manager(&w->root, "Define", "ssa{sv}", "good a", large, 0), E("InvalidArgument"), "256");
	free(large);
	assert_error(call_manager(&w->root, "Start", "sta{sv}", "a", (uint64_t)0, 1, "Fast", "b", 1),
		E("InvalidArgument"), "'Fast'");
	assert_error(call(&w->root, VM_A, VM_INTERFACE, "Destroy", "ta{sv}", (uint64_t)0, 1, "x", "s", "y"),
		E("InvalidArgument"), "'x'");
	assert_error(call_manager(&w->root, "Subscribe", "ssta{sv}", "", "", (uint64_t)0, 1, "x", "s", "y"),
		E("InvalidArgument"), "'x'");
	assert_error(call_manager(&w->root, "OpenConsole", "sa{sv}", "a", 1, "x", "s", "y"),
		E("InvalidArgument"), "'x'");
	assert_error(call_manager(&w->root, "Define", "ssa{sv}", "good a", "a", 1, "x", "s", "y"),
		E("InvalidArgument"), "'x'");
	assert_error(call_manager(&w->root, "Start", "sta{sv}", "../a", (uint64_t)0, 0), E("InvalidArgument"),
		"../a");
	assert_error(call_manager(&w->root, "Subscribe", "ssta{sv}", "a b", "", (uint64_t)0, 0),
		E("InvalidArgument"), "a b");
	assert_error(call_manager(&w->root, "Start", "s", "a"), SD_BUS_ERROR_INVALID_ARGS, NULL);
	assert_int_equal(w->engine.posted_count, 0);
}

/* 63 letters and half of the next one are quoted: sd-bus sends no error with that in it. */
static void what_is_cut_within_a_letter_is_answered_all_the_same(void **state)
{
	struct world *w = *state;
	char name[96], text[256];
	struct pending p;

	memset(name, 'a', 63);
	strcpy(name + 63, "\xC3\xA4\xC3\xA4");
	assert_error(call_manager(&w->root, "Start", "sta{sv}", name, (uint64_t)0, 0), E("InvalidArgument"), "aa?' is no VM name");
	assert_error(call_manager(&w->root, "OpenConsole", "sa{sv}", name, 0), E("InvalidArgument"), "aa?' is no VM name");
	assert_error(call_manager(&w->root, "Get", "s", name), E("NoSuchVM"), "aa?'");
	ask_manager(&w->root, &p, "Abort", "sta{sv}", "a", (uint64_t)0, 0);
	wait_posted(w, 1);
	(void)snprintf(text, sizeof(text), "\xC3\xA4 \xC3 \xED\xA0\x80 \xEF\xBF\xBE \xF0\x9F\x98\x80 \xC0\xAF \xF4\x90\x80\x80 \xE2\x82");
	answer(w, 0, REFUSED_INTERNAL, 0, text);
	world_until(w, &p.done);
	assert_error(p.reply, E("Internal"), "\xC3\xA4 ? ??? ??? \xF0\x9F\x98\x80 ?? ???? ??");
}

static void calls_of_one_caller_keep_their_order(void **state)
{
	struct world *w = *state;
	struct pending p[4];

	for (uint64_t i = 0; i < 4; i++)
		ask_manager(&w->root, &p[i], i % 2 ? "Abort" : "Start", "sta{sv}", "a", i, 0);
	wait_posted(w, 4);
	for (uint64_t i = 0; i < 4; i++)
		assert_int_equal(w->engine.posted[i].life, i);
	for (uint64_t i = 4; i-- > 0;) { /* answers may come in any */
		answer(w, i, REFUSED_NOT, 10 + i, "");
		world_until(w, &p[i].done);
		assert_fine(p[i].reply);
		(void)sd_bus_message_unref(p[i].reply);
	}
}

static void others_may_read_and_not_change(void **state)
{
	struct world *w = *state;
	sd_bus_message *m;

	if (geteuid() != 0)
		skip();
	two_vms(w);
	world_connect(w, &w->nobody, NOBODY);
	m = call_manager(&w->nobody, "List", NULL);
	assert_fine(m);
	(void)sd_bus_message_unref(m);
	m = call_manager(&w->nobody, "Subscribe", "ssta{sv}", "", "", (uint64_t)0, 0);
	assert_fine(m);
	(void)sd_bus_message_unref(m);
	for (unsigned i = 0; i < 2; i++) { /* also when it is known already */
		assert_error(call_manager(&w->nobody, "Start", "sta{sv}", "a", (uint64_t)0, 0),
			E("AccessDenied"), "65534");
		assert_error(call(&w->nobody, VM_A, VM_INTERFACE, "Destroy", "ta{sv}", (uint64_t)0, 0),
			E("AccessDenied"), NULL);
		assert_error(call_manager(&w->nobody, "Forget", "stqa{sv}", "a", (uint64_t)0, 0, 0),
			E("AccessDenied"), NULL);
		assert_error(call_manager(&w->nobody, "Define", "ssa{sv}", "good c", "c", 0),
			E("AccessDenied"), NULL);
		assert_error(
			call_manager(&w->nobody, "OpenConsole", "sa{sv}", "a", 0), E("AccessDenied"), NULL);
	}
	assert_int_equal(w->engine.posted_count, 0);
}

static void two_calls(struct bus_config *config)
{
	config->calls_max = 2;
}

static void waiting_calls_are_bounded(void **state)
{
	struct world *w = *state;
	struct pending p[3];

	world_rebuild(w, two_calls);
	for (size_t i = 0; i < 3; i++)
		ask_manager(&w->root, &p[i], "Start", "sta{sv}", "a", (uint64_t)0, 0);
	world_until(w, &p[2].done);
	assert_error(p[2].reply, E("LimitReached"), NULL);
	wait_posted(w, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_false(p[i].done);
		answer(w, i, REFUSED_NOT, i + 1, "");
		world_until(w, &p[i].done);
		(void)sd_bus_message_unref(p[i].reply);
	}
	ask_manager(&w->root, &p[0], "Start", "sta{sv}", "a", (uint64_t)0, 0);
	wait_posted(w, 3); /* there is room again */
	answer(w, 2, REFUSED_NOT, 3, "");
	world_until(w, &p[0].done);
	(void)sd_bus_message_unref(p[0].reply);
}

static void four_calls(struct bus_config *config)
{
	config->calls_max = 4;
}

/* While a disk hangs nothing is answered, not even what anyone may ask. */
static void others_leave_room_for_root(void **state)
{
	struct world *w = *state;
	struct pending p[5];

	if (geteuid() != 0)
		skip();
	world_rebuild(w, four_calls);
	world_connect(w, &w->nobody, NOBODY);
	assert_error(call_manager(&w->nobody, "WaitState", "stasta{sv}", "x", (uint64_t)0, 0, (uint64_t)0, 0), E("NoSuchVM"), NULL);
	for (size_t i = 0; i < 4; i++)
		ask_manager(&w->nobody, &p[i], "Validate", "ssa{sv}", "good a", "f", 0);
	world_until(w, &p[3].done);
	assert_error(p[3].reply, E("LimitReached"), "3 calls wait");
	ask_manager(&w->root, &p[4], "Abort", "sta{sv}", "a", (uint64_t)0, 0);
	wait_posted(w, 4);
	assert_int_equal(w->engine.posted[3].verb, REQUEST_ABORT);
	for (size_t i = 0; i < 4; i++)
		answer(w, i, REFUSED_NOT, i + 1, "");
	world_until(w, &p[4].done);
	assert_fine(p[4].reply);
	world_until(w, &p[2].done);
	for (size_t i = 0; i < 5; i++)
		if (i != 3)
			(void)sd_bus_message_unref(p[i].reply);
}

static void a_full_engine_changes_nothing(void **state)
{
	struct world *w = *state;

	w->engine.post_error = -ENOMEM;
	assert_error(call_manager(&w->root, "Start", "sta{sv}", "a", (uint64_t)0, 0), E("NoMemory"), NULL);
	assert_error(call_manager(&w->root, "Define", "ssa{sv}", "good a", "a", 0), E("NoMemory"), NULL);
}

static void the_console_is_for_reading_alone(void **state)
{
	struct world *w = *state;
	sd_bus_message *m;
	int fd;

	two_vms(w);
	w->console_flags = O_RDONLY;
	m = call_manager(&w->root, "OpenConsole", "sa{sv}", "a", 0);
	assert_fine(m);
	assert_true(sd_bus_message_read(m, "h", &fd) > 0);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(w->console_life, 7);
	(void)sd_bus_message_unref(m);
	w->engine.rows.vm[0].life = 0;
	m = call(&w->root, VM_A, VM_INTERFACE, "OpenConsole", "a{sv}", 0);
	assert_fine(m);
	assert_int_equal(w->console_life, 2); /* the last life's */
	(void)sd_bus_message_unref(m);
	w->console_flags = O_RDWR;
	assert_error(call_manager(&w->root, "OpenConsole", "sa{sv}", "a", 0), E("Internal"), NULL);
	w->console_flags = -1;
	assert_error(call_manager(&w->root, "OpenConsole", "sa{sv}", "a", 0), E("NoConsole"), "'a'");
	assert_error(call_manager(&w->root, "OpenConsole", "sa{sv}", "b-2", 0), E("NoConsole"), NULL);
	assert_error(call_manager(&w->root, "OpenConsole", "sa{sv}", "c", 0), E("NoSuchVM"), NULL);
}

static void lives_on_when_the_bus_breaks(void **state)
{
	struct world *w = *state;
	struct pending p;

	two_vms(w);
	ask_manager(&w->root, &p, "Start", "sta{sv}", "a", (uint64_t)0, 0);
	wait_posted(w, 1);
	bus_detach(w->bus);
	w->source = bus_source_free(w->source);
	w->sd = sd_bus_close_unref(w->sd);
	answer(w, 0, REFUSED_NOT, 1, ""); /* nobody is there any more */
	publish(w, &(struct event_record) { .kind = EVENT_VM_GONE, .seq = 2, .name = "b-2" }, 1);
	world_until(w, &p.done);
	assert_error(p.reply, SD_BUS_ERROR_NO_REPLY, NULL);
	world_attach(w);
	assert_path(call_manager(&w->root, "Get", "s", "a"), VM_A);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(replies_when_the_engine_answered_and_not_before),
		TEST(each_verb_is_its_own_on_both_interfaces),
		TEST(an_abort_may_say_that_what_it_ends_is_kept),
		TEST(forgets_for_whom_may_and_says_who_asked),
		TEST(refusals_come_typed_with_their_text),
		TEST(defines_what_the_parser_made),
		TEST(bad_arguments_never_reach_the_engine),
		TEST(what_is_cut_within_a_letter_is_answered_all_the_same),
		TEST(calls_of_one_caller_keep_their_order),
		TEST(others_may_read_and_not_change),
		TEST(waiting_calls_are_bounded),
		TEST(others_leave_room_for_root),
		TEST(a_full_engine_changes_nothing),
		TEST(the_console_is_for_reading_alone),
		TEST(lives_on_when_the_bus_breaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
