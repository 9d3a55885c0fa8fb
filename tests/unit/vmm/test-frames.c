/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "proto/ffa.h"
#include "vmm/frames.h"

#define LIFE      9
#define KIND_LAST VMM_MESSAGE

static const size_t sizes[KIND_LAST + 1] = {
	[VMM_BIRTH] = sizeof(struct vmm_birth),
	[VMM_REFUSED] = sizeof(struct vmm_refused),
	[VMM_WELCOME] = sizeof(struct vmm_welcome),
	[VMM_ENTER] = sizeof(struct vmm_frame_header),
	[VMM_QUIESCE] = sizeof(struct vmm_frame_header),
	[VMM_EXIT] = sizeof(struct vmm_frame_header),
	[VMM_STOP] = sizeof(struct vmm_frame_header),
	[VMM_PAUSE] = sizeof(struct vmm_frame_header),
	[VMM_RESUME] = sizeof(struct vmm_frame_header),
	[VMM_CHANNEL] = sizeof(struct vmm_channel),
	[VMM_NOTIFY] = sizeof(struct vmm_notify),
	[VMM_MESSAGE] = sizeof(struct vmm_message),
};

static struct frame_expected expected_at(enum link_stage stage)
{
	return (struct frame_expected) {
		.stage = stage,
		.version = stage == LINK_UP ? VMM_LINK_VERSION : 0,
		.name = "guest",
		.life = stage == LINK_NEWBORN ? 0 : LIFE,
		.incarnation = 5,
		.command = 20,
	};
}

static union daemon_frame good(unsigned kind, enum link_stage stage)
{
	union daemon_frame f;

	memset(&f, 0, sizeof(f));
	f.header = (struct vmm_frame_header) {
		.magic = VMM_LINK_MAGIC,
		.version = VMM_LINK_VERSION,
		.kind = (uint16_t)kind,
		.life = stage == LINK_NEWBORN && kind != VMM_BIRTH ? 0 : LIFE,
		.command = 21,
	};
	if (kind == VMM_BIRTH) {
		f.birth.incarnation = 5;
		f.birth.ffa_id = FFA_ID_VM_FIRST;
		strcpy(f.birth.definition.name, "guest");
		f.birth.definition.vcpu_count = 1;
		f.birth.definition.memory_bytes = DEFINITION_MEMORY_MIN;
	}
	if (kind == VMM_WELCOME)
		f.welcome.incarnation = 5;
	return f;
}

static const char *check(const union daemon_frame *f, enum link_stage stage)
{
	struct frame_expected e = expected_at(stage);
	unsigned kind = f->header.kind;

	return frame_check(f, kind <= KIND_LAST && sizes[kind] ? sizes[kind] : sizeof(f->header),
		kind == VMM_BIRTH ? VMM_FD_COUNT : kind == VMM_CHANNEL, false, &e);
}

static void takes_each_frame_at_its_stage_alone(void **state)
{
	static const uint64_t allowed[] = {
		[LINK_DOWN] = 0,
		[LINK_NEWBORN] = 1 << VMM_BIRTH | 1 << VMM_REFUSED,
		[LINK_BACK] = 1 << VMM_WELCOME | 1 << VMM_REFUSED,
		[LINK_UP] = 1 << VMM_ENTER | 1 << VMM_QUIESCE | 1 << VMM_EXIT | 1 << VMM_STOP | 1 << VMM_PAUSE |
			1 << VMM_RESUME | 1ull << VMM_CHANNEL | 1ull << VMM_NOTIFY | 1ull << VMM_MESSAGE,
	};

	for (enum link_stage stage = LINK_DOWN; stage <= LINK_UP; stage++)
		for (unsigned kind = 0; kind <= KIND_LAST + 3; kind++) {
			union daemon_frame f = good(kind, stage);

			if (kind <= KIND_LAST && allowed[stage] >> kind & 1)
				assert_null(check(&f, stage));
			else
				assert_non_null(check(&f, stage));
		}
}

static void refuses_every_other_size(void **state)
{
	static const unsigned kinds[] = { VMM_BIRTH, VMM_REFUSED, VMM_ENTER };

	for (unsigned k = 0; k < 3; k++) {
		enum link_stage stage = kinds[k] == VMM_ENTER ? LINK_UP : LINK_NEWBORN;
		struct frame_expected e = expected_at(stage);
		union daemon_frame f = good(kinds[k], stage);

		for (size_t n = 0; n <= sizeof(f) + 1; n++)
			if (n != sizes[kinds[k]])
				assert_non_null(frame_check(
					&f, n, kinds[k] == VMM_BIRTH ? VMM_FD_COUNT : 0, false, &e));
	}
}

static void a_message_is_as_long_as_it_says(void **state)
{
	struct frame_expected e = expected_at(LINK_UP);
	static union daemon_frame f;
	const size_t size = sizeof(struct vmm_message);

	f = good(VMM_MESSAGE, LINK_UP);
	f.message.frame.bytes = 4;
	assert_null(frame_check(&f, size + 4, 0, false, &e));
	assert_non_null(frame_check(&f, size + 3, 0, false, &e));
	assert_non_null(frame_check(&f, size + 5, 0, false, &e));
	assert_non_null(frame_check(&f, size, 0, false, &e));
	assert_non_null(frame_check(&f, size - 1, 0, false, &e));
	f.message.frame.bytes = UINT32_MAX;
	assert_non_null(frame_check(&f, size + VMM_BYTES_MAX, 0, false, &e));
}

static void refuses_wrong_headers(void **state)
{
	union daemon_frame f = good(VMM_QUIESCE, LINK_UP);

	f.header.magic ^= 1;
	assert_non_null(check(&f, LINK_UP));
	f = good(VMM_QUIESCE, LINK_UP);
	f.header.version++;
	assert_non_null(check(&f, LINK_UP));
	f = good(VMM_QUIESCE, LINK_UP);
	f.header.life++;
	assert_non_null(check(&f, LINK_UP));
	f = good(VMM_QUIESCE, LINK_UP);
	f.header.command = 19;
	assert_non_null(check(&f, LINK_UP));
	f.header.command = 20;
	assert_null(check(&f, LINK_UP));
}

static void counts_descriptors(void **state)
{
	struct frame_expected e = expected_at(LINK_NEWBORN);
	union daemon_frame birth = good(VMM_BIRTH, LINK_NEWBORN), enter = good(VMM_ENTER, LINK_UP);

	for (unsigned n = 0; n < 8; n++)
		assert_int_equal(!frame_check(&birth, sizeof(birth.birth), n, false, &e), n == VMM_FD_COUNT);
	assert_non_null(frame_check(&birth, sizeof(birth.birth), VMM_FD_COUNT, true, &e));
	e = expected_at(LINK_UP);
	assert_non_null(frame_check(&enter, sizeof(enter.header), 1, false, &e));
}

static void refuses_births_that_make_no_sense(void **state)
{
	union daemon_frame f = good(VMM_BIRTH, LINK_NEWBORN);

	f.header.life = 0;
	assert_non_null(check(&f, LINK_NEWBORN));
	f = good(VMM_BIRTH, LINK_NEWBORN);
	f.birth.ffa_id = 0;
	assert_non_null(check(&f, LINK_NEWBORN));
	f.birth.ffa_id = FFA_ID_VM_LAST + 1;
	assert_non_null(check(&f, LINK_NEWBORN));
	f = good(VMM_BIRTH, LINK_NEWBORN);
	f.birth.definition.vcpu_count = VM_VCPU_MAX + 1;
	assert_non_null(check(&f, LINK_NEWBORN));
	f = good(VMM_BIRTH, LINK_NEWBORN);
	memset(f.birth.definition.kernel, 'x', sizeof(f.birth.definition.kernel));
	assert_non_null(check(&f, LINK_NEWBORN));
	f = good(VMM_BIRTH, LINK_NEWBORN);
	memset(f.birth.definition.name, 'x', sizeof(f.birth.definition.name));
	assert_non_null(check(&f, LINK_NEWBORN));
	f = good(VMM_BIRTH, LINK_NEWBORN);
	strcpy(f.birth.definition.name, "guest2");
	assert_non_null(check(&f, LINK_NEWBORN));
}

static void refuses_an_older_daemon_and_an_endless_reason(void **state)
{
	union daemon_frame f = good(VMM_WELCOME, LINK_BACK);

	f.welcome.incarnation = 4;
	assert_non_null(check(&f, LINK_BACK));
	f.welcome.incarnation = 6;
	assert_null(check(&f, LINK_BACK));
	f = good(VMM_REFUSED, LINK_BACK);
	memset(f.refused.reason, 'x', sizeof(f.refused.reason));
	assert_non_null(check(&f, LINK_BACK));
}

/* A field that is 0 today is no place for what a later daemon means by it. */
static void refuses_what_is_reserved(void **state)
{
	static union daemon_frame f;

	f = good(VMM_CHANNEL, LINK_UP);
	f.channel.reserved[2] = 1;
	assert_non_null(check(&f, LINK_UP));
	f = good(VMM_MESSAGE, LINK_UP);
	f.message.frame.reserved = 1;
	assert_non_null(check(&f, LINK_UP));
}

static void takes_the_answer_to_its_own_call_alone(void **state)
{
	const struct vmm_answer good_one = {
		.header = { VMM_LINK_MAGIC, VMM_LINK_VERSION, VMM_ANSWER, LIFE, 0 }, .vcpu = 3
	};
	struct vmm_answer a = good_one;

	assert_null(answer_check(&a, sizeof(a), LIFE, 3, VMM_LINK_VERSION));
	assert_non_null(answer_check(&a, sizeof(a) - 1, LIFE, 3, VMM_LINK_VERSION));
	assert_non_null(answer_check(&a, sizeof(a) + 1, LIFE, 3, VMM_LINK_VERSION));
	assert_non_null(answer_check(&a, sizeof(a), LIFE + 1, 3, VMM_LINK_VERSION));
	assert_non_null(answer_check(&a, sizeof(a), LIFE, 2, VMM_LINK_VERSION));
	a.header.magic ^= 1;
	assert_non_null(answer_check(&a, sizeof(a), LIFE, 3, VMM_LINK_VERSION));
	a = good_one;
	a.header.version++;
	assert_non_null(answer_check(&a, sizeof(a), LIFE, 3, VMM_LINK_VERSION));
	a = good_one;
	a.header.kind = VMM_CALL;
	assert_non_null(answer_check(&a, sizeof(a), LIFE, 3, VMM_LINK_VERSION));
	a = good_one;
	a.reserved = 1;
	assert_non_null(answer_check(&a, sizeof(a), LIFE, 3, VMM_LINK_VERSION));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_each_frame_at_its_stage_alone),
		cmocka_unit_test(refuses_every_other_size),
		cmocka_unit_test(a_message_is_as_long_as_it_says),
		cmocka_unit_test(refuses_wrong_headers),
		cmocka_unit_test(counts_descriptors),
		cmocka_unit_test(refuses_births_that_make_no_sense),
		cmocka_unit_test(refuses_an_older_daemon_and_an_endless_reason),
		cmocka_unit_test(refuses_what_is_reserved),
		cmocka_unit_test(takes_the_answer_to_its_own_call_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
