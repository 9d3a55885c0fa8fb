/* SPDX-License-Identifier: Apache-2.0 */

/* Registers by the numbers of the specification, written out; no names from proto/ where bytes are compared. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "secure/internal.h"

int engine_post(struct engine *e, const struct input *in)
{
	return 0;
}

static const struct secure_call created = { .sp = 0x8001, .kind = CALL_CREATED, .endpoint = 5, .life = 9 };
static const struct secure_call destroyed = { .sp = 0x8001, .kind = CALL_DESTROYED, .endpoint = 5, .life = 9 };
static const struct secure_call run_created = { .sp = 0x8001, .kind = CALL_CREATED, .run = true, .target = 0x80010002 };
static const struct secure_call run_destroyed = { .sp = 0x8001, .kind = CALL_DESTROYED, .run = true, .target = 0x80010002 };

static void check_vector(const struct secure_call *call, const uint64_t golden[FFA_REGISTERS])
{
	uint64_t x[FFA_REGISTERS];

	memset(x, 0xA5, sizeof(x));
	encode_call(call, x);
	assert_memory_equal(x, golden, sizeof(x));
}

static void encodes_the_golden_vectors(void **state)
{
	static const uint64_t vectors[][FFA_REGISTERS] = {
		{ 0x8400006F, 0x00008001, 0x80000004, 0xFFFFFFFF, 0xFFFFFFFF, 0x00000005 },
		{ 0x8400006F, 0x00008001, 0x80000006, 0xFFFFFFFF, 0xFFFFFFFF, 0x00000005 },
		{ 0x8400006D, 0x80010002 },
	};

	check_vector(&created, vectors[0]);
	check_vector(&destroyed, vectors[1]);
	check_vector(&run_created, vectors[2]);
	check_vector(&run_destroyed, vectors[2]);
}

struct answer_row {
	const struct secure_call *call;
	uint64_t x[8];
	enum verdict verdict;
	enum call_kind kind;
	uint32_t target;
	uint64_t wait;
};

#define ACK 0x84000070, 0x80010000
static const struct answer_row answers[] = {
	/* the vectors of the specification */
	{ &created, { ACK, 0x80000005, 0 }, VERDICT_ACK, CALL_CREATED },
	{ &created, { ACK, 0x80000005, 0xFFFFFFF9 }, VERDICT_RETRY, CALL_CREATED },
	{ &destroyed, { ACK, 0x80000007, 0 }, VERDICT_ACK, CALL_DESTROYED },
	{ &created, { 0x84000060, 0, 0xFFFFFFFC }, VERDICT_BUSY },
	{ &created, { 0x84000062, 0x80010002 }, VERDICT_PREEMPTED, CALL_NONE, 0x80010002 },
	/* each status of a response, zero- and sign-extended */
	{ &destroyed, { ACK, 0x80000007, 0xFFFFFFF9 }, VERDICT_RETRY, CALL_DESTROYED },
	{ &destroyed, { ACK, 0x80000007, 0xFFFFFFFFFFFFFFF9 }, VERDICT_RETRY, CALL_DESTROYED },
	{ &created, { ACK, 0x80000005, 0xFFFFFFFB }, VERDICT_INTERRUPTED, CALL_CREATED },
	{ &created, { ACK, 0x80000005, 0xFFFFFFFFFFFFFFFB }, VERDICT_INTERRUPTED, CALL_CREATED },
	{ &created, { ACK, 0x80000005, 0xFFFFFFFA }, VERDICT_DENIED, CALL_CREATED },
	{ &created, { ACK, 0x80000005, 0xFFFFFFFE }, VERDICT_INVALID, CALL_CREATED },
	{ &destroyed, { ACK, 0x80000007, 0xFFFFFFFE }, VERDICT_INVALID, CALL_DESTROYED },
	/* NOT_SUPPORTED, in both forms */
	{ &created, { ACK, 0x80000004, 0xFFFFFFFF }, VERDICT_UNSUPPORTED, CALL_CREATED },
	{ &destroyed, { ACK, 0x80000006, 0xFFFFFFFF }, VERDICT_UNSUPPORTED, CALL_DESTROYED },
	{ &created, { 0x84000060, 0, 0xFFFFFFFF }, VERDICT_UNSUPPORTED },
	/* each error */
	{ &created, { 0x84000060, 0x1234, 0xFFFFFFFFFFFFFFFC }, VERDICT_BUSY },
	{ &created, { 0x84000060, 0, 0xFFFFFFFB }, VERDICT_INTERRUPTED },
	{ &created, { 0x84000060, 0, 0xFFFFFFF9 }, VERDICT_INTERRUPTED },
	{ &created, { 0x84000060, 0, 0xFFFFFFF8 }, VERDICT_ABORTED },
	{ &created, { 0x84000060, 0, 0xFFFFFFFE }, VERDICT_UNKNOWN_SP },
	{ &created, { 0x84000060, 0, 0xFFFFFFFFFFFFFFFE }, VERDICT_UNKNOWN_SP },
	{ &created, { 0x84000060, 0, 0xFFFFFFFA }, VERDICT_REFUSED },
	{ &created, { 0x84000060, 0, 0xFFFFFFFD }, VERDICT_BROKEN }, /* NO_MEMORY is not for this call */
	{ &created, { 0x84000060, 0, 0xFFFFFFF7 }, VERDICT_BROKEN },
	{ &created, { 0x84000060, 0, 0xFFFFFFF6 }, VERDICT_BROKEN },
	{ &created, { 0x84000060, 0, 0 }, VERDICT_BROKEN },
	{ &created, { 0x84000060, 0, 1 }, VERDICT_BROKEN },
	/* open calls; another SP of the chain may be the target */
	{ &run_created, { 0x84000062, 0x80020000 }, VERDICT_PREEMPTED, CALL_NONE, 0x80020000 },
	{ &created, { 0x8400006C, 0x80010001, 0x10, 0x2 }, VERDICT_YIELDED, CALL_NONE, 0x80010001, 0x200000010 },
	{ &created, { 0x8400006C, 0x80010001 }, VERDICT_YIELDED, CALL_NONE, 0x80010001, 0 },
	{ &created, { 0x84000062, 0x00050000 }, VERDICT_BROKEN }, /* a VM */
	{ &created, { 0x84000062, 0 }, VERDICT_BROKEN },
	{ &run_created, { ACK, 0x80000005, 0 }, VERDICT_ACK, CALL_CREATED },
	{ &run_destroyed, { ACK, 0x80000007, 0 }, VERDICT_ACK, CALL_DESTROYED },
	{ &run_created, { ACK, 0x80000007, 0 }, VERDICT_BROKEN },
	{ &run_destroyed, { ACK, 0x80000005, 0 }, VERDICT_BROKEN },
	{ &run_created, { 0x8400006B }, VERDICT_IDLE },
	{ &created, { 0x8400006B }, VERDICT_BROKEN },
	/* what does not mirror what was sent */
	{ &created, { 0x84000070, 0x80020000, 0x80000005, 0 }, VERDICT_BROKEN },
	{ &created, { 0x84000070, 0x00008001, 0x80000005, 0 }, VERDICT_BROKEN },
	{ &created, { 0x84000070, 0x80010005, 0x80000005, 0 }, VERDICT_BROKEN },
	{ &created, { ACK, 0x80000007, 0 }, VERDICT_BROKEN },
	{ &created, { ACK, 0x00000005, 0 }, VERDICT_BROKEN }, /* no framework message */
	{ &created, { ACK, 0x80000105, 0 }, VERDICT_BROKEN }, /* a bit that must be zero */
	{ &created, { ACK, 0x80000004, 0 }, VERDICT_BROKEN }, /* unchanged, but says it is done */
	{ &created, { ACK, 0x80000005, 0xFFFFFFFF }, VERDICT_BROKEN },
	{ &created, { ACK, 0x80000005, 0xFFFFFFFC }, VERDICT_BROKEN },
	{ &created, { ACK, 0x80000005, 1 }, VERDICT_BROKEN },
	/* other functions */
	{ &created, { 0x84000061 }, VERDICT_BROKEN },
	{ &created, { 0xC4000061 }, VERDICT_BROKEN },
	{ &created, { 0xC4000070, 0x80010000, 0x80000005, 0 }, VERDICT_BROKEN },
	{ &created, { 0x8400006F, 0x00008001, 0x80000004 }, VERDICT_BROKEN },
	{ &created, { 0xFFFFFFFF }, VERDICT_BROKEN },
	{ &created, { 0 }, VERDICT_BROKEN },
};

static void classifies_every_answer(void **state)
{
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		const struct answer_row *a = &answers[i];
		uint64_t x[FFA_REGISTERS];
		struct secure_reply r;

		memset(x, 0xA5, sizeof(x)); /* leftovers in what nobody reads */
		memcpy(x, a->x, sizeof(a->x));
		classify(a->call, x, &r);
		if (r.verdict != a->verdict || r.kind != a->kind || r.target != a->target || r.wait_ns != a->wait)
			fail_msg("answer %zu: verdict %d kind %d target %x wait %llx", i, r.verdict, r.kind, r.target,
				(unsigned long long)r.wait_ns);
		assert_int_equal(r.sp, 0x8001);
	}
}

/* An answer counts as paid in exactly one case, whatever single bit of it is wrong. */
static void one_wrong_bit_is_never_an_ack(void **state)
{
	for (unsigned bit = 0; bit < 4 * 32; bit++) {
		uint64_t x[FFA_REGISTERS] = { ACK, 0x80000007, 0 };
		struct secure_reply r;

		x[bit / 32] ^= 1ull << bit % 32;
		classify(&destroyed, x, &r);
		assert_int_not_equal(r.verdict, VERDICT_ACK);
	}
}

static void reads_descriptors_of_every_size(void **state)
{
	static const uint8_t bytes[48] = { 0x01, 0x80, 0x04, 0x00, 0xC9, 0x01, 0x00, 0x00, 0x48, 0x61, 0x78, 0xe0, 0xe7,
		0xf8, 0x11, 0xe3, 0xbc, 0x5e, 0x00, 0x02, 0xa5, 0xd5, 0xc5, 0x1b, 0xEE, [40] = 0x03, 0x00, 0x01, 0x00 };
	static const uint8_t nothing[16];
	struct ffa_partition_info_v13 info;

	assert_int_equal(decode_partition(bytes, 48, &info), 0);
	assert_int_equal(info.v11.id, 0x8001);
	assert_int_equal(info.v11.execution_contexts, 4);
	assert_int_equal(info.v11.properties, 0x1C9);
	assert_memory_equal(info.v11.uuid, bytes + 8, 16);
	assert_int_equal(info.version, 0x10003);
	assert_int_equal(decode_partition(bytes, 24, &info), 0);
	assert_int_equal(info.version, 0);
	assert_memory_equal(info.v11.uuid, bytes + 8, 16);
	assert_int_equal(decode_partition(bytes, 8, &info), 0);
	assert_int_equal(info.v11.properties, 0x1C9);
	assert_memory_equal(info.v11.uuid, nothing, 16);
	for (size_t size = 0; size < 24; size++)
		if (size != 8)
			assert_int_equal(decode_partition(bytes, size, &info), -EBADMSG);
	assert_int_equal(decode_partition(bytes, 25, &info), -EBADMSG);
}

static void unpacks_a_page_of_registers(void **state)
{
	const uint64_t x[FFA_REGISTERS] = { 0xC4000061, 0, 0x0018000700040009, 0x000001C900048001 };
	struct info_page page;

	decode_info_page(x, &page);
	assert_int_equal(page.last, 9);
	assert_int_equal(page.current, 4);
	assert_int_equal(page.tag, 7);
	assert_int_equal(page.size, 24);
	assert_int_equal(page.bytes[0], 0x01);
	assert_int_equal(page.bytes[1], 0x80);
	assert_int_equal(page.bytes[4], 0xC9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encodes_the_golden_vectors),
		cmocka_unit_test(classifies_every_answer),
		cmocka_unit_test(one_wrong_bit_is_never_an_ack),
		cmocka_unit_test(reads_descriptors_of_every_size),
		cmocka_unit_test(unpacks_a_page_of_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
