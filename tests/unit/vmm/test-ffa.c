/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "vmm/ffa/endpoint.h"

/* A guest's FF-A calls that its VMM answers by itself. */

#define ID   0x0005
#define MIB  (1ull << 20)
#define V(major, minor) FFA_VERSION_WORD(major, minor)
#define CALL(...) call(e, (struct ffa_call) { .x = { __VA_ARGS__ } })

static _Alignas(4096) uint8_t bytes[2 * MIB];
static const struct guest_memory memory = {
	.base = bytes, .size = sizeof(bytes), .piece_count = 1, .piece = { { .gpa = 0, .offset = 0, .size = sizeof(bytes) } },
};
static struct ffa_endpoint endpoint;
static struct ffa_endpoint *const e = &endpoint;

static int begin(void **state)
{
	ffa_endpoint_init(e, &memory, ID, FFA_ID_SPMC);
	return 0;
}

static struct ffa_call call(struct ffa_endpoint *to, struct ffa_call c)
{
	assert_int_equal(ffa_endpoint_call(to, &c), FFA_ANSWERED);
	return c;
}

static void assert_error(struct ffa_call c, enum ffa_status status)
{
	assert_int_equal(c.x[0], FFA_ERROR);
	assert_int_equal(c.x[1], 0);
	assert_int_equal((int32_t)c.x[2], status);
}

static void assert_success(struct ffa_call c, uint32_t w2)
{
	assert_int_equal(c.x[0], FFA_SUCCESS);
	assert_int_equal(c.x[2], w2);
}

static void agree(uint32_t version)
{
	assert_int_equal(CALL(FFA_VERSION, version).x[0], V(1, 2));
}

static void nothing_is_supported_before_a_version_is_agreed_on(void **state)
{
	assert_error(CALL(FFA_ID_GET), FFA_NOT_SUPPORTED);
	assert_error(CALL(FFA_FEATURES, 0x80000000u | FFA_ID_GET), FFA_NOT_SUPPORTED);
	assert_error(CALL(FFA_MSG_WAIT), FFA_NOT_SUPPORTED);
	agree(V(1, 2));
	assert_success(CALL(FFA_ID_GET), ID);
}

static void a_version_is_agreed_on_once(void **state)
{
	assert_int_equal((int32_t)CALL(FFA_VERSION, 0x80000000u | V(1, 2)).x[0], FFA_NOT_SUPPORTED);
	assert_int_equal((int32_t)CALL(FFA_VERSION, V(2, 0)).x[0], FFA_NOT_SUPPORTED);
	assert_int_equal((int32_t)CALL(FFA_VERSION, V(0, 9)).x[0], FFA_NOT_SUPPORTED);
	assert_int_equal(e->version, 0);
	agree(V(1, 0));
	agree(V(1, 7)); /* a newer guest can use ours */
	assert_int_equal(e->version, V(1, 2));
	agree(V(1, 1));
	assert_success(CALL(FFA_ID_GET), ID);
	assert_int_equal((int32_t)CALL(FFA_VERSION, V(1, 2)).x[0], FFA_NOT_SUPPORTED);
	agree(V(1, 1)); /* the same again is no change */
	assert_int_equal(e->version, V(1, 1));
}

static void an_older_guest_sees_less(void **state)
{
	agree(V(1, 0));
	assert_error(CALL(FFA_SPM_ID_GET), FFA_NOT_SUPPORTED);
	assert_error(CALL(FFA_FEATURES, FFA_SPM_ID_GET), FFA_NOT_SUPPORTED);
	assert_error(CALL(FFA_MSG_SEND_DIRECT_REQ2), FFA_NOT_SUPPORTED);
	begin(NULL);
	agree(V(1, 1));
	assert_success(CALL(FFA_SPM_ID_GET), FFA_ID_SPMC);
}

static void features_tell_the_truth(void **state)
{
	static const uint32_t has[] = { FFA_VERSION, FFA_FEATURES, FFA_ID_GET, FFA_SPM_ID_GET, FFA_RX_RELEASE, FFA_RXTX_UNMAP,
		FFA_MSG_WAIT, FFA_RUN, FFA_YIELD, FFA_MSG_SEND_DIRECT_REQ, FFA_MSG_SEND_DIRECT_REQ | FFA_SMC64,
		FFA_MSG_SEND_DIRECT_RESP2, FFA_PARTITION_INFO_GET, FFA_MSG_SEND2 };
	static const uint32_t has_not[] = { 0x84000071, 0xC4000073, 0x84000084 /* RX_ACQUIRE */,
		FFA_ID_GET | FFA_SMC64, FFA_MSG_SEND_DIRECT_REQ2 & ~FFA_SMC64, 0x84000000, 0x840000A0, 0x85000069 };

	agree(V(1, 2));
	for (unsigned i = 0; i < sizeof(has) / sizeof(has[0]); i++)
		assert_success(CALL(FFA_FEATURES, has[i]), 0);
	for (unsigned i = 0; i < sizeof(has_not) / sizeof(has_not[0]); i++) {
		assert_error(CALL(FFA_FEATURES, has_not[i]), FFA_NOT_SUPPORTED);
		assert_error(CALL(has_not[i]), FFA_NOT_SUPPORTED);
	}
	assert_error(CALL(FFA_FEATURES, 1), FFA_NOT_SUPPORTED); /* NPI */
	assert_success(CALL(FFA_FEATURES, FFA_RXTX_MAP), FFA_BOX_PAGES_MAX << 16);
}

/* Who receives none may set those of others all the same. */
static void notifications_are_there_for_who_asks_for_them(void **state)
{
	static const uint32_t of_receivers[] = { FFA_NOTIFICATION_BIND, FFA_NOTIFICATION_UNBIND, FFA_NOTIFICATION_GET,
		FFA_NOTIFICATION_INFO_GET, FFA_NOTIFICATION_INFO_GET | FFA_SMC64 };

	agree(V(1, 2));
	for (unsigned receives = 0; receives < 2; receives++) {
		e->receives = receives;
		for (unsigned i = 0; i < sizeof(of_receivers) / sizeof(of_receivers[0]); i++)
			assert_int_equal(CALL(FFA_FEATURES, of_receivers[i]).x[0], receives ? FFA_SUCCESS : FFA_ERROR);
		assert_success(CALL(FFA_FEATURES, FFA_NOTIFICATION_SET), 0);
		e->npi = 0;
		assert_error(CALL(FFA_FEATURES, FFA_FEATURE_NPI), FFA_NOT_SUPPORTED);
		e->npi = 20;
		if (receives)
			assert_success(CALL(FFA_FEATURES, FFA_FEATURE_NPI), 20);
		else
			assert_error(CALL(FFA_FEATURES, FFA_FEATURE_NPI), FFA_NOT_SUPPORTED);
		assert_error(CALL(FFA_FEATURES, FFA_FEATURE_SRI), FFA_NOT_SUPPORTED);
	}
	begin(NULL);
	agree(V(1, 0));
	assert_error(CALL(FFA_FEATURES, FFA_NOTIFICATION_SET), FFA_NOT_SUPPORTED); /* they came with v1.1 */
}

static void buffers_lie_in_the_guest_and_apart(void **state)
{
	agree(V(1, 2));
	assert_error(CALL(FFA_RXTX_UNMAP), FFA_INVALID_PARAMETERS);
	assert_error(CALL(FFA_RX_RELEASE), FFA_DENIED);
	assert_error(CALL(FFA_RXTX_MAP, 0x1000, 0x2000, 0), FFA_INVALID_PARAMETERS);
	assert_error(CALL(FFA_RXTX_MAP, 0x1000, 0x2000, FFA_BOX_PAGES_MAX + 1), FFA_INVALID_PARAMETERS);
	assert_error(CALL(FFA_RXTX_MAP, 0x1001, 0x2000, 1), FFA_INVALID_PARAMETERS);
	assert_error(CALL(FFA_RXTX_MAP, 0x1000, 2 * MIB, 1), FFA_INVALID_PARAMETERS);
	assert_error(CALL(FFA_RXTX_MAP, 2 * MIB - 0x1000, 0x2000, 2), FFA_INVALID_PARAMETERS);
	assert_error(CALL(FFA_RXTX_MAP, 0x1000, 0x2000, 2), FFA_INVALID_PARAMETERS); /* they overlap */
	assert_error(CALL(FFA_RXTX_MAP | FFA_SMC64, 1ull << 32, 0x2000, 1), FFA_INVALID_PARAMETERS);
	assert_success(CALL(FFA_RXTX_MAP, 1ull << 32 | 0x1000, 0x3000, 2), 0); /* the 32-bit form sees 32 bits */
	assert_error(CALL(FFA_RXTX_MAP, 0x8000, 0xA000, 1), FFA_DENIED);
	assert_error(CALL(FFA_RXTX_UNMAP, 6u << 16), FFA_INVALID_PARAMETERS);
	assert_success(CALL(FFA_RXTX_UNMAP, ID << 16), 0);
	assert_success(CALL(FFA_RXTX_MAP | FFA_SMC64, 0x8000, 0xA000, 1), 0);
	assert_success(CALL(FFA_RXTX_UNMAP), 0);
}

static void rx_is_given_back(void **state)
{
	struct ffa_call wait = { .x = { FFA_MSG_WAIT, 0, 1 } };

	agree(V(1, 2));
	assert_success(CALL(FFA_RXTX_MAP, 0x1000, 0x2000, 1), 0);
	e->box.rx_full = true;
	assert_error(CALL(FFA_RX_RELEASE, 6), FFA_INVALID_PARAMETERS);
	assert_success(CALL(FFA_RX_RELEASE), 0);
	assert_error(CALL(FFA_RX_RELEASE), FFA_DENIED);
	e->box.rx_full = true;
	assert_int_equal(ffa_endpoint_call(e, &wait), FFA_ASK);
	assert_true(e->box.rx_full); /* it said that it keeps it */
	wait.x[2] = 0;
	assert_int_equal(ffa_endpoint_call(e, &wait), FFA_ASK);
	assert_false(e->box.rx_full);
}

static enum ffa_act lend(struct ffa_call *call, struct ffa_bytes *ret)
{
	assert_int_equal(ffa_endpoint_call(e, call), FFA_ASK);
	return ffa_endpoint_lend(e, call, ret);
}

static void rx_is_lent_to_one_at_a_time(void **state)
{
	struct ffa_call get = { .x = { FFA_PARTITION_INFO_GET } }, again = get, count = get;
	struct ffa_bytes lent;

	agree(V(1, 1));
	assert_int_equal(lend(&again, &lent), FFA_ANSWERED);
	assert_error(again, FFA_BUSY); /* there is none */
	assert_success(CALL(FFA_RXTX_MAP, 0x1000, 0x4000, 2), 0);
	assert_int_equal(lend(&get, &lent), FFA_ASK);
	assert_ptr_equal(lent.receive, bytes + 0x4000);
	assert_int_equal(lent.room, 0x2000);
	assert_int_equal(lent.size, 0);
	again = get;
	assert_int_equal(lend(&again, &lent), FFA_ANSWERED);
	assert_error(again, FFA_BUSY);
	count.x[5] = FFA_PARTITION_INFO_COUNT;
	assert_int_equal(lend(&count, &lent), FFA_ASK); /* needs no buffer */
	assert_null(lent.receive);
	ffa_endpoint_filled(e, false);
	assert_int_equal(lend(&get, &lent), FFA_ASK);
	ffa_endpoint_filled(e, true);
	assert_success(CALL(FFA_RX_RELEASE), 0);
}

static void put_header(uint32_t offset, uint32_t size)
{
	struct ffa_message m = { .offset = offset, .size = size };

	memcpy(bytes + 0x1000, &m, sizeof(m));
}

static void of_tx_goes_what_its_header_says(void **state)
{
	static const uint32_t wrong[][2] = { { 0, 19 }, { 40, 0x1000 - 39 }, { 0x1001, 0 }, { 0xffffffff, 0xffffffff } };
	struct ffa_call send = { .x = { FFA_MSG_SEND2 } };
	struct ffa_bytes lent;

	agree(V(1, 2));
	assert_int_equal(lend(&send, &lent), FFA_ANSWERED);
	assert_error(send, FFA_DENIED);
	assert_success(CALL(FFA_RXTX_MAP, 0x1000, 0x4000, 1), 0);
	for (unsigned i = 0; i < 4; i++) {
		send = (struct ffa_call) { .x = { FFA_MSG_SEND2 } };
		put_header(wrong[i][0], wrong[i][1]);
		assert_int_equal(lend(&send, &lent), FFA_ANSWERED);
		assert_error(send, FFA_INVALID_PARAMETERS);
	}
	send = (struct ffa_call) { .x = { FFA_MSG_SEND2 } };
	put_header(40, 0x1000 - 40);
	assert_int_equal(lend(&send, &lent), FFA_ASK);
	assert_ptr_equal(lent.send, bytes + 0x1000);
	assert_int_equal(lent.size, 0x1000);
	assert_null(lent.receive);
}

static enum ffa_status put(uint32_t size)
{
	static const uint8_t text[65536] = "hey";

	return ffa_endpoint_put(e, text, size);
}

static void a_message_needs_a_free_rx(void **state)
{
	assert_int_equal(put(44), FFA_DENIED); /* it does not speak FF-A */
	agree(V(1, 2));
	assert_int_equal(put(44), FFA_BUSY); /* nor has it a buffer */
	assert_success(CALL(FFA_RXTX_MAP, 0x1000, 0x4000, 1), 0);
	assert_int_equal(put(4097), FFA_NO_MEMORY);
	assert_int_equal(put(4096), FFA_OK);
	assert_string_equal((const char *)bytes + 0x4000, "hey");
	assert_int_equal(put(44), FFA_BUSY);
	assert_success(CALL(FFA_RX_RELEASE), 0);
	assert_int_equal(put(44), FFA_OK);
}

/* The second page of RX cannot be written to at first: what a guest that looks into the first sees by then. */
static uint8_t *const rx = bytes + 0x4000;
static volatile uint32_t seen_early;

static void let_write(int signo)
{
	seen_early = ((const struct ffa_message *)rx)->size;
	(void)mprotect(rx + 4096, 4096, PROT_READ | PROT_WRITE);
}

static void the_size_of_a_message_is_seen_last(void **state)
{
	static const struct ffa_message header = { .offset = sizeof(header), .size = 8192 - sizeof(header) };
	struct sigaction handler = { .sa_handler = let_write }, old;
	uint8_t message[8192];

	memset(message, 7, sizeof(message));
	memcpy(message, &header, sizeof(header));
	agree(V(1, 2));
	assert_success(CALL(FFA_RXTX_MAP, 0x1000, 0x4000, 2), 0);
	memset(rx, 0, 8192);
	seen_early = UINT32_MAX;
	assert_int_equal(sigaction(SIGSEGV, &handler, &old), 0);
	assert_int_equal(mprotect(rx + 4096, 4096, PROT_READ), 0);
	assert_int_equal(ffa_endpoint_put(e, message, sizeof(message)), FFA_OK);
	assert_int_equal(sigaction(SIGSEGV, &old, NULL), 0);
	assert_int_equal(seen_early, 0);
	assert_memory_equal(rx, message, sizeof(message));
}

static void a_message_has_a_header(void **state)
{
	agree(V(1, 2));
	assert_success(CALL(FFA_RXTX_MAP, 0x1000, 0x4000, 1), 0);
	assert_int_equal(put(sizeof(struct ffa_message) - 1), FFA_INVALID_PARAMETERS);
	assert_int_equal(put(sizeof(struct ffa_message)), FFA_OK);
}

static void only_calls_of_v1_2_are_wide(void **state)
{
	assert_true(ffa_is_wide(FFA_MSG_SEND_DIRECT_REQ2));
	assert_true(ffa_is_wide(FFA_MSG_SEND_DIRECT_RESP2));
	assert_true(ffa_is_wide(FFA_PARTITION_INFO_GET_REGS));
	assert_false(ffa_is_wide(FFA_MSG_SEND_DIRECT_REQ | FFA_SMC64));
	assert_false(ffa_is_wide(FFA_SUCCESS_64));
	assert_false(ffa_is_wide(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nothing_is_supported_before_a_version_is_agreed_on, begin),
		cmocka_unit_test_setup(a_version_is_agreed_on_once, begin),
		cmocka_unit_test_setup(an_older_guest_sees_less, begin),
		cmocka_unit_test_setup(features_tell_the_truth, begin),
		cmocka_unit_test_setup(notifications_are_there_for_who_asks_for_them, begin),
		cmocka_unit_test_setup(buffers_lie_in_the_guest_and_apart, begin),
		cmocka_unit_test_setup(rx_is_given_back, begin),
		cmocka_unit_test_setup(rx_is_lent_to_one_at_a_time, begin),
		cmocka_unit_test_setup(of_tx_goes_what_its_header_says, begin),
		cmocka_unit_test_setup(a_message_needs_a_free_rx, begin),
		cmocka_unit_test_setup(a_message_has_a_header, begin),
		cmocka_unit_test_setup(the_size_of_a_message_is_seen_last, begin),
		cmocka_unit_test_setup(only_calls_of_v1_2_are_wide, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
