/* SPDX-License-Identifier: Apache-2.0 */

/* Definitions over the bus: judged, taken back, shown, read again. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unit/bus/world.h"

#define E(name) BUS_NAME ".Error." name

static struct vm_definition in_force = { .name = "a", .kernel = "/k", .from_file = 1 };
static struct vm_definition next = { .name = "a", .kernel = "/next", .from_file = 1 };

static struct vm_row *one_vm(struct world *w)
{
	struct vm_row *a = fake_vm(&w->engine, "a", 1);

	a->definition = &in_force;
	a->life = 7;
	return a;
}

static void expect_strings(sd_bus_message *reply, const char *first, const char *second)
{
	const char *a, *b;

	assert_fine(reply);
	assert_true(sd_bus_message_read(reply, "ss", &a, &b) > 0);
	assert_string_equal(a, first);
	assert_string_equal(b, second);
	(void)sd_bus_message_unref(reply);
}

static void expect_problem(sd_bus_message *reply, const char *name, unsigned count, unsigned line, const char *error, const char *text)
{
	const char *said_name, *said_error, *said_text;
	unsigned said_line, said_column, problems = 0;

	assert_fine(reply);
	assert_true(sd_bus_message_read(reply, "s", &said_name) > 0);
	assert_string_equal(said_name, name);
	assert_true(sd_bus_message_enter_container(reply, 'a', "(uuss)") > 0);
	while (sd_bus_message_read(reply, "(uuss)", &said_line, &said_column, &said_error, &said_text) > 0) {
		problems++;
		assert_int_equal(said_line, line);
		assert_int_equal(said_column, line ? problems : 0);
		assert_string_equal(said_error, error);
		assert_string_equal(said_text, text);
	}
	assert_int_equal(problems, count);
	(void)sd_bus_message_unref(reply);
}

static void tells_all_that_is_wrong_with_a_text_to_anyone_and_asks_nobody(void **state)
{
	struct world *w = *state;

	world_connect(w, &w->nobody, 65534);
	expect_problem(call_manager(&w->nobody, "Validate", "ssa{sv}", "bad", "f", 0), "", 3, 1, "InvalidDefinition", "not good");
	assert_int_equal(w->engine.posted_count, 0);
}

static void asks_the_engine_how_a_text_goes_with_the_others(void **state)
{
	struct world *w = *state;
	struct pending p;

	(void)one_vm(w);
	ask_manager(&w->root, &p, "Validate", "ssa{sv}", "good a", "f", 0);
	wait_posted(w, 1);
	assert_int_equal(w->engine.posted[0].verb, REQUEST_DEFINE);
	assert_true(w->engine.posted[0].rehearsal);
	assert_int_equal(w->engine.posted[0].definition->from_file, 1); /* as it is now */
	answer(w, 0, REFUSED_CYCLE, 0, "a -> b -> a");
	world_until(w, &p.done);
	expect_problem(p.reply, "a", 1, 0, "OrderCycle", "a -> b -> a");
	ask_manager(&w->root, &p, "Validate", "ssa{sv}", "good b", "f", 0);
	wait_posted(w, 2);
	assert_int_equal(w->engine.posted[1].definition->from_file, 0);
	answer(w, 1, REFUSED_NOT, 0, "");
	world_until(w, &p.done);
	expect_problem(p.reply, "b", 0, 0, "", "");
}

static void takes_a_definition_back_now_or_with_the_life(void **state)
{
	struct world *w = *state;
	struct pending p;
	uint64_t seq;

	ask_manager(&w->root, &p, "Undefine", "sta{sv}", "a", (uint64_t)7, 0);
	wait_posted(w, 1);
	assert_int_equal(w->engine.posted[0].verb, REQUEST_UNDEFINE);
	assert_int_equal(w->engine.posted[0].life, 7);
	assert_false(w->engine.posted[0].pending || w->engine.posted[0].by_file);
	answer(w, 0, REFUSED_OTHER_SOURCE, 0, "a file defines it");
	world_until(w, &p.done);
	assert_error(p.reply, E("OtherSource"), "a file defines it");
	ask_manager(&w->root, &p, "Undefine", "sta{sv}", "a", (uint64_t)0, 1, "pending", "b", 1);
	wait_posted(w, 2);
	assert_true(w->engine.posted[1].pending);
	answer(w, 1, REFUSED_NOT, 9, "");
	world_until(w, &p.done);
	assert_fine(p.reply);
	assert_true(sd_bus_message_read(p.reply, "t", &seq) > 0);
	assert_int_equal(seq, 9);
	(void)sd_bus_message_unref(p.reply);
	assert_error(call_manager(&w->root, "Undefine", "sta{sv}", "a", (uint64_t)0, 1, "never", "b", 1), E("InvalidArgument"), "never");
	assert_error(call_manager(&w->root, "Undefine", "sta{sv}", "a", (uint64_t)0, 1, "pending", "s", "x"), E("InvalidArgument"),
		"boolean");
	assert_error(call_manager(&w->root, "Undefine", "sta{sv}", "a b", (uint64_t)0, 0), E("InvalidArgument"), "a b");
}

static void nobody_else_may_take_it_back_or_have_files_read(void **state)
{
	struct world *w = *state;

	world_connect(w, &w->nobody, 65534);
	(void)fake_vm(&w->engine, "a", 1);
	assert_error(call_manager(&w->nobody, "Undefine", "sta{sv}", "a", (uint64_t)0, 0), E("AccessDenied"), "undefine a");
	assert_error(call_manager(&w->nobody, "Reload", "a{sv}", 0), E("AccessDenied"), "reload");
	assert_int_equal(w->engine.posted_count, 0);
	assert_false(w->reloads);
}

static void shows_the_definition_in_force_and_that_of_the_next_life(void **state)
{
	struct world *w = *state;
	struct vm_row *a = one_vm(w);

	world_connect(w, &w->nobody, 65534);
	expect_strings(call_manager(&w->nobody, "GetDefinition", "sa{sv}", "a", 0), "good a", "/vm.d/a.json");
	assert_error(call_manager(&w->nobody, "GetDefinition", "sa{sv}", "a", 1, "pending", "b", 1), E("InvalidArgument"), "no change of a");
	a->waits_for_end = PENDING_REMOVAL;
	assert_error(call_manager(&w->nobody, "GetDefinition", "sa{sv}", "a", 1, "pending", "b", 1), E("InvalidArgument"), "no next life");
	a->waits_for_end = PENDING_CHANGE;
	a->pending = &next;
	expect_strings(call_manager(&w->nobody, "GetDefinition", "sa{sv}", "a", 1, "pending", "b", 1), "good a", "/vm.d/a.json");
	assert_error(call_manager(&w->nobody, "GetDefinition", "sa{sv}", "x", 0), E("NoSuchVM"), "'x'");
}

static void shows_what_is_pending_key_by_key(void **state)
{
	struct world *w = *state;
	struct vm_row *a = one_vm(w);
	const char *key, *before, *after;
	sd_bus_message *reply;

	a->pending = &next;
	a->waits_for_end = PENDING_CHANGE;
	reply = call(&w->root, BUS_PATH "/vm/a", "org.freedesktop.DBus.Properties", "Get", "ss", VM_INTERFACE, "PendingChanges");
	assert_fine(reply);
	assert_true(sd_bus_message_enter_container(reply, 'v', "a(sss)") > 0);
	assert_true(sd_bus_message_enter_container(reply, 'a', "(sss)") > 0);
	assert_true(sd_bus_message_read(reply, "(sss)", &key, &before, &after) > 0);
	assert_string_equal(key, "kernel");
	assert_string_equal(before, "/k");
	assert_string_equal(after, "/next");
	(void)sd_bus_message_unref(reply);
}

static void a_reload_is_answered_when_it_is_over(void **state)
{
	static const struct definition_change change = { "memory.size", "2M", "4M", false };
	static const struct bus_reloaded rows[] = { { "a", "changed", "/vm.d/a.json", "", &change, 1 },
		{ "b", "error", "/vm.d/b.json", "why", NULL, 0 } };
	const char *name, *what, *path, *text;
	struct world *w = *state;
	struct pending p;

	ask_manager(&w->root, &p, "Reload", "a{sv}", 1, "dry-run", "b", 1);
	world_until(w, &w->reloads);
	assert_true(w->reload_dry);
	assert_false(p.done);
	bus_reload_done(w->bus, w->reload_token + 1, 0, rows, 2); /* somebody who has left */
	bus_reload_done(w->bus, w->reload_token, 0, rows, 2);
	world_until(w, &p.done);
	assert_fine(p.reply);
	assert_true(sd_bus_message_enter_container(p.reply, 'a', "(ssssa(sssb))") > 0);
	assert_true(sd_bus_message_enter_container(p.reply, 'r', "ssssa(sssb)") > 0);
	assert_true(sd_bus_message_read(p.reply, "ssss", &name, &what, &path, &text) > 0);
	assert_string_equal(what, "changed");
	assert_true(sd_bus_message_skip(p.reply, "a(sssb)") > 0);
	assert_true(sd_bus_message_exit_container(p.reply) > 0);
	assert_true(sd_bus_message_enter_container(p.reply, 'r', "ssssa(sssb)") > 0);
	assert_true(sd_bus_message_read(p.reply, "ssss", &name, &what, &path, &text) > 0);
	assert_string_equal(text, "why");
	(void)sd_bus_message_unref(p.reply);
	w->reloads = false;
	ask_manager(&w->root, &p, "Reload", "a{sv}", 0);
	world_until(w, &w->reloads);
	assert_false(w->reload_dry);
	bus_reload_done(w->bus, w->reload_token, -EIO, NULL, 0);
	world_until(w, &p.done);
	assert_error(p.reply, E("Internal"), "cannot be read");
}

/* What is named in a letter of another age, or was cut within one, does not take the rest of the answer with it. */
static void what_is_no_utf8_is_told_all_the_same(void **state)
{
	static const struct bus_reloaded row = { "", "error", "/vm.d/gr\xF6\xDF" "e.json", "the file is not named after a VM\xC3", NULL, 0 };
	const char *name, *what, *path, *text;
	struct vm_definition odd = in_force;
	struct world *w = *state;
	struct vm_row *a = one_vm(w);
	struct pending p;

	ask_manager(&w->root, &p, "Reload", "a{sv}", 0);
	world_until(w, &w->reloads);
	bus_reload_done(w->bus, w->reload_token, 0, &row, 1);
	world_until(w, &p.done);
	assert_fine(p.reply);
	assert_true(sd_bus_message_enter_container(p.reply, 'a', "(ssssa(sssb))") > 0);
	assert_true(sd_bus_message_enter_container(p.reply, 'r', "ssssa(sssb)") > 0);
	assert_true(sd_bus_message_read(p.reply, "ssss", &name, &what, &path, &text) > 0);
	assert_string_equal(path, "/vm.d/gr??e.json");
	assert_string_equal(text, "the file is not named after a VM?");
	(void)sd_bus_message_unref(p.reply);
	strcpy(odd.kernel, "/k\xEF\xBF\xBE");
	a->pending = &odd;
	a->waits_for_end = PENDING_CHANGE;
	p.reply = call(&w->root, BUS_PATH "/vm/a", "org.freedesktop.DBus.Properties", "GetAll", "s", VM_INTERFACE);
	assert_fine(p.reply);
	(void)sd_bus_message_unref(p.reply);
	ask_manager(&w->root, &p, "Validate", "ssa{sv}", "good a", "f", 0);
	wait_posted(w, 1);
	answer(w, 0, REFUSED_CYCLE, 0, "a -> \xC3");
	world_until(w, &p.done);
	expect_problem(p.reply, "a", 1, 0, "OrderCycle", "a -> ?");
}

int main(void)
{
#define IN_WORLD(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		IN_WORLD(tells_all_that_is_wrong_with_a_text_to_anyone_and_asks_nobody),
		IN_WORLD(asks_the_engine_how_a_text_goes_with_the_others),
		IN_WORLD(takes_a_definition_back_now_or_with_the_life),
		IN_WORLD(nobody_else_may_take_it_back_or_have_files_read),
		IN_WORLD(shows_the_definition_in_force_and_that_of_the_next_life),
		IN_WORLD(shows_what_is_pending_key_by_key),
		IN_WORLD(a_reload_is_answered_when_it_is_over),
		IN_WORLD(what_is_no_utf8_is_told_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
