/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "changes.h"
#include "store/record_fields.h"
#include "store/records.h"

static void brings_back_every_kind_of_change(void **state)
{
	uint64_t seed = 0x5EED;

	for (unsigned round = 0; round < 300; round++) {
		struct change change[CHANGE_LEASE];
		struct turn turn = { .first_seq = round,
			.last_seq = round + CHANGE_LEASE,
			.realtime = random_next(&seed),
			.change = change,
			.count = CHANGE_LEASE };
		struct buffer b = { 0 };
		struct turn_read r;

		for (uint8_t kind = CHANGE_VM; kind <= CHANGE_LEASE; kind++)
			random_change(&seed, kind, &change[kind - 1]);
		turn_print(&b, &turn, round % 2, round % 3 ? first_boot : NULL);
		assert_int_equal(b.error, 0);
		assert_null(memchr(b.data, '\n', b.length));
		if (turn_read(b.data, b.length, &r) < 0)
			fail_msg("%s\n%.*s", r.why, (int)b.length, b.data);
		assert_int_equal(r.turn.first_seq, round);
		assert_int_equal(r.turn.last_seq, round + CHANGE_LEASE);
		assert_true(r.turn.realtime == turn.realtime);
		assert_int_equal(r.snapshot, round % 2);
		assert_int_equal(r.has_boot, round % 3 != 0);
		assert_int_equal(r.turn.count, CHANGE_LEASE);
		for (size_t i = 0; i < CHANGE_LEASE; i++) {
			assert_same_change(&change[i], &r.turn.change[i]);
			change_free(&change[i]);
		}
		turn_read_free(&r);
		buffer_free(&b);
	}
}

static void has_a_form_for_every_kind(void **state)
{
	for (unsigned kind = CHANGE_VM; kind <= CHANGE_LEASE; kind++) {
		assert_non_null(record_kinds[kind].name);
		for (size_t i = 0; i < record_kinds[kind].count; i++)
			for (unsigned w = 0; w < record_kinds[kind].field[i].word_count; w++)
				assert_non_null(record_kinds[kind].field[i].words[w]);
	}
}

static void expect_bad(const char *json, const char *why)
{
	struct turn_read r;

	assert_int_equal(turn_read(json, strlen(json), &r), -EBADMSG);
	if (!strstr(r.why, why))
		fail_msg("\"%s\" does not say \"%s\" of %s", r.why, why, json);
	assert_int_equal(r.turn.count, 0);
}

#define TURN(change) "{\"first\":1,\"last\":1,\"t\":1,\"changes\":[" change "]}"

static void refuses_what_it_does_not_know(void **state)
{
	expect_bad("", "not JSON");
	expect_bad("null", "not JSON");
	expect_bad("[1]", "not JSON");
	expect_bad("{\"first\":1", "not JSON");
	expect_bad("{\"first\":1,\"last\":1,\"t\":1}", "changes: not a list");
	expect_bad("{\"first\":1,\"last\":1,\"t\":1,\"changes\":[],\"more\":1}",
		"the turn has 5 keys, 4 of them known");
	expect_bad("{\"first\":-1,\"last\":1,\"t\":1,\"changes\":[]}", "first: not a number");
	expect_bad("{\"first\":2,\"last\":1,\"t\":1,\"changes\":[]}", "first: above last");
	expect_bad("{\"first\":1,\"last\":1,\"boot\":\"x\",\"changes\":[]}", "boot: not a UUID");
	expect_bad(TURN("7"), "no object");
	expect_bad(TURN("{\"seq\":1}"), "kind: \"\" is not known");
	expect_bad(TURN("{\"kind\":\"wish\",\"seq\":1}"), "kind: \"wish\" is not known");
	expect_bad(TURN("{\"kind\":\"ids\",\"next\":65536}"), "next: not a number up to 65535");
	expect_bad(TURN("{\"kind\":\"ids\",\"next\":\"5\"}"), "next: not a number");
	expect_bad(TURN("{\"kind\":\"ids\",\"more\":5}"), "ids has 2 keys, 1 of them known");
	expect_bad(TURN("{\"kind\":\"end\",\"cause\":\"boredom\"}"), "cause: \"boredom\" is not known");
	expect_bad(TURN("{\"kind\":\"end\"}"), "cause: \"\" is not known");
	expect_bad(TURN("{\"kind\":\"vmm\",\"pid\":2147483648}"), "pid: not a process id");
	expect_bad(TURN("{\"kind\":\"vmm\",\"invocation\":\"123\"}"), "invocation: not a UUID");
	expect_bad(TURN("{\"kind\":\"open\",\"call\":\"none\",\"has-target\":1}"),
		"has-target: not true or false");
	expect_bad(TURN("{\"kind\":\"vm\",\"vm\":1}"), "definition: null is not an object");
	expect_bad(TURN("{\"kind\":\"vm\",\"vm\":1,\"definition\":{\"name\":\"a\",\"memory\":{\"size\":\"64M\"},\"kernel\":\"/k\"}}"),
		"\"uuid\" is missing"); /* the log says the one that was made for it */
	expect_bad(
		TURN("{\"kind\":\"vm\",\"vm\":1,\"definition\":{\"name\":\"a\"}}"), "\"memory\" is missing");
	expect_bad(TURN("{\"kind\":\"vm-gone\",\"vm\":1}") "x", "something follows");
}

#define LATER(change) "{\"v\":2,\"first\":1,\"last\":1,\"t\":1,\"more\":{},\"changes\":[" change "]}"

static struct turn_read later_one(const char *json)
{
	struct turn_read r;

	if (turn_read(json, strlen(json), &r) < 0)
		fail_msg("%s of %s", r.why, json);
	return r;
}

static void leaves_alone_what_a_later_version_adds(void **state)
{
	struct turn_read r = later_one(LATER("{\"kind\":\"ids\",\"next\":5,\"more\":5}"));

	assert_int_equal(r.turn.change[0].ids.next, 5);
	turn_read_free(&r);
	r = later_one(LATER("{\"kind\":\"end\",\"cause\":\"boredom\",\"text\":\"it yawned\"}"));
	assert_int_equal(r.turn.change[0].end.cause, CAUSE_VMM_EXIT);
	assert_string_equal(r.turn.change[0].end.text, "it yawned");
	turn_read_free(&r);
	r = later_one(LATER("{\"kind\":\"vm\",\"vm\":1,\"definition\":{\"name\":\"a\","
			    "\"uuid\":\"40ee25f0-a2bc-304c-8c4c-a173c57d8af4\",\"memory\":{\"size\":\"2M\",\"more\":1},"
			    "\"kernel\":\"/k\",\"devices\":[{\"type\":\"vfio-fake\",\"more\":1}],\"more\":[]}}"));
	assert_string_equal(r.turn.change[0].definition->name, "a");
	assert_int_equal(r.turn.change[0].definition->assigned_count, 1);
	turn_read_free(&r);
	expect_bad(LATER("{\"kind\":\"wish\",\"seq\":1}"), "kind: \"wish\" is not known");
	expect_bad(LATER("{\"kind\":\"debt\",\"state\":\"lost\"}"), "is not known");
	expect_bad(LATER("{\"kind\":\"end\"}"), "cause: \"\" is not known");
	expect_bad(LATER("{\"kind\":\"ids\",\"next\":65536}"), "next: not a number up to 65535");
}

static void refuses_a_text_that_is_too_long(void **state)
{
	char json[512], text[200];

	memset(text, 'x', sizeof(text));
	(void)snprintf(
		json, sizeof(json), TURN("{\"kind\":\"end\",\"cause\":\"oom\",\"text\":\"%.128s\"}"), text);
	expect_bad(json, "text: not a text of at most 127 bytes");
	expect_bad(TURN("{\"kind\":\"end\",\"cause\":\"oom\",\"text\":\"a\\u0000b\"}"), "text: not a text");
}

/* The CRC is not there to hide behind: without it, changed lines must still be read or refused. */
static void survives_any_flipped_byte(void **state)
{
	uint64_t seed = 0xF11B;

	for (unsigned round = 0; round < 4000; round++) {
		struct change change;
		struct turn turn = { .first_seq = 1, .last_seq = 1, .change = &change, .count = 1 };
		struct buffer b = { 0 };
		struct turn_read r;

		random_change(&seed, (uint8_t)(CHANGE_VM + random_next(&seed) % CHANGE_LEASE), &change);
		turn_print(&b, &turn, false, first_boot);
		for (unsigned flips = 1 + random_next(&seed) % 3; flips; flips--)
			b.data[random_next(&seed) % b.length] ^= (char)(1 << random_next(&seed) % 8);
		if (turn_read(b.data, b.length, &r) == 0)
			turn_read_free(&r);
		change_free(&change);
		buffer_free(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(brings_back_every_kind_of_change),
		cmocka_unit_test(has_a_form_for_every_kind),
		cmocka_unit_test(refuses_what_it_does_not_know),
		cmocka_unit_test(leaves_alone_what_a_later_version_adds),
		cmocka_unit_test(refuses_a_text_that_is_too_long),
		cmocka_unit_test(survives_any_flipped_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
