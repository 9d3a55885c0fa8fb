/* SPDX-License-Identifier: Apache-2.0 */

/* Definitions through the library and lifecyclectl, against the fake daemon. */

#include <errno.h>
#include <string.h>

#include "world.h"

static void tells_each_problem_with_its_place_and_kind(void **state)
{
	struct lifecycle_problem_list *list;
	struct world *w = *state;

	assert_int_equal(lifecycle_validate(w->l, "]", "x.json", &list), 0);
	assert_int_equal(lifecycle_problem_list_count(list), 2);
	assert_string_equal(lifecycle_problem_list_name(list), "");
	assert_int_equal(lifecycle_problem_list_at(list, 1)->line, 3);
	assert_int_equal(lifecycle_problem_list_at(list, 1)->column, 7);
	assert_int_equal(lifecycle_problem_list_at(list, 1)->refusal, LIFECYCLE_REFUSED_INVALID_DEFINITION);
	assert_null(lifecycle_problem_list_at(list, 2));
	lifecycle_problem_list_unref(list);
	assert_int_equal(lifecycle_validate(w->l, "{cycle}", NULL, &list), 0);
	assert_int_equal(lifecycle_problem_list_at(list, 0)->refusal, LIFECYCLE_REFUSED_CYCLE);
	assert_string_equal(lifecycle_problem_list_name(list), "new");
	lifecycle_problem_list_unref(list);
	assert_int_equal(lifecycle_validate(w->l, "{}", NULL, &list), 0);
	assert_int_equal(lifecycle_problem_list_count(list), 0);
	lifecycle_problem_list_unref(list);
	assert_int_equal(lifecycle_validate(w->l, "\xff", NULL, &list), -EBADMSG);
}

static void takes_a_definition_back(void **state)
{
	struct world *w = *state;
	uint64_t seq;

	assert_int_equal(lifecycle_undefine(w->l, "web", 0, false, &seq), -EBUSY);
	assert_int_equal(lifecycle_undefine(w->l, "web", 0, true, &seq), 0);
	assert_int_equal(seq, 77);
	assert_int_equal(lifecycle_undefine(w->l, "nobody", 0, true, NULL), -ENOENT);
}

static void shows_it_and_where_it_is_from(void **state)
{
	struct world *w = *state;
	char *text, *source;

	assert_int_equal(lifecycle_definition(w->l, "web", false, &text, &source), 0);
	assert_string_equal(text, "{\"name\":\"web\",\"kernel\":\"/k\"}");
	assert_string_equal(source, "/etc/lifecycled/vm.d/web.json");
	free(text);
	free(source);
	assert_int_equal(lifecycle_definition(w->l, "nobody", false, &text, NULL), -ENOENT);
}

static void tells_what_a_reload_came_to_key_by_key(void **state)
{
	const struct lifecycle_reloaded *row;
	struct lifecycle_reload_list *list;
	struct world *w = *state;

	assert_int_equal(lifecycle_reload(w->l, true, &list), 0);
	assert_int_equal(lifecycle_reload_list_count(list), 4);
	row = lifecycle_reload_list_at(list, 0);
	assert_string_equal(row->name, "");
	assert_string_equal(row->text, "the file is not named after a VM");
	row = lifecycle_reload_list_at(list, 2);
	assert_string_equal(row->what, "changed");
	assert_int_equal(row->change_count, 2);
	assert_int_equal(row->change[0]->size, sizeof(*row->change[0]));
	assert_string_equal(row->change[0]->before, "64M");
	assert_false(row->change[0]->at_once);
	assert_true(row->change[1]->at_once);
	assert_null(lifecycle_reload_list_at(list, 4));
	lifecycle_reload_list_unref(list);
}

static void has_nothing_pending_where_a_daemon_says_nothing_of_it(void **state)
{
	struct lifecycle_vm_list *list;
	struct lifecycle_vm_info *info;
	struct world *w = *state;

	assert_int_equal(lifecycle_list(w->l, &list), 0);
	assert_string_equal(lifecycle_vm_list_find(list, "slow")->pending, "-");
	lifecycle_vm_list_unref(list);
	assert_int_equal(lifecycle_vm_info(w->l, "slow", &info), 0);
	assert_string_equal(lifecycle_vm_info_details(info)->vm->pending, "-");
	assert_int_equal(lifecycle_vm_info_details(info)->pending_count, 0);
	lifecycle_vm_info_unref(info);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(tells_each_problem_with_its_place_and_kind),
		TEST(takes_a_definition_back),
		TEST(shows_it_and_where_it_is_from),
		TEST(tells_what_a_reload_came_to_key_by_key),
		TEST(has_nothing_pending_where_a_daemon_says_nothing_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
