/* SPDX-License-Identifier: Apache-2.0 */

/* The calls of a VM's notification bitmap, by the register, and what the SPMC's answers mean (s.16.4, 16.7). */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "secure/internal.h"

int engine_post(struct engine *e, const struct input *in)
{
	return 0;
}

static struct secure_call call(enum call_kind kind, uint16_t vcpu)
{
	return (struct secure_call){ .sp = 0x8000, .kind = (uint8_t)kind, .spmc = true, .vcpu = vcpu, .endpoint = 5, .life = 9 };
}

static void is_encoded_by_the_register(void **state)
{
	static const struct {
		enum call_kind kind;
		uint16_t vcpu;
		uint64_t x[4];
	} rows[] = {
		{ CALL_CREATED, 2, { 0x8400007D, 5, 2, 0 } },
		{ CALL_DESTROYED, 2, { 0x8400007E, 5, 0, 0 } },
		{ CALL_DRAINED, 0, { 0x84000082, 5, 5, 0 } },
		{ CALL_DRAINED, 63, { 0x84000082, 0x3F0005, 5, 0 } },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct secure_call c = call(rows[i].kind, rows[i].vcpu);
		uint64_t x[FFA_REGISTERS];

		memset(x, 0xA5, sizeof(x));
		encode_call(&c, x);
		assert_memory_equal(x, rows[i].x, sizeof(rows[i].x));
		for (int k = 4; k < FFA_REGISTERS; k++)
			assert_int_equal(x[k], 0);
	}
}

/* The second statement of the table: verdicts of CREATED, DESTROYED and DRAINED; `done`: the call is over. */
static void each_answer_means_one_thing(void **state)
{
	static const struct {
		uint32_t function;
		int32_t status;
		enum verdict created, destroyed, drained;
		bool done;
	} rows[] = {
		{ 0x84000061, 0, VERDICT_ACK, VERDICT_ACK, VERDICT_ACK, true },
		{ 0xC4000061, 0, VERDICT_ACK, VERDICT_ACK, VERDICT_ACK, true },
		{ 0x84000060, -1, VERDICT_UNSUPPORTED, VERDICT_UNSUPPORTED, VERDICT_UNSUPPORTED, true },
		{ 0x84000060, -2, VERDICT_DENIED, VERDICT_INVALID, VERDICT_INVALID, true },
		{ 0x84000060, -4, VERDICT_BUSY, VERDICT_BUSY, VERDICT_BUSY, false },
		{ 0x84000060, -5, VERDICT_BUSY, VERDICT_BUSY, VERDICT_BUSY, false },
		{ 0x84000060, -6, VERDICT_INVALID, VERDICT_DENIED, VERDICT_INVALID, true },
		{ 0x84000060, -7, VERDICT_BUSY, VERDICT_BUSY, VERDICT_BUSY, false },
		{ 0x84000060, -8, VERDICT_BROKEN, VERDICT_BROKEN, VERDICT_BROKEN, false },
		{ 0x84000060, -11, VERDICT_BROKEN, VERDICT_BROKEN, VERDICT_BROKEN, false },
		{ 0x84000062, 0, VERDICT_BROKEN, VERDICT_BROKEN, VERDICT_BROKEN, false },
		{ 0x84000070, 0, VERDICT_BROKEN, VERDICT_BROKEN, VERDICT_BROKEN, false },
		{ 0, 0, VERDICT_BROKEN, VERDICT_BROKEN, VERDICT_BROKEN, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const enum verdict verdicts[] = { rows[i].created, rows[i].destroyed, rows[i].drained };

		for (int kind = CALL_CREATED; kind <= CALL_DRAINED; kind++) {
			for (int wide = 0; wide < 2; wide++) { /* a status comes zero- and sign-extended */
				struct secure_call c = call((enum call_kind)kind, 0);
				uint64_t status = wide ? (uint64_t)(int64_t)rows[i].status : (uint32_t)rows[i].status;
				uint64_t x[FFA_REGISTERS] = { rows[i].function, 0xA5A5, status };
				struct secure_reply r;

				classify(&c, x, &r);
				assert_int_equal(r.verdict, verdicts[kind - CALL_CREATED]);
				assert_int_equal(r.kind, rows[i].done ? kind : CALL_NONE);
				assert_int_equal(r.sp, 0x8000);
			}
		}
	}
	{
		struct secure_call made = call(CALL_CREATED, 0), gone = call(CALL_DESTROYED, 0), taken = call(CALL_DRAINED, 0);
		struct secure_reply r;

		classify(&made, (const uint64_t[FFA_REGISTERS]){ 0x84000060, 0, (uint32_t)-3 }, &r); /* NO_MEMORY */
		assert_int_equal(r.verdict, VERDICT_DENIED);
		classify(&gone, (const uint64_t[FFA_REGISTERS]){ 0x84000060, 0, (uint32_t)-3 }, &r);
		assert_int_equal(r.verdict, VERDICT_BROKEN);
		classify(&taken, (const uint64_t[FFA_REGISTERS]){ 0x84000060, 0, (uint32_t)-9 }, &r); /* NO_DATA */
		assert_int_equal(r.verdict, VERDICT_ACK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_encoded_by_the_register),
		cmocka_unit_test(each_answer_means_one_thing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
