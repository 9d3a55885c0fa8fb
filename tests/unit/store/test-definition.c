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

#include "base/cleanup.h"
#include "changes.h"
#include "store/definition.h"
#include "store/uuid.h"

static const uint8_t machine[16] = { 0xAB, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

#define SMALLEST "{\"name\": \"web\", \"memory\": {\"size\": \"64M\"}, \"kernel\": \"/k\"}"

static struct vm_definition *parse(const char *text)
{
	struct vm_definition *d = NULL;
	struct definition_error err;

	if (definition_parse(text, strlen(text), "web.json", machine, &d, &err) < 0)
		fail_msg("%s", err.text);
	return d;
}

static void fills_in_what_is_left_out(void **state)
{
	_cleanup_(freep) struct vm_definition *d = parse(SMALLEST);

	assert_string_equal(d->name, "web");
	assert_int_equal(d->memory_bytes, 64 << 20);
	assert_string_equal(d->kernel, "/k");
	assert_int_equal(d->vcpu_count, 1);
	assert_int_equal(d->ffa_id, 0);
	assert_int_equal(d->console, CONSOLE_SERIAL);
	assert_int_equal(d->limits.console_bytes, 65536);
	assert_int_equal(d->policies.on_poweroff, ON_END_STOP);
	assert_int_equal(d->policies.on_reboot, ON_END_RESTART);
	assert_int_equal(d->policies.on_crash, ON_END_STOP);
	assert_int_equal(d->policies.on_stuck, ON_STUCK_WAIT);
	assert_int_equal(d->policies.restart_delay_ms, 100);
	assert_int_equal(d->policies.restart_factor, 2);
	assert_int_equal(d->policies.restart_delay_max_ms, 30000);
	assert_int_equal(d->policies.restart_jitter, 20);
	assert_int_equal(d->policies.restart_healthy_ms, 60000);
	assert_int_equal(d->policies.restart_limit, 5);
	assert_int_equal(d->policies.restart_window_ms, 60000);
	assert_int_equal(d->limits.build_timeout_ms, 10000);
	assert_int_equal(d->limits.announce_timeout_ms, 5000);
	assert_int_equal(d->limits.stop_timeout_ms, 60000);
	assert_true(definition_is_sane(d));
}

static void a_crash_with_no_key_of_its_own_is_like_every_other(void **state)
{
	_cleanup_(freep) struct vm_definition *crash = parse(
		"{\"name\": \"web\", \"memory\": {\"size\": \"64M\"}, \"kernel\": \"/k\","
		" \"policies\": {\"on-crash\": \"restart\"}}");
	_cleanup_(freep) struct vm_definition *panic = parse(
		"{\"name\": \"web\", \"memory\": {\"size\": \"64M\"}, \"kernel\": \"/k\","
		" \"policies\": {\"on-panic\": \"stop\", \"on-crash\": \"restart\"}}");

	assert_int_equal(crash->policies.on_panic, ON_END_RESTART);
	assert_int_equal(crash->policies.on_watchdog, ON_END_RESTART);
	assert_int_equal(crash->policies.on_start_failure, ON_END_STOP);
	assert_int_equal(panic->policies.on_panic, ON_END_STOP);
	assert_int_equal(panic->policies.on_watchdog, ON_END_RESTART);
}

static void derives_the_same_uuid_for_ever(void **state)
{
	_cleanup_(freep) struct vm_definition *d = parse(SMALLEST);
	uint8_t other[16], far_machine[16] = { 0 };
	char text[UUID_TEXT_SIZE];

	uuid_print(d->uuid, text);
	assert_string_equal(text, "80f824dd-9d7a-86f5-8dff-49ca0dd2d402");
	uuid_of_name(machine, "web2", other);
	assert_memory_not_equal(d->uuid, other, 16);
	uuid_of_name(far_machine, "web", other);
	assert_memory_not_equal(d->uuid, other, 16);
}

static void reads_its_own_annotated_example(void **state)
{
	_cleanup_(freep) struct vm_definition *d = NULL;
	static char text[DEFINITION_TEXT_MAX];
	FILE *f = fopen(EXAMPLE, "re");

	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	d = parse(text);
	assert_string_equal(d->name, "example");
	assert_int_equal(d->uuid[0], 0x6b);
	assert_int_equal(d->ffa_id, 5);
	assert_int_equal(d->vcpu_count, 2);
	assert_int_equal(d->placement[0].word[0], 3);
	assert_int_equal(d->placement[1].word[0], 0);
	assert_int_equal(d->after_count, 1);
	assert_string_equal(d->after[0], "database");
	assert_int_equal(d->requires_count, 1);
	assert_string_equal(d->requires[0], "network");
	assert_int_equal(d->partition_count, 1);
	assert_int_equal(d->partition[0].id, 0x8001);
	assert_int_equal(d->limits.partition_timeout_ms, 30000);
	assert_string_equal(d->cmdline, "console=ttyS0 quiet");
	assert_int_equal(d->resources.memory_max, 96 << 20);
	assert_int_equal(d->resources.cpu_quota, 150);
	assert_int_equal(d->resources.device_count, 1);
	assert_string_equal(d->resources.device[0], "/dev/vfio/vfio");
	assert_int_equal(d->assigned_count, 1);
	assert_int_equal(d->assigned[0].type, ASSIGNED_VFIO_FAKE);
	assert_string_equal(d->assigned[0].script, "flags 7; set stop delay 20ms");
}

static void prints_what_it_reads(void **state)
{
	uint64_t seed = 0xDEF;

	for (unsigned round = 0; round < 500; round++) {
		_cleanup_(freep) struct vm_definition *back = NULL;
		struct vm_definition d;
		struct buffer b = { 0 };

		random_definition(&seed, &d);
		d.from_file = false; /* not the definition's own */
		definition_print(&d, &b);
		buffer_char(&b, '\0');
		back = parse(b.data);
		assert_memory_equal(&d, back, sizeof(d));
		buffer_free(&b);
	}
}

static void expect_error_of(const char *text, size_t length, const char *error)
{
	struct vm_definition *d = NULL;
	struct definition_error err;

	assert_int_equal(definition_parse(text, length, "web.json", machine, &d, &err), -EBADMSG);
	assert_null(d);
	assert_string_equal(err.text, error);
}

static void expect_error(const char *text, const char *error)
{
	expect_error_of(text, strlen(text), error);
}

#define WITH(more) "{\"name\": \"web\", \"memory\": {\"size\": \"64M\"},\n\"kernel\": \"/k\",\n" more "}"

static void says_which_key_and_what_to_write(void **state)
{
	expect_error("{\"name\": \"web\", \"kernel\": \"/k\",\n\n  \"memory\": {\"size\": \"12Q\"}}",
		"web.json:3:22: memory.size: \"12Q\" is not a size; write bytes or a number with K, M, G");
	expect_error("{\"name\": \"web\", \"kernel\": \"/k\", \"memory\": {\"size\": 4096}}",
		"web.json:1:52: memory.size: 4096 is out of range; write 2M to 1024G");
	expect_error("{\"name\": \"web\", \"kernel\": \"/k\", \"memory\": {\"size\": 2097153}}",
		"web.json:1:52: memory.size: 2097153 bytes is no multiple of 4K; round it");
	expect_error("{\"name\": \"web\", \"kernel\": \"/k\", \"memory\": {\"size\": \"3M\", \"huge-pages\": "
		     "\"reserved\"}}",
		"web.json:1:52: memory.size: 3145728 bytes is no multiple of 2048K, the reserved huge page; "
		"round it");
	expect_error(
		"{\"name\": \"web\", \"kernel\": \"/k\"}", "web.json:1:1: \"memory\" is missing; add it");
	expect_error("{\"name\": \"web\", \"kernel\": \"/k\", \"memory\": {}}",
		"web.json:1:43: memory: \"size\" is missing; add it");
	expect_error(
		WITH("\"vcpus\": 2"), "web.json:3:10: vcpus: 2 is not an object; write {\"count\": ...}");
	expect_error(WITH("\"vcpus\": {\"count\": \"2\"}"),
		"web.json:3:20: vcpus.count: \"2\" is not a whole number; write 1 to 64, without quotes");
	expect_error(WITH("\"vcpus\": {\"count\": 65}"),
		"web.json:3:20: vcpus.count: 65 is out of range; write 1 to 64");
	expect_error(WITH("\"vcpus\": {\"count\": 1.5}"),
		"web.json:3:20: vcpus.count: 1.5 is not a whole number; write 1 to 64, without quotes");
	expect_error(WITH("\"vcpus\": {\"placement\": [\"0\",\"1\"]}"),
		"web.json:3:24: vcpus.placement: has 2 entries for 1 vCPUs; write at most one for each");
	expect_error(WITH("\"vcpus\": {\"placement\": [\"3-1\"]}"),
		"web.json:3:25: vcpus.placement[0]: \"3-1\" is not a CPU list; write \"0-1,4\" of CPUs 0 to "
		"255, or "
		"\"any\"");
	expect_error(
		WITH("\"ffa-id\": 32767"), "web.json:3:11: ffa-id: 32767 is out of range; write 1 to 32766");
	expect_error(WITH("\"ffa-id\": -1"),
		"web.json:3:11: ffa-id: -1 is not a whole number; write 1 to 32766, without quotes");
	expect_error(WITH("\"initrd\": \"relative\""),
		"web.json:3:11: initrd: \"relative\" is not an absolute path; write one that begins with /");
	expect_error(WITH("\"policies\": {\"on-crash\": \"cry\"}"),
		"web.json:3:26: policies.on-crash: \"cry\" is not known; write one of \"stop\", \"restart\", \"preserve\"");
	expect_error(WITH("\"policies\": {\"restart-delay\": \"2s\", \"restart-delay-max\": \"1s\"}"),
		"web.json:3:58: policies.restart-delay-max: 1000ms is less than restart-delay, 2000ms; write no less");
	expect_error(WITH("\"policies\": {\"restart-delay\": 100}"),
		"web.json:3:31: policies.restart-delay: 100 is not a duration; write a number with ms, s, "
		"min or h in "
		"quotes");
	expect_error(WITH("\"limits\": {\"build-timeout\": \"2h\"}"),
		"web.json:3:29: limits.build-timeout: \"2h\" is out of range; write 100ms to 1h");
	expect_error(WITH("\"limits\": {\"stop-timeout\": \"500ms\"}"),
		"web.json:3:28: limits.stop-timeout: \"500ms\" is out of range; write 1s to 24h");
	expect_error(WITH("\"console\": {\"ring\": \"5K\"}"),
		"web.json:3:21: console.ring: 5120 bytes is no power of two; write one from 4K to 1M");
	expect_error(WITH("\"order\": {\"after\": [\"db\", \"web\"]}"),
		"web.json:3:20: order.after: \"web\" cannot wait for itself; leave it out");
	expect_error(WITH("\"order\": {\"after\": [\"db\", \"db\"]}"),
		"web.json:3:27: order.after[1]: \"db\" is named twice; leave one out");
	expect_error(WITH("\"resources\": {\"devices\": [\"/etc/passwd\"]}"),
		"web.json:3:27: resources.devices[0]: \"/etc/passwd\" is not a device node; write a path below /dev/, at most "
		"63 bytes long");
	expect_error(WITH("\"devices\": {}"), "web.json:3:12: devices: {} is not a list; write [{\"type\": ...}]");
	expect_error(WITH("\"devices\": [{}, 1]"), "web.json:3:13: devices[0]: \"type\" is missing; add it");
	expect_error(WITH("\"devices\": [1]"), "web.json:3:13: devices[0]: 1 is not an object; write {\"type\": ...}");
	expect_error(WITH("\"devices\": [{\"type\": \"gpu\"}]"),
		"web.json:3:22: devices[0].type: \"gpu\" is no type of device; write \"vfio-fake\" or \"ccw-fake\"");
	expect_error(WITH("\"devices\": [{\"kind\": 1}]"),
		"web.json:3:14: devices[0].kind: there is no such key; known here: type, script");
	expect_error(WITH("\"devices\": [{\"script\": \"set stop never\", \"type\": \"ccw-fake\"}]"),
		"web.json:3:24: devices[0].script: after 0 letters of the script: there is no such statement; known: program, set-up, "
		"enable, disable, start, cancel, halt, clear, store-schib, itself");
	expect_error(WITH("\"devices\": [{\"type\": \"vfio-fake\", \"script\": \"set halt fail 5\"}]"),
		"web.json:3:45: devices[0].script: after 4 letters of the script: there is no such effect; known: fail, "
		"then, says, delay, never, fd, skip, times");
	expect_error(WITH("\"devices\": [1,2,3,4,5]"), "web.json:3:12: devices: has 5 entries; write at most 4");
	expect_error(WITH("\"order\": {\"after\": [1,2,3,4,5,6,7,8,9]}"),
		"web.json:3:20: order.after: has 9 entries; write at most 8");
	expect_error(WITH("\"order\": {\"requires\": [\"web\"]}"),
		"web.json:3:23: order.requires: \"web\" cannot require itself; leave it out");
	expect_error(WITH("\"order\": {\"wants-partition\": [\"0x7001\"]}"),
		"web.json:3:31: order.wants-partition[0]: \"0x7001\" is no secure partition; write its id, \"0x8000\" to "
		"\"0xffff\", or its UUID");
	expect_error(WITH("\"memory\": {\"size\": \"1M\"}"),
		"web.json:3:1: memory: the key stands here a second time; leave one out");
	expect_error(WITH("\"uuid\": \"00000000-0000-0000-0000-000000000000\""),
		"web.json:3:9: uuid: \"00000000-0000-0000-0000-000000000000\" is not a UUID; write "
		"8-4-4-4-12 "
		"hexadecimal digits, or leave the key out");
	expect_error("{\"name\": \"-web\", \"memory\": {\"size\": \"64M\"}, \"kernel\": \"/k\"}",
		"web.json:1:10: name: \"-web\" is not a name; write 1 to 63 of A-Z a-z 0-9 _ . -, beginning "
		"with a "
		"letter or digit");
}

static void suggests_the_key_that_was_meant(void **state)
{
	expect_error(
		WITH("\"vcpu\": {}"), "web.json:3:1: vcpu: there is no such key; did you mean \"vcpus\"?");
	expect_error(WITH("\"policies\": {\"on_crash\": \"stop\"}"),
		"web.json:3:14: policies.on_crash: there is no such key; did you mean \"on-crash\"?");
	expect_error(WITH("\"order\": {\"wants\": []}"),
		"web.json:3:11: order.wants: there is no such key; known here: after, "
		"requires, wants-partition, autostart");
}

static void says_where_it_is_no_json(void **state)
{
	expect_error("", "web.json:1:1: the text ends too early; close what is open: } ] \" or a value");
	expect_error("null", "web.json:1:1: null is not an object; write {\"name\": ...}");
	expect_error("5", "web.json:1:1: 5 is not an object; write {\"name\": ...}");
	expect_error(SMALLEST "x", "web.json:1:59: something follows the definition; remove it");
	expect_error("null x", "web.json:1:6: something follows the definition; remove it");
	expect_error("{\"name\": \"web\"\n",
		"web.json:2:1: the text ends too early; close what is open: } ] \" or a value");
	expect_error("{\n  \"name\": 'web'}", "web.json:2:11: not JSON: unexpected character");
	expect_error("{} /* x", "web.json:1:4: the comment does not end; close it with */");
	expect_error_of("{\"a\0b\":1}", 9, "web.json:1:4: a NUL byte; a definition is text");
	expect_error("{\"n\\u0061me\": \"web\"}",
		"web.json:1:2: a key with a backslash; write it in plain letters");
	expect_error("{\"a\":[[[[[[[[[[1]]]]]]]]]]}",
		"web.json:1:13: nested deeper than 8; nothing here needs that");
}

static void refuses_a_text_that_is_too_long(void **state)
{
	char *text = malloc(DEFINITION_TEXT_MAX + 1);

	memset(text, ' ', DEFINITION_TEXT_MAX + 1);
	expect_error_of(text, DEFINITION_TEXT_MAX + 1, "web.json: has 65537 bytes; write at most 65536");
	free(text);
}

static void survives_any_changed_byte(void **state)
{
	static const char alphabet[] = "{}[]\",:\\/*\n a1-.";
	uint64_t seed = 0xBAD;
	unsigned read = 0;

	for (unsigned round = 0; round < 5000; round++) {
		struct vm_definition d, *back = NULL;
		struct definition_error err;
		struct buffer b = { 0 };

		random_definition(&seed, &d);
		definition_print(&d, &b);
		for (unsigned n = random_next(&seed) % 3; n; n--)
			b.data[random_next(&seed) % b.length] =
				random_next(&seed) % 2
					? (char)random_next(&seed)
					: alphabet[random_next(&seed) % (sizeof(alphabet) - 1)];
		if (definition_parse(b.data, b.length, "x", machine, &back, &err) == 0) {
			assert_true(definition_is_sane(back));
			read++;
		} else {
			assert_true(err.line > 0);
		}
		free(back);
		buffer_free(&b);
	}
	assert_in_range(read, 1000, 4999);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_in_what_is_left_out),
		cmocka_unit_test(a_crash_with_no_key_of_its_own_is_like_every_other),
		cmocka_unit_test(derives_the_same_uuid_for_ever),
		cmocka_unit_test(reads_its_own_annotated_example),
		cmocka_unit_test(prints_what_it_reads),
		cmocka_unit_test(says_which_key_and_what_to_write),
		cmocka_unit_test(suggests_the_key_that_was_meant),
		cmocka_unit_test(says_where_it_is_no_json),
		cmocka_unit_test(refuses_a_text_that_is_too_long),
		cmocka_unit_test(survives_any_changed_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
