/* SPDX-License-Identifier: Apache-2.0 */

/* Properties of any type as JSON, and those of a VM and of the daemon. */

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "fixture.h"
#include "properties.h"

struct world {
	struct fixture f;
	sd_bus *bus;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	if (fixture_open(&w->f, true) == 77)
		exit(77);
	assert_true(sd_bus_new(&w->bus) >= 0 && sd_bus_set_address(w->bus, w->f.address) >= 0 && sd_bus_start(w->bus) >= 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	sd_bus_close_unref(w->bus);
	fixture_close(&w->f);
	free(w);
	return 0;
}

static sd_bus_message *begin(struct world *w)
{
	sd_bus_message *m = NULL;

	assert_true(sd_bus_message_new_signal(w->bus, &m, "/a", "a.b", "C") >= 0);
	return m;
}

/* Takes the message over. */
static void expect_written(sd_bus_message *m, const char *wanted)
{
	char *got = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&got, &size);

	assert_true(sd_bus_message_seal(m, 1, 0) >= 0 && sd_bus_message_rewind(m, 1) >= 0);
	assert_true(properties_write_value(m, f) >= 0);
	(void)fclose(f);
	assert_string_equal(got, wanted);
	free(got);
	sd_bus_message_unref(m);
}

#define EXPECT(wanted, ...)                                                                                            \
	do {                                                                                                           \
		sd_bus_message *m_ = begin(w);                                                                         \
		assert_true(sd_bus_message_append(m_, __VA_ARGS__) >= 0);                                              \
		expect_written(m_, wanted);                                                                              \
	} while (0)

static void every_type_becomes_json(void **state)
{
	struct world *w = *state;

	EXPECT("18446744073709551615", "t", UINT64_MAX);
	EXPECT("-9223372036854775808", "x", INT64_MIN);
	EXPECT("-3", "i", -3);
	EXPECT("-3", "n", -3);
	EXPECT("65535", "q", 65535);
	EXPECT("4294967295", "u", UINT32_MAX);
	EXPECT("7", "y", 7);
	EXPECT("true", "b", 1);
	EXPECT("0.5", "d", 0.5);
	EXPECT("null", "d", (double)INFINITY);
	EXPECT("\"/a/b\"", "o", "/a/b");
	EXPECT("\"a\\\"b\\\\c\\u000ad\\u001b\xC3\xBC\"", "s", "a\"b\\c\nd\033\xC3\xBC");
	EXPECT("[]", "as", 0);
	EXPECT("[\"a\",\"b\"]", "as", 2, "a", "b");
	EXPECT("[\"a\",[1,false],[[2,\"b\"]]]", "(s(tb)a(qs))", "a", (uint64_t)1, 0, 1, 2, "b");
	EXPECT("{\"a\":1,\"b\":[2]}", "a{sv}", 2, "a", "u", 1, "b", "at", 1, (uint64_t)2);
	EXPECT("{\"5\":true}", "a{qb}", 1, 5, 1);
	EXPECT("\"in\"", "v", "s", "in");
}

static const struct lifecycle_property *find(const struct lifecycle_property_list *list, const char *name)
{
	for (size_t i = 0; i < lifecycle_property_list_count(list); i++)
		if (strcmp(lifecycle_property_list_at(list, i)->name, name) == 0)
			return lifecycle_property_list_at(list, i);
	return NULL;
}

static void has_all_of_a_vm_and_of_the_daemon(void **state)
{
	struct lifecycle_property_list *list = NULL;
	struct world *w = *state;
	struct lifecycle *l;

	assert_int_equal(lifecycle_new(w->f.address, &l), 0);
	assert_int_equal(lifecycle_properties(l, "web", &list), 0);
	assert_string_equal(find(list, "Life")->value, "42");
	assert_string_equal(find(list, "Life")->signature, "t");
	assert_string_equal(find(list, "VcpuStates")->value, "[\"running\",\"running\",\"waiting\"]");
	assert_string_equal(find(list, "LastEnd")->value, "[\"guest-reboot\",41,1700000000000000,\"the guest said \\u001b[2Jso\"]");
	assert_null(lifecycle_property_list_at(list, lifecycle_property_list_count(list)));
	lifecycle_property_list_unref(list);
	assert_int_equal(lifecycle_properties(l, NULL, &list), 0);
	assert_string_equal(find(list, "Incarnation")->value, "99");
	lifecycle_property_list_unref(list);
	assert_int_equal(lifecycle_properties(l, "nobody", &list), -ENOENT);
	assert_int_equal(lifecycle_last_error(l)->refusal, LIFECYCLE_REFUSED_NO_SUCH_VM);
	lifecycle_unref(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_type_becomes_json, setup, teardown),
		cmocka_unit_test_setup_teardown(has_all_of_a_vm_and_of_the_daemon, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
