/* SPDX-License-Identifier: Apache-2.0 */
/* What two definitions differ in, and all that is wrong with a text. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "changes.h"
#include "store/definition.h"
#include "store/definition_read.h"

static const uint8_t machine[16];

#define BEGIN "{\"name\": \"web\", \"kernel\": \"/k\", "

static struct vm_definition *parse(const char *text)
{
	struct vm_definition *d = NULL;
	struct definition_error err;

	if (definition_parse(text, strlen(text), "web.json", machine, &d, &err) < 0)
		fail_msg("%s", err.text);
	return d;
}

struct said {
	char text[4096];
	unsigned count, stop;
};

static int say(void *ctx, const struct definition_change *c)
{
	struct said *said = ctx;
	size_t used = strlen(said->text);

	(void)snprintf(said->text + used, sizeof(said->text) - used, "%s: %s -> %s%s\n", c->key, c->old, c->new,
		c->at_once ? " at once" : "");
	return ++said->count == said->stop ? -ECANCELED : 0;
}

static void expect(const char *old, const char *new, const char *text)
{
	_cleanup_(freep) struct vm_definition *a = parse(old), *b = parse(new);
	struct said said = { "" };

	assert_int_equal(definition_differences(a, b, say, &said), 0);
	assert_string_equal(said.text, text);
}

static void says_each_key_in_the_words_of_the_file(void **state)
{
	expect(BEGIN "\"memory\": {\"size\": \"64M\"}}",
		"{\"name\": \"web\", \"kernel\": \"/other\", \"memory\": {\"size\": \"2G\", \"overcommit\": true}, "
		"\"vcpus\": {\"count\": 4, \"placement\": [\"0-1\", \"any\", \"3\"]}, \"limits\": {\"stop-timeout\": \"90s\"}, "
		"\"policies\": {\"restart-delay\": \"1500ms\", \"on-poweroff\": \"restart\"}, "
		"\"order\": {\"after\": [\"db\", \"cache\"], \"autostart\": true}, \"cmdline\": \"a \\\"b\\\"\"}",
		"vcpus.count: 1 -> 4\n"
		"vcpus.placement:  -> [\"0-1\",\"any\",\"3\"]\n"
		"memory.size: 64M -> 2G\n"
		"memory.overcommit: false -> true\n"
		"kernel: /k -> /other\n"
		"cmdline:  -> a \\\"b\\\"\n"
		"policies.on-poweroff: stop -> restart at once\n"
		"policies.restart-delay: 100ms -> 1500ms at once\n"
		"order.after:  -> [\"db\",\"cache\"] at once\n"
		"order.autostart: false -> true at once\n"
		"limits.stop-timeout: 60s -> 90s at once\n");
}

static void says_nothing_of_what_is_the_same(void **state)
{
	expect(BEGIN "\"memory\": {\"size\": \"64M\"}}", BEGIN "\"memory\": {\"size\": 67108864}, \"vcpus\": {\"count\": 1}}", "");
}

static void stops_where_it_is_told_to(void **state)
{
	_cleanup_(freep) struct vm_definition *a = parse(BEGIN "\"memory\": {\"size\": \"2M\"}}");
	_cleanup_(freep) struct vm_definition *b = parse(BEGIN "\"memory\": {\"size\": \"4M\"}, \"vcpus\": {\"count\": 2}}");
	struct said said = { "", .stop = 1 };

	assert_int_equal(definition_differences(a, b, say, &said), -ECANCELED);
	assert_int_equal(said.count, 1);
}

/* A key that is neither in the list of those nor built from would wait for ever, or never. */
static void two_that_differ_have_a_key_that_does(void **state)
{
	for (uint64_t seed = 1; seed < 200; seed++) {
		uint64_t random = seed;
		struct vm_definition a, b;
		struct said said = { "" };

		random_definition(&random, &a);
		random_definition(&random, &b);
		memcpy(b.name, a.name, sizeof(b.name));
		assert_int_equal(definition_differences(&a, &b, say, &said), 0);
		assert_true(said.count > 5);
	}
}

static const char *const at_once[] = { "policies", "order", "limits" };

static void check_rules(const struct rules *rules, bool expected)
{
	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *rule = &rules->rule[i];
		bool inside = expected;

		for (size_t k = 0; k < 3; k++)
			inside |= !strcmp(rule->key, at_once[k]);
		if (rule->inner)
			check_rules(rule->inner, inside);
		else if (rule_is_at_once(rule) != inside)
			fail_msg("%s", rule->key);
	}
}

static void policies_order_and_limits_are_taken_at_once_and_nothing_else(void **state)
{
	check_rules(&definition_rules, false);
}

static void prints_words_that_read_back_as_the_same(void **state)
{
	for (uint64_t seed = 1; seed < 300; seed++) {
		uint64_t random = seed;
		struct vm_definition d;
		_cleanup_(freep) struct vm_definition *back = NULL;
		struct definition_error err;
		struct buffer b = { 0 };

		random_definition(&random, &d);
		d.from_file = 0;
		if (!d.ffa_id || d.huge_pages == HUGE_PAGES_RESERVED)
			continue;
		definition_print_words(&d, &b);
		assert_int_equal(b.error, 0);
		if (definition_parse(b.data, b.length, "words", machine, &back, &err) < 0)
			fail_msg("%s\n%.*s", err.text, (int)b.length, b.data);
		assert_memory_equal(&d, back, sizeof(d));
		buffer_free(&b);
	}
}

static void all_that_is_wrong_is_told_up_to_the_room_there_is(void **state)
{
	static const char text[] = "{\n\"memory\": {\"size\": 1, \"sizes\": 2},\n\"vcpus\": 7,\n\"kernel\": \"k\",\n"
				   "\"order\": {\"after\": [\"a b\"]}\n}";
	static const unsigned lines[] = { 2, 2, 3, 4, 5, 1 };
	struct definition_error err[8];
	struct vm_definition *d = NULL;
	size_t count;

	assert_int_equal(definition_parse_all(text, strlen(text), "x", machine, &d, err, 8, &count), -EBADMSG);
	assert_int_equal(count, 6);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(err[i].line, lines[i]);
	assert_string_equal(err[5].message, "\"name\" is missing; add it");
	assert_int_equal(definition_parse_all(text, strlen(text), "x", machine, &d, err, 2, &count), -EBADMSG);
	assert_int_equal(count, 2);
	assert_null(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_each_key_in_the_words_of_the_file),
		cmocka_unit_test(says_nothing_of_what_is_the_same),
		cmocka_unit_test(stops_where_it_is_told_to),
		cmocka_unit_test(two_that_differ_have_a_key_that_does),
		cmocka_unit_test(policies_order_and_limits_are_taken_at_once_and_nothing_else),
		cmocka_unit_test(prints_words_that_read_back_as_the_same),
		cmocka_unit_test(all_that_is_wrong_is_told_up_to_the_room_there_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
