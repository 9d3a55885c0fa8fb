/* SPDX-License-Identifier: Apache-2.0 */

/* The interface is what its file says, and its words are the protocol's. */

#include <stdlib.h>
#include <string.h>

#include "unit/bus/introspect.h"
#include "unit/bus/world.h"

#define VM_A BUS_PATH "/vm/a"

static void scan_running(struct world *w, struct lines *l, const char *path)
{
	sd_bus_message *reply =
		call(&w->root, path, "org.freedesktop.DBus.Introspectable", "Introspect", NULL);
	const char *xml;

	assert_fine(reply);
	assert_true(sd_bus_message_read(reply, "s", &xml) > 0);
	lines_scan(l, xml);
	(void)sd_bus_message_unref(reply);
}

static void introspection_is_the_file(void **state)
{
	struct world *w = *state;
	struct lines file = { .count = 0 }, running = { .count = 0 };
	char *xml = read_xml();

	(void)fake_vm(&w->engine, "a", 1);
	(void)fake_sp(&w->engine, 0x8001);
	lines_scan(&file, xml);
	free(xml);
	scan_running(w, &running, BUS_PATH);
	scan_running(w, &running, VM_A);
	scan_running(w, &running, BUS_PATH "/partition/8001");
	scan_running(w, &running, LOG_CONTROL_PATH);
	lines_sort(&file);
	lines_sort(&running);
	for (size_t i = 0; i < file.count && i < running.count; i++)
		assert_string_equal(running.line[i], file.line[i]);
	assert_int_equal(running.count, file.count);
	assert_int_equal(running.count, 43 + 6 + 35 + 34 + 3);
	lines_free(&file);
	lines_free(&running);
}

/* Adds the names of an interface's properties that say that they emit their changes. */
static void emitting(const struct lines *l, const char *interface, char *ret)
{
	for (size_t i = 0; i < l->count; i++) {
		char prefix[128], name[64];

		(void)snprintf(prefix, sizeof(prefix), "%s property ", interface);
		if (strncmp(l->line[i], prefix, strlen(prefix)) != 0 ||
			strstr(l->line[i], "EmitsChangedSignal"))
			continue;
		assert_int_equal(sscanf(l->line[i] + strlen(prefix), "%63s", name), 1);
		strcat(strcat(ret, " "), name);
	}
}

/* Writes another value into every field of a row but its name. */
static void change_all(struct vm_row *row)
{
	struct vm_row other;

	memset(&other, 1, sizeof(other));
	strcpy(other.name, row->name);
	strcpy(other.end_text, "text");
	strcpy(other.waits.name, "b");
	other.debt_count = other.old_debt_count = 1;
	other.debt = row->debt;
	other.lease = row->lease;
	other.lease_count = 0;
	other.vcpu_count = 2;
	*row = other;
}

static void every_property_tells_its_changes_as_it_says(void **state)
{
	struct world *w = *state;
	struct event_record vm = { .kind = EVENT_OPERATION, .seq = 5, .name = "a" };
	struct event_record sp = { .kind = EVENT_SP, .seq = 6, .sp = 0x8001 };
	char vm_told[1024] = "PropertiesChanged /vm/a", sp_told[1024] = "PropertiesChanged /partition/8001";
	struct lines file = { .count = 0 };
	char *xml = read_xml();

	lines_scan(&file, xml);
	free(xml);
	lines_sort(&file);
	emitting(&file, VM_INTERFACE, vm_told);
	emitting(&file, PARTITION_INTERFACE, sp_told);
	lines_free(&file);
	(void)fake_vm(&w->engine, "a", 1);
	(void)fake_sp(&w->engine, 0x8001);
	publish(w,
		(struct event_record[]) { { .kind = EVENT_VM, .seq = 1, .name = "a" },
			{ .kind = EVENT_SP, .seq = 2, .sp = 0x8001 } },
		2);
	listen_signals(w);
	change_all(&w->engine.rows.vm[0]);
	publish(w, &vm, 1);
	assert_signals(w, (const char *const[]) { vm_told }, 1);
	memset(&w->engine.rows.sp[0], 1, sizeof(struct sp_row));
	w->engine.rows.sp[0].sp.id = 0x8001;
	publish(w, &sp, 1);
	assert_signals(w, (const char *const[]) { sp_told }, 1);
}

#define CHECK_WORD(symbol, number, string) assert_string_equal(bus_word(list, symbol), string);
#define CHECK_LIST(which, LIST, count)                                                                       \
	do {                                                                                                 \
		enum words list = (which);                                                                   \
		LIST(CHECK_WORD)                                                                             \
		assert_string_equal(bus_word(list, (count)), "?");                                           \
		for (unsigned i = 0; i < (unsigned)(count); i++)                                             \
			for (unsigned j = 0; j < i; j++)                                                     \
				assert_string_not_equal(bus_word(list, i), bus_word(list, j));               \
	} while (0)

static void words_are_the_protocols_and_go_both_ways(void **state)
{
	CHECK_LIST(WORDS_STATE, VM_STATES, VM_STATE_COUNT);
	CHECK_LIST(WORDS_SUBSTATE, VM_SUBSTATES, VM_SUBSTATE_COUNT);
	CHECK_LIST(WORDS_VCPU, VCPU_STATES, VCPU_STATE_COUNT);
	CHECK_LIST(WORDS_CAUSE, CAUSES, CAUSE_COUNT);
	CHECK_LIST(WORDS_DEBT, DEBT_STATES, DEBT_STATE_COUNT);
	CHECK_LIST(WORDS_HOW, DEBT_HOWS, DEBT_HOW_COUNT);
	CHECK_LIST(WORDS_OPERATION, OPERATIONS, OPERATION_COUNT);
	CHECK_LIST(WORDS_VERB, VERBS, VERB_COUNT);
	CHECK_LIST(WORDS_WAIT, WAITS, WAIT_COUNT);
	assert_string_equal(bus_word(WORDS_PROFILE, PROFILE_OPTEE), "optee");
	assert_string_equal(bus_word(WORDS_STATUS, SP_GONE), "gone");
}

#define CHECK_REFUSAL(symbol, name, error, code)                                                             \
	if ((symbol) != REFUSED_NOT)                                                                         \
		assert_string_equal(bus_refusal_error(symbol), BUS_NAME ".Error." name);

static void refusals_have_typed_errors(void **state)
{
	REFUSALS(CHECK_REFUSAL)
	assert_string_equal(bus_refusal_error(REFUSED_NOT), BUS_NAME ".Error.Internal");
	assert_string_equal(bus_refusal_error(REFUSAL_COUNT), BUS_NAME ".Error.Internal");
}

static void names_and_uuids_have_one_form(void **state)
{
	char text[UUID_TEXT_SIZE], name[VM_NAME_MAX + 2];

	bus_uuid_text((const uint8_t[16]) { 0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0xFE, 0xDC, 0xBA,
			      0x98, 0x76, 0x54, 0x32, 0x10 },
		text);
	assert_string_equal(text, "01234567-89ab-cdef-fedc-ba9876543210");
	memset(name, 'x', sizeof(name));
	name[VM_NAME_MAX + 1] = '\0';
	assert_false(bus_vm_name_is_valid(name));
	name[VM_NAME_MAX] = '\0';
	assert_true(bus_vm_name_is_valid(name));
	assert_true(bus_vm_name_is_valid("9.a_b-C"));
	assert_false(bus_vm_name_is_valid(""));
	assert_false(bus_vm_name_is_valid("-a"));
	assert_false(bus_vm_name_is_valid("a/b"));
	assert_false(bus_vm_name_is_valid("a b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(introspection_is_the_file, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			every_property_tells_its_changes_as_it_says, world_setup, world_teardown),
		cmocka_unit_test(words_are_the_protocols_and_go_both_ways),
		cmocka_unit_test(refusals_have_typed_errors),
		cmocka_unit_test(names_and_uuids_have_one_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
