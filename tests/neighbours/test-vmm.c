/* SPDX-License-Identifier: Apache-2.0 */

/* The VMM's check of frames, as a version that has older and newer daemons: this one is version 4, and speaks with 3. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "proto/ffa.h"
#include "vmm/frames.h"

#define LIFE 9

static union daemon_frame f;

static struct frame_expected expected(enum link_stage stage, uint16_t version)
{
	return (struct frame_expected){ .stage = stage, .version = version, .name = "guest",
		.life = stage == LINK_NEWBORN ? 0 : LIFE, .incarnation = 5, .command = 20 };
}

static void make(unsigned kind, uint16_t version)
{
	memset(&f, 0xA5, sizeof(f)); /* what the buffer held before */
	memset(&f, 0, sizeof(f.birth));
	f.header = (struct vmm_frame_header){ VMM_LINK_MAGIC, version, (uint16_t)kind, LIFE, 21 };
	if (kind == VMM_WELCOME)
		f.welcome.incarnation = 5;
	if (kind != VMM_BIRTH)
		return;
	f.birth.ffa_id = FFA_ID_VM_FIRST;
	strcpy(f.birth.definition.name, "guest");
	f.birth.definition.vcpu_count = 1;
	f.birth.definition.memory_bytes = DEFINITION_MEMORY_MIN;
}

static const char *check(size_t size, enum link_stage stage, uint16_t version)
{
	struct frame_expected e = expected(stage, version);

	frame_complete(&f, size);
	return frame_check(&f, size, f.header.kind == VMM_BIRTH ? VMM_FD_COUNT : 0, false, &e);
}

static void a_definition_of_before_is_completed_with_zero(void **state)
{
	make(VMM_BIRTH, 3);
	memset(&f.birth.definition.assigned_count, 0xA5, sizeof(f.birth.definition.assigned_count));
	assert_null(check(offsetof(struct vmm_birth, definition.assigned_count), LINK_NEWBORN, 0));
	assert_int_equal(f.birth.definition.assigned_count, 0);
	assert_string_equal(f.birth.definition.name, "guest");
}

static void an_older_daemon_has_nothing_more_to_say(void **state)
{
	make(VMM_BIRTH, 3);
	assert_null(check(sizeof(f.birth), LINK_NEWBORN, 0));
	assert_non_null(check(sizeof(f.birth) + 1, LINK_NEWBORN, 0));
}

static void what_a_newer_daemon_says_beyond_is_left_alone(void **state)
{
	make(VMM_BIRTH, 5);
	assert_null(check(sizeof(f.birth) + 50, LINK_NEWBORN, 0));
	assert_non_null(check(sizeof(f.birth) - 1, LINK_NEWBORN, 0));
	make(VMM_ENTER, 5);
	assert_null(check(sizeof(f.header) + 8, LINK_UP, 5));
	make(VMM_WELCOME, VMM_LINK_VERSION);
	assert_null(check(sizeof(f.welcome), LINK_BACK, 0));
	assert_non_null(check(sizeof(f.welcome) + 8, LINK_BACK, 0));
}

static void a_daemon_stays_of_the_version_that_it_began_with(void **state)
{
	make(VMM_ENTER, 5);
	assert_non_null(check(sizeof(f.header), LINK_UP, 3));
	assert_non_null(check(sizeof(f.header), LINK_UP, 4));
	make(VMM_ENTER, 3);
	assert_null(check(sizeof(f.header), LINK_UP, 3));
}

static void a_daemon_that_wants_more_than_this_is_left(void **state)
{
	make(VMM_WELCOME, 9);
	f.welcome.speaks.oldest = VMM_LINK_VERSION + 1;
	assert_non_null(check(sizeof(f.welcome), LINK_BACK, 0));
	f.welcome.speaks.oldest = VMM_LINK_VERSION;
	assert_null(check(sizeof(f.welcome), LINK_BACK, 0));
	make(VMM_WELCOME, 2);
	assert_non_null(check(sizeof(f.welcome), LINK_BACK, 0));
	make(VMM_WELCOME, 3);
	assert_non_null(check(sizeof(f.header), LINK_BACK, 0)); /* no word of what it speaks */
}

/* So that a VMM can say why it did not get a life. */
static void a_refusal_is_read_whoever_sends_it(void **state)
{
	for (uint16_t version = 1; version < 9; version++) {
		make(VMM_REFUSED, version);
		f.header.life = 0;
		strcpy(f.refused.reason, "install one that is newer");
		assert_null(check(sizeof(f.refused), LINK_NEWBORN, 0));
	}
}

static void what_was_reserved_may_be_used_later(void **state)
{
	struct frame_expected e = expected(LINK_UP, 5);

	make(VMM_CHANNEL, 5);
	f.channel.reserved[1] = 3;
	frame_complete(&f, sizeof(f.channel));
	assert_null(frame_check(&f, sizeof(f.channel), 1, false, &e));
	make(VMM_NOTIFY, 5);
	f.notify.reserved = 3;
	assert_null(check(sizeof(f.notify), LINK_UP, 5));
	assert_int_equal(f.notify.reserved, 0); /* whoever takes it looks (ffa/notifications.c) */
	make(VMM_MESSAGE, 5);
	f.message.frame.bytes = 4;
	f.message.frame.reserved = 3;
	assert_null(check(sizeof(f.message.frame) + 4, LINK_UP, 5));
	assert_non_null(check(sizeof(f.message.frame) + 5, LINK_UP, 5)); /* bytes follow: it does not grow */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_definition_of_before_is_completed_with_zero),
		cmocka_unit_test(an_older_daemon_has_nothing_more_to_say),
		cmocka_unit_test(what_a_newer_daemon_says_beyond_is_left_alone),
		cmocka_unit_test(a_daemon_stays_of_the_version_that_it_began_with),
		cmocka_unit_test(a_daemon_that_wants_more_than_this_is_left),
		cmocka_unit_test(a_refusal_is_read_whoever_sends_it),
		cmocka_unit_test(what_was_reserved_may_be_used_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
