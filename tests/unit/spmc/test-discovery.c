/* SPDX-License-Identifier: Apache-2.0 */

/* The descriptors as bytes, and the two ways to get them. */

#include "fixture.h"

#define REGS 0xC400008B
#define INFO 0x84000068

static struct world *seven(void)
{
	return world_with("trusty:0x8001", "optee:0x8002", "strict:0x8003:subscribe=created", "optee:0x8004",
		"strict:0x8005:subscribe=none", "trusty:0x8006:subscribe=destroyed", "trusty:0x8007", NULL);
}

static void assert_page(uint64_t last, uint64_t current, uint16_t first_id)
{
	assert_int_equal(answer[0], 0xC4000061);
	assert_int_equal(answer[2] & 0xFFFF, last);
	assert_int_equal(answer[2] >> 16 & 0xFFFF, current);
	assert_int_equal(answer[2] >> 48, 24);
	assert_int_equal(answer[3] & 0xFFFF, first_id);
}

static uint64_t tag(void)
{
	return answer[2] >> 32 & 0xFFFF;
}

static void lists_five_in_a_call(void **unused)
{
	struct world *w = seven();
	uint64_t t;

	ask(w, REGS, 0, 0, 0, 0, 0);
	assert_page(6, 4, 0x8001);
	t = tag();
	assert_true(t != 0);
	assert_int_equal(answer[3 + 4 * 3] & 0xFFFF, 0x8005);
	ask(w, REGS, 0, 0, t << 16 | 5, 0, 0);
	assert_page(6, 6, 0x8006);
	assert_int_equal(tag(), t);
	assert_int_equal(answer[6] & 0xFFFF, 0x8007);
	assert_int_equal(answer[9], 0);
	ask(w, REGS, 0, 0, t << 16 | 7, 0, 0);
	assert_error(-2);
	world_end(w);
}

static void writes_a_descriptor_as_the_specification_has_it(void **unused)
{
	struct world *w = seven();

	/* id, one context, properties; then the UUID's bytes in RFC 4122 order, byte 0 in the low bits. */
	ask(w, REGS, 0, 0, 1, 0, 0);
	assert_int_equal(answer[3], 0x000001C300018002);
	assert_int_equal(answer[4], 0xe311f8e7e0786148);
	assert_int_equal(answer[5], 0x1bc5d5a502005ebc);
	assert_int_equal(answer[6] >> 32, 0x341); /* strict, created alone */
	assert_int_equal(answer[12] >> 32, 0x301);
	world_end(w);
}

static void finds_by_uuid_and_leaves_it_out(void **unused)
{
	struct world *w = seven();

	ask(w, REGS, 0xe311f8e7e0786148, 0x1bc5d5a502005ebc, 0, 0, 0);
	assert_page(1, 1, 0x8002);
	assert_int_equal(answer[4], 0);
	assert_int_equal(answer[6] & 0xFFFF, 0x8004);
	ask(w, REGS, 1, 2, 0, 0, 0);
	assert_error(-2);
	world_end(w);
}

static void a_restarted_sp_changes_the_tag(void **unused)
{
	struct world *w = seven();
	uint64_t t;

	ask(w, REGS, 0, 0, 0, 0, 0);
	t = tag();
	world_restart_sp(w, 3);
	ask(w, REGS, 0, 0, t << 16 | 5, 0, 0);
	assert_error(-7);
	ask(w, REGS, 0, 0, 0, 0, 0);
	assert_page(6, 4, 0x8001);
	assert_true(tag() != t);
	world_end(w);
}

static void the_tag_is_never_0(void **unused)
{
	struct world *w = world_with("optee:0x8001", NULL);

	for (int i = 0; i < 70000; i++) {
		world_restart_sp(w, 0);
		assert_true(w->book->tag != 0);
	}
	world_end(w);
}

static uint8_t buffer[4096];

static int put(void *context, const void *bytes, size_t count)
{
	memcpy(buffer, bytes, count);
	return 0;
}

static void gives_the_buffer_until_it_is_released(void **unused)
{
	struct world *w = seven();
	static const uint8_t second[24] = { 0x02, 0x80, 1, 0, 0xC3, 1, 0, 0, 0x48, 0x61, 0x78, 0xe0, 0xe7, 0xf8, 0x11,
		0xe3, 0xbc, 0x5e, 0x00, 0x02, 0xa5, 0xd5, 0xc5, 0x1b };

	ask(w, INFO, 0, 0, 0, 0, 0);
	assert_error(-3);
	w->rx.put = put;
	ask(w, 0x84000065, 0, 0, 0, 0, 0);
	assert_error(-6);
	ask(w, INFO, 0, 0, 0, 0, 0);
	assert_int_equal(answer[0], 0x84000061);
	assert_int_equal(answer[2], 7);
	assert_int_equal(answer[3], 24);
	assert_memory_equal(buffer + 24, second, 24);
	ask(w, INFO, 0, 0, 0, 0, 0);
	assert_error(-4);
	ask(w, INFO, 0, 0, 0, 0, 1);
	assert_int_equal(answer[2], 7);
	ask(w, 0x84000065, 0, 0, 0, 0, 0);
	assert_int_equal(answer[0], 0x84000061);
	ask(w, INFO, 0xe0786148, 0xe311f8e7, 0x02005ebc, 0x1bc5d5a5, 0);
	assert_int_equal(answer[2], 2);
	assert_int_equal(buffer[24], 4);
	assert_int_equal(buffer[24 + 8], 0);
	world_end(w);
}

static void can_be_poorer(void **unused)
{
	struct world *w = seven();

	w->config.discovery = WORLD_DISCOVERY_RX;
	ask(w, REGS, 0, 0, 0, 0, 0);
	assert_error(-1);
	ask(w, 0x84000064, REGS, 0, 0, 0, 0);
	assert_error(-1);
	ask(w, INFO, 0, 0, 0, 0, 1);
	assert_int_equal(answer[2], 7);
	w->config.discovery = WORLD_DISCOVERY_NONE;
	ask(w, INFO, 0, 0, 0, 0, 1);
	assert_error(-1);
	assert_int_equal(created(w, 0x8002, 5), 0);
	world_end(w);
}

/* v1.0 knows no UUID in a descriptor, no subscription, and no call that came later. */
static void version_1_0_has_8_bytes(void **unused)
{
	struct world *w = seven();
	static const uint8_t second[8] = { 0x02, 0x80, 1, 0, 0x03, 1, 0, 0 };

	w->config.version = 0x10000;
	w->rx.put = put;
	ask(w, 0x84000063, 0x10000, 0, 0, 0, 0);
	assert_int_equal(answer[0], 0x10000);
	ask(w, REGS, 0, 0, 0, 0, 0);
	assert_error(-1);
	ask(w, 0x84000085, 0, 0, 0, 0, 0);
	assert_error(-1);
	ask(w, INFO, 0, 0, 0, 0, 0);
	assert_int_equal(answer[2], 7);
	assert_int_equal(answer[3], 8);
	assert_memory_equal(buffer + 8, second, 8);
	send_message(w, 0x8001, 4, 5);
	assert_error(-2);
	world_end(w);
}

static void version_1_1_has_24_bytes_and_no_registers(void **unused)
{
	struct world *w = seven();

	w->config.version = 0x10001;
	ask(w, 0x84000064, REGS, 0, 0, 0, 0);
	assert_error(-1);
	ask(w, INFO, 0, 0, 0, 0, 1);
	assert_int_equal(answer[3], 24);
	assert_int_equal(created(w, 0x8002, 5), 0);
	world_end(w);
}

/* 48 bytes: two in a call. The image UUID, then the SP's own version, follow what v1.1 had. */
static void version_1_3_has_48_bytes(void **unused)
{
	struct world *w = seven();

	w->config.version = 0x10003;
	ask(w, REGS, 0, 0, 1, 0, 0);
	assert_int_equal(answer[0], 0xC4000061);
	assert_int_equal(answer[2] & 0xFFFF, 6);
	assert_int_equal(answer[2] >> 16 & 0xFFFF, 2);
	assert_int_equal(answer[2] >> 48, 48);
	assert_int_equal(answer[3], 0x000001C300018002);
	assert_int_equal(answer[4], 0xe311f8e7e0786148);
	assert_int_equal(answer[5], 0x1bc5d5a502005ebc);
	assert_int_equal(answer[6], 0xe311f8e7e07861b7);
	assert_int_equal(answer[7], 0x1bc5d5a502005ebc);
	assert_int_equal(answer[8], 0x10002);
	assert_int_equal(answer[9] & 0xFFFF, 0x8003);
	assert_int_equal(answer[15], 0);
	world_end(w);
}

static void says_so_when_there_is_none(void **unused)
{
	struct world *w = world_with(NULL, NULL);

	ask(w, REGS, 0, 0, 0, 0, 0);
	assert_error(-2);
	ask(w, INFO, 0, 0, 0, 0, 1);
	assert_int_equal(answer[0], 0x84000061);
	assert_int_equal(answer[2], 0);
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_five_in_a_call),
		cmocka_unit_test(writes_a_descriptor_as_the_specification_has_it),
		cmocka_unit_test(finds_by_uuid_and_leaves_it_out),
		cmocka_unit_test(a_restarted_sp_changes_the_tag),
		cmocka_unit_test(the_tag_is_never_0),
		cmocka_unit_test(gives_the_buffer_until_it_is_released),
		cmocka_unit_test(can_be_poorer),
		cmocka_unit_test(version_1_0_has_8_bytes),
		cmocka_unit_test(version_1_1_has_24_bytes_and_no_registers),
		cmocka_unit_test(version_1_3_has_48_bytes),
		cmocka_unit_test(says_so_when_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
