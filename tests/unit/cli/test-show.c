/* SPDX-License-Identifier: Apache-2.0 */

/* show, as scripts read it. */

#include "ctl.h"

#include <string.h>

static void expect_exactly(const struct fixture *f, const char *const *argv, const char *wanted)
{
	struct run r = ctl(f, argv);

	assert_int_equal(r.code, 0);
	assert_string_equal(r.output, wanted);
	assert_string_equal(r.errors, "");
	run_free(&r);
}

static void writes_a_line_a_property(void **state)
{
	expect_exactly(*state, CTL("show", "web", "-p", "Life,State", "-pSecureStuck"), "State=running\nLife=42\nSecureStuck=no\n");
	expect_exactly(*state, CTL("show", "web", "d*", "--property=Life"), "Life=42\n\nLife=0\n");
	expect_exactly(*state, CTL("show", "web", "db", "-p", "Life", "--value"), "42\n\n0\n");
	expect_exactly(*state, CTL("show", "-p", "Incarnation"), "Incarnation=99\n");
	expect_exactly(*state, CTL("show", "-p", "BurnedIds", "--value"), "{ 9 ; 32769 ; 16 ; stuck ; 1700000000000000 }\n");
	expect_exactly(*state, CTL("show", "web", "-p", "VcpuStates,LastEnd"),
		"VcpuStates=running running waiting\nLastEnd={ guest-reboot ; 41 ; 1700000000000000 ; the guest said ?[2Jso }\n");
}

static void leaves_out_what_is_empty(void **state)
{
	struct run r = ctl(*state, CTL("show", "web"));

	assert_non_null(strstr(r.output, "\nState=running\n"));
	assert_null(strstr(r.output, "StuckPartitions="));
	run_free(&r);
	expect(*state, CTL("show", "web", "-a"), 0, "\nStuckPartitions=\n", NULL);
	expect_exactly(*state, CTL("show", "web", "-p", "StuckPartitions"), "StuckPartitions=\n");
	expect(*state, CTL("show", "stuck"), 0, "\nStuckPartitions=32769 32771\n", NULL);
}

static void speaks_json(void **state)
{
	expect_exactly(*state, CTL("show", "web", "db", "-p", "Life", "-o", "json"), "[{\"Life\":42},{\"Life\":0}]\n");
	expect_exactly(*state, CTL("show", "web", "db", "-p", "Life", "-o", "json-seq"), "\x1e{\"Life\":42}\n\x1e{\"Life\":0}\n");
	expect_exactly(*state, CTL("show", "-p", "Incarnation", "-j"), "{\"Incarnation\":99}\n");
	expect(*state, CTL("show", "web", "-j"), 0, "\"StuckPartitions\":[]", NULL);
}

static void says_what_there_is_not(void **state)
{
	expect(*state, CTL("show", "nobody", "web", "-p", "Life"), 4, "Life=42\n", "show nobody: no VM is called 'nobody'");
	expect(*state, CTL("show", "web", "-p", "Life,Lif"), 2, "", "show: a VM has no property 'Lif'; 'lifecyclectl show -a NAME' shows all");
	expect(*state, CTL("show", "-p", "Life"), 2, "", "show: lifecycled has no property 'Life'");
	expect(*state, CTL("list", "-p", "Life"), 2, "", "list does not take --property");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(writes_a_line_a_property),
		TEST(leaves_out_what_is_empty),
		TEST(speaks_json),
		TEST(says_what_there_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
