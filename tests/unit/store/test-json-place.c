/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "changes.h"
#include "store/json_place.h"

static const char text[] = "{\n"
			   "  \"name\": \"a {[,:\\\" b\",\n"
			   "  \"list\": [1, {\"x\": true}, \"\xC3\xA4\", null],\n"
			   "\t\"deep\": {\"name\": {\"name\": 7}}\n"
			   "}\n";

static void expect_place(const char *path, bool key, unsigned line, unsigned column)
{
	struct json_place place;
	size_t offset;

	assert_true(json_place_find(text, strlen(text), path, key, &offset));
	json_place_at(text, offset, &place);
	assert_int_equal(place.line, line);
	assert_int_equal(place.column, column);
}

static void finds_keys_and_values_by_their_path(void **state)
{
	size_t offset;

	expect_place("", false, 1, 1);
	expect_place("name", true, 2, 3);
	expect_place("name", false, 2, 11);
	expect_place("list[1].x", false, 3, 21);
	expect_place("list[3]", false, 3, 33); /* behind a letter of two bytes */
	expect_place("deep.name.name", true, 4, 20);
	expect_place("deep.name.name", false, 4, 28);
	assert_false(json_place_find(text, strlen(text), "deep.nam", false, &offset));
	assert_false(json_place_find(text, strlen(text), "list[4]", false, &offset));
}

static enum json_oddity check(const char *json, char path[JSON_PATH_MAX], size_t *ret_offset)
{
	return json_place_check(json, strlen(json), ret_offset, path);
}

static void finds_a_key_that_stands_twice(void **state)
{
	char path[JSON_PATH_MAX];
	size_t at;

	assert_int_equal(check(text, path, &at), JSON_FINE);
	assert_int_equal(check("{\"a\":1,\"b\":{\"a\":2}}", path, &at), JSON_FINE);
	assert_int_equal(check("{\"a\":1,\"b\":{\"c\":2,\"c\":2}}", path, &at), JSON_DUPLICATE);
	assert_string_equal(path, "b.c");
	assert_int_equal(at, 18);
	assert_int_equal(check("{\"a\":1,\"\\u0061\":2}", path, &at), JSON_ESCAPED_KEY);
}

static void blanks_comments_and_nothing_else(void **state)
{
	char json[] = "{ // \"a\" \n \"b//\": /* x\ny */ \"\\\"/*\" }";
	char open[] = "{} /* never";
	size_t at;

	assert_true(json_blank_comments(json, strlen(json), &at));
	assert_string_equal(json, "{        \n \"b//\":     \n     \"\\\"/*\" }");
	assert_false(json_blank_comments(open, strlen(open), &at));
	assert_int_equal(at, 3);
}

static void survives_any_text(void **state)
{
	static const char alphabet[] = "{}[]\",:\\/*\n a1";
	uint64_t seed = 0xA11;

	for (unsigned round = 0; round < 20000; round++) {
		size_t length = random_next(&seed) % 40, at;
		char path[JSON_PATH_MAX];
		char *copy = malloc(length + 1); /* exact, so that a sanitizer sees one byte too far */

		for (size_t i = 0; i < length; i++)
			copy[i] = alphabet[random_next(&seed) % (sizeof(alphabet) - 1)];
		(void)json_blank_comments(copy, length, &at);
		(void)json_place_check(copy, length, &at, path);
		(void)json_place_find(copy, length, "a[1].a", false, &at);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_keys_and_values_by_their_path),
		cmocka_unit_test(finds_a_key_that_stands_twice),
		cmocka_unit_test(blanks_comments_and_nothing_else),
		cmocka_unit_test(survives_any_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
