/* SPDX-License-Identifier: Apache-2.0 */

/* The daemon's check of frames, as a version that has older and newer VMMs: this one is version 4, and speaks with 3. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "fleet/internal.h"

static union vmm_frame frame_of(uint16_t kind, uint16_t version)
{
	union vmm_frame f;

	memset(&f, 0xA5, sizeof(f)); /* what the buffer held before */
	memset(&f.header, 0, sizeof(f.header));
	f.header = (struct vmm_frame_header){ VMM_LINK_MAGIC, version, kind, 1, 0 };
	return f;
}

static const char *breach(union vmm_frame *f, size_t size)
{
	frame_complete(f, size);
	return frame_breach(f, size);
}

static union vmm_frame back_of(uint16_t version)
{
	union vmm_frame f = frame_of(VMM_BACK, version);

	memset((uint8_t *)&f + sizeof(f.header), 0, sizeof(f.back) - sizeof(f.header));
	f.back.vcpu_count = 1;
	return f;
}

static void what_an_older_one_does_not_say_is_zero(void **state)
{
	union vmm_frame f = frame_of(VMM_VCPU, 3);

	f.vcpu.index = 1;
	f.vcpu.state = VCPU_RUNNING;
	assert_null(breach(&f, offsetof(struct vmm_vcpu, since)));
	assert_int_equal(f.vcpu.since, 0);
	assert_int_equal(f.vcpu.state, VCPU_RUNNING);
	f = back_of(3);
	f.back.end.cause = CAUSE_GUEST_PANIC; /* of a version before, it would be garbage */
	assert_null(breach(&f, offsetof(struct vmm_back, end)));
	assert_int_equal(f.back.end.cause, CAUSE_NONE);
}

/* What a version had from its beginning its frames have: a count of 0 is as wrong as ever. */
static void zero_has_to_make_sense(void **state)
{
	union vmm_frame f = back_of(3);

	assert_non_null(breach(&f, offsetof(struct vmm_back, vcpu_count)));
	f = frame_of(VMM_ENDED, 3);
	assert_non_null(breach(&f, sizeof(f.header)));
}

static void an_older_one_has_nothing_more_to_say(void **state)
{
	union vmm_frame f = back_of(3);

	assert_null(breach(&f, sizeof(f.back)));
	assert_non_null(breach(&f, sizeof(f.back) + 8));
}

static void what_a_newer_one_says_beyond_is_left_alone(void **state)
{
	union vmm_frame f = back_of(5);

	assert_null(breach(&f, sizeof(f.back) + 1));
	assert_null(breach(&f, 65536));
	assert_non_null(breach(&f, sizeof(f.back) - 1));
	f = frame_of(VMM_BUILT, 5);
	assert_null(breach(&f, sizeof(f.header) + 100));
}

static void of_its_own_version_each_size_is_exact(void **state)
{
	union vmm_frame f = back_of(VMM_LINK_VERSION);

	assert_null(breach(&f, sizeof(f.back)));
	assert_non_null(breach(&f, sizeof(f.back) + 1));
	assert_non_null(breach(&f, sizeof(f.back) - 1));
}

static void what_was_reserved_may_be_used_later(void **state)
{
	union vmm_frame f = back_of(5);

	f.back.flags = VMM_BACK_PAUSED | 1u << 30;
	f.back.reserved = 7;
	assert_null(breach(&f, sizeof(f.back)));
	assert_int_equal(f.back.flags, VMM_BACK_PAUSED);
	f = back_of(VMM_LINK_VERSION);
	f.back.flags = 1u << 30;
	assert_non_null(breach(&f, sizeof(f.back)));
	f = frame_of(VMM_DEVICE, 5);
	memset(&f.device.index, 0, sizeof(f.device) - sizeof(f.header));
	f.device.is.type = ASSIGNED_VFIO_FAKE;
	f.device.reserved = 9;
	f.device.is.reserved = 9;
	assert_null(breach(&f, sizeof(f.device)));
}

/* Another layer of a sandbox is nothing to end a guest for. */
static void a_layer_of_later_is_not_known_here(void **state)
{
	union vmm_frame f = frame_of(VMM_SANDBOX, 5);

	memset((uint8_t *)&f + sizeof(f.header), 0, sizeof(f.sandbox) - sizeof(f.header));
	f.sandbox.lacks = VMM_SANDBOX_SECCOMP | 1u << 20;
	f.sandbox.reserved = 3;
	assert_null(breach(&f, sizeof(f.sandbox)));
	assert_int_equal(f.sandbox.lacks, VMM_SANDBOX_SECCOMP);
	f.sandbox.lacks = 1u << 20;
	assert_null(breach(&f, sizeof(f.sandbox)));
	f.header.version = 4; /* ours */
	assert_non_null(breach(&f, sizeof(f.sandbox)));
}

/* A guest that ended for a reason that nobody knew in this version ended all the same. */
static void a_cause_of_later_is_an_end(void **state)
{
	union vmm_frame f = frame_of(VMM_ENDED, 5);

	memset(&f.ended.end, 0, sizeof(f.ended.end));
	strcpy(f.ended.end.text, "the guest was abducted");
	f.ended.end.cause = CAUSE_COUNT + 3;
	assert_null(breach(&f, sizeof(f.ended)));
	assert_int_equal(f.ended.end.cause, CAUSE_VMM_EXIT);
	assert_string_equal(f.ended.end.text, "the guest was abducted");
	f.ended.end.cause = CAUSE_COUNT + 3;
	f.header.version = VMM_LINK_VERSION;
	assert_non_null(breach(&f, sizeof(f.ended)));
}

/* They carry bytes behind them, so they say how long they are. */
static void a_call_does_not_grow(void **state)
{
	union vmm_frame f = frame_of(VMM_CALL, 5);

	memset(&f.call.vcpu, 0, sizeof(f.call) - sizeof(f.header));
	f.call.bytes = 12;
	assert_null(breach(&f, sizeof(f.call) + 12));
	assert_non_null(breach(&f, sizeof(f.call) + 13));
	assert_non_null(breach(&f, sizeof(f.call)));
}

static void one_that_is_too_old_is_not_read(void **state)
{
	union vmm_frame f = back_of(2);

	assert_non_null(breach(&f, sizeof(f.back)));
}

static void kinds_stay_what_they_are(void **state)
{
	for (uint16_t version = 3; version < 7; version++)
		for (uint16_t kind = 0; kind < 400; kind++) {
			static const uint16_t ours[] = { VMM_BIRTH, VMM_REFUSED, VMM_WELCOME, VMM_ENTER, VMM_QUIESCE, VMM_EXIT,
				VMM_STOP, VMM_PAUSE, VMM_RESUME, VMM_ANSWER, VMM_NOTIFY, VMM_CHANNEL, VMM_MESSAGE };
			union vmm_frame f = frame_of(kind, version);
			bool is_ours = kind == 0 || kind > 60;

			for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
				is_ours |= kind == ours[i];
			if (is_ours)
				assert_non_null(breach(&f, sizeof(f)));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_an_older_one_does_not_say_is_zero),
		cmocka_unit_test(zero_has_to_make_sense),
		cmocka_unit_test(an_older_one_has_nothing_more_to_say),
		cmocka_unit_test(what_a_newer_one_says_beyond_is_left_alone),
		cmocka_unit_test(of_its_own_version_each_size_is_exact),
		cmocka_unit_test(what_was_reserved_may_be_used_later),
		cmocka_unit_test(a_layer_of_later_is_not_known_here),
		cmocka_unit_test(a_cause_of_later_is_an_end),
		cmocka_unit_test(a_call_does_not_grow),
		cmocka_unit_test(one_that_is_too_old_is_not_read),
		cmocka_unit_test(kinds_stay_what_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
