/* SPDX-License-Identifier: Apache-2.0 */

/* What holds of all registers and sizes; one by one they stand in tests/golden/ffa.txt. */

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

static const struct secure_call destroyed = { .sp = 0x8001, .kind = CALL_DESTROYED, .endpoint = 5, .life = 9 };

/* An answer counts as paid in exactly one case, whatever single bit of it is wrong. */
static void one_wrong_bit_is_never_an_ack(void **state)
{
	for (unsigned bit = 0; bit < 4 * 32; bit++) {
		uint64_t x[FFA_REGISTERS] = { 0x84000070, 0x80010000, 0x80000007, 0 };
		struct secure_reply r;

		x[bit / 32] ^= 1ull << bit % 32;
		classify(&destroyed, x, &r);
		assert_int_not_equal(r.verdict, VERDICT_ACK);
	}
}

static void refuses_descriptors_of_any_other_size(void **state)
{
	static const uint8_t bytes[64];
	struct ffa_partition_info_v13 info;

	for (size_t size = 0; size < sizeof(bytes); size++)
		assert_int_equal(decode_partition(bytes, size, &info), size == 8 || (size >= 24 && size % 8 == 0) ? 0 : -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_wrong_bit_is_never_an_ack),
		cmocka_unit_test(refuses_descriptors_of_any_other_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
