/* SPDX-License-Identifier: Apache-2.0 */

/* The verbs of definitions, as people and scripts use them. */

#include "ctl.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A file with that text, for one test; the caller removes it. */
static char *file_with(const char *text)
{
	static char path[64];
	int fd;

	strcpy(path, "/tmp/test-definitions-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
	return path;
}

static void validate_says_all_that_is_wrong_each_with_its_place(void **state)
{
	char *path = file_with("]"), expected[256];

	(void)snprintf(expected, sizeof(expected), "%s:1:1: expected '{'\n%s:3:7: memory.size: ?[2J\n", path, path);
	expect(*state, CTL("validate", path), 6, NULL, expected);
	expect(*state, CTL("validate", path, "-o", "json"), 6, "\"valid\":false,\"problems\":[{\"line\":1,\"column\":1", NULL);
	(void)unlink(path);
	expect(*state, CTL("validate", path), 1, NULL, "cannot read /tmp/");
	path = file_with("{cycle}");
	expect(*state, CTL("validate", path), 16, NULL, ": new -> web -> new\n");
	(void)unlink(path);
}

static void validate_takes_a_vm_by_its_name(void **state)
{
	expect(*state, CTL("validate", "web"), 0, "web: fine, it defines new\n", NULL);
	expect(*state, CTL("validate", "nobody"), 4, NULL, "nobody");
}

static void a_reload_is_told_key_by_key_and_fails_with_a_file(void **state)
{
	struct run r = ctl(*state, CTL("reload"));

	assert_int_equal(r.code, 6);
	assert_string_equal(r.output, "/vm.d/a b.json: error: the file is not named after a VM\n"
				      "web: changed\n"
				      "    memory.size: 64M -> 128M (in the next life)\n"
				      "    policies.on-crash: (not set) -> restart\n"
				      "zoo: removed, with its life if it has one\n"
				      "1 unchanged\n");
	run_free(&r);
	expect(*state, CTL("reload", "--dry-run"), 6, "1 unchanged; a dry run: nothing was done\n", NULL);
	expect_json(*state, CTL("reload", "-o", "json"), json_type_array);
	expect(*state, CTL("list", "--dry-run"), 2, NULL, "does not take");
}

static void undefine_says_why_not_and_when(void **state)
{
	expect(*state, CTL("undefine", "db"), 0, "db: undefined\n", NULL);
	expect(*state, CTL("undefine", "web"), 7, NULL, "cannot undefine web: it is running");
	expect(*state, CTL("undefine", "--pending", "web"), 0, "web: undefined, at the end of its life if it has one\n", NULL);
	expect(*state, CTL("undefine"), 2, NULL, "needs NAME");
}

static void cat_prints_json_and_says_elsewhere_where_from(void **state)
{
	expect(*state, CTL("cat", "web"), 0, "{\n  \"name\": \"web\",\n  \"kernel\": \"/k\"\n}\n", "# web, from /etc/lifecycled/vm.d/web.json\n");
	expect(*state, CTL("cat", "web", "-q"), 0, "\"kernel\": \"/k\"", NULL);
	expect(*state, CTL("cat", "web", "--pending"), 0, "{", "; of the next life\n");
	expect_json(*state, CTL("-q", "cat", "web"), json_type_object);
}

static void edit_leads_to_the_file_of_a_vm_that_has_one(void **state)
{
	expect(*state, CTL("edit", "web"), 23, NULL, "edit: web is defined by /etc/lifecycled/vm.d/web.json: edit that file");
	expect(*state, CTL("edit", "slow"), 23, NULL, "edit: slow is defined by vm.d/slow.json: edit that file"); /* of --definitions vm.d */
	expect(*state, CTL("edit", "nobody"), 4, NULL, "nobody");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(validate_says_all_that_is_wrong_each_with_its_place),
		TEST(validate_takes_a_vm_by_its_name),
		TEST(a_reload_is_told_key_by_key_and_fails_with_a_file),
		TEST(undefine_says_why_not_and_when),
		TEST(cat_prints_json_and_says_elsewhere_where_from),
		TEST(edit_leads_to_the_file_of_a_vm_that_has_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
