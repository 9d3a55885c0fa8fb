/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fleet/internal.h"

int engine_post(struct engine *e, const struct input *in)
{
	return 0;
}

bool engine_is_behind(const struct engine *e)
{
	return false;
}

static union vmm_frame frame_of(uint16_t kind)
{
	union vmm_frame f;

	memset(&f, 0, sizeof(f));
	f.header = (struct vmm_frame_header){ VMM_LINK_MAGIC, VMM_LINK_VERSION, kind, 1, 0 };
	return f;
}

static void takes_a_whole_state(void **state)
{
	union vmm_frame f = frame_of(VMM_BACK);

	f.back.vcpu_count = VM_VCPU_MAX;
	assert_null(frame_breach(&f, sizeof(f.back)));
	f.back.phase = VMM_PHASE_ENDED;
	assert_non_null(frame_breach(&f, sizeof(f.back))); /* ended by nothing */
	f.back.end.cause = CAUSE_GUEST_REBOOT;
	assert_null(frame_breach(&f, sizeof(f.back)));
	f.back.phase = VMM_PHASE_ENTERED;
	assert_non_null(frame_breach(&f, sizeof(f.back))); /* an end while it runs */
	f.back.end.cause = CAUSE_NONE;
	f.back.flags = VMM_BACK_STOPPING;
	assert_null(frame_breach(&f, sizeof(f.back)));
}

static void refuses_what_is_out_of_range(void **state)
{
	union vmm_frame f = frame_of(VMM_BACK);

	assert_non_null(frame_breach(&f, sizeof(f.back))); /* no vCPU */
	f.back.vcpu_count = VM_VCPU_MAX + 1;
	assert_non_null(frame_breach(&f, sizeof(f.back)));
	f.back.vcpu_count = 2;
	f.back.vcpu[1] = VCPU_STATE_COUNT;
	assert_non_null(frame_breach(&f, sizeof(f.back)));
	f.back.vcpu[1] = 0;
	f.back.phase = VMM_PHASE_ENDED + 1;
	assert_non_null(frame_breach(&f, sizeof(f.back)));
	f = frame_of(VMM_BACK);
	f.back.vcpu_count = 1;
	f.back.flags = VMM_BACK_FLAGS + 1;
	assert_non_null(frame_breach(&f, sizeof(f.back)));
	f.back.flags = 0;
	f.back.reserved = 1;
	assert_non_null(frame_breach(&f, sizeof(f.back)));
	f = frame_of(VMM_BACK);
	f.back.vcpu_count = 1;
	f.back.header.life = 0;
	assert_non_null(frame_breach(&f, sizeof(f.back)));
	f = frame_of(VMM_NEWBORN);
	assert_non_null(frame_breach(&f, sizeof(f.newborn))); /* with a life */
	f.header.life = 0;
	assert_null(frame_breach(&f, sizeof(f.newborn)));
	memset(f.newborn.name, 'a', sizeof(f.newborn.name));
	assert_non_null(frame_breach(&f, sizeof(f.newborn)));
	f = frame_of(VMM_ENDED);
	f.ended.end.cause = CAUSE_GUEST_PANIC;
	assert_null(frame_breach(&f, sizeof(f.ended)));
	f.ended.end.errno_value = -5;
	assert_non_null(frame_breach(&f, sizeof(f.ended)));
	f.ended.end.errno_value = 0;
	memset(f.ended.end.text, 'a', sizeof(f.ended.end.text));
	assert_non_null(frame_breach(&f, sizeof(f.ended)));
}

static void refuses_a_sandbox_without_what_there_is_not(void **state)
{
	union vmm_frame f = frame_of(VMM_SANDBOX);

	f.sandbox.lacks = VMM_SANDBOX_LAYERS;
	assert_null(frame_breach(&f, sizeof(f.sandbox)));
	f.sandbox.lacks = 0; /* nothing to tell */
	assert_non_null(frame_breach(&f, sizeof(f.sandbox)));
	f.sandbox.lacks = VMM_SANDBOX_SECCOMP << 1;
	assert_non_null(frame_breach(&f, sizeof(f.sandbox)));
	f.sandbox.lacks = VMM_SANDBOX_SECCOMP;
	f.sandbox.reserved = 1;
	assert_non_null(frame_breach(&f, sizeof(f.sandbox)));
}

static const char *device_breach(struct vmm_device_state is, uint32_t index)
{
	union vmm_frame f = frame_of(VMM_DEVICE);

	f.device.index = index;
	f.device.is = is;
	return frame_breach(&f, sizeof(f.device));
}

static void refuses_a_device_that_cannot_be(void **state)
{
	struct vmm_device_state good = { .type = ASSIGNED_VFIO_FAKE, .state = VFIO_DEVICE_STATE_STOP, .text = "~ fine" }, is;

	assert_null(device_breach(good, VM_ASSIGNED_MAX - 1));
	assert_non_null(device_breach(good, VM_ASSIGNED_MAX));
	is = good;
	is.type = ASSIGNED_NONE;
	assert_non_null(device_breach(is, 0));
	is.type = ASSIGNED_TYPE_COUNT;
	assert_non_null(device_breach(is, 0));
	is = good;
	is.state = VFIO_DEVICE_STATE_COUNT;
	assert_non_null(device_breach(is, 0));
	is.type = ASSIGNED_CCW_FAKE; /* its states are others, and fewer */
	is.state = CCW_QUIESCING;
	assert_null(device_breach(is, 0));
	is.state = CCW_STATE_COUNT;
	assert_non_null(device_breach(is, 0));
	is = good;
	is.condition = DEVICE_CONDITION_COUNT;
	assert_non_null(device_breach(is, 0));
	is = good;
	is.reserved = 1;
	assert_non_null(device_breach(is, 0));
	is = good;
	is.text[1] = '\n';
	assert_non_null(device_breach(is, 0));
	memset(is.text, 'a', sizeof(is.text));
	assert_non_null(device_breach(is, 0));
}

/* What a guest's end is told with goes to people and over D-Bus, where one bad byte would take all that is told with it. */
static void makes_a_text_of_what_is_none(void **state)
{
	union vmm_frame f = frame_of(VMM_ENDED);

	f.ended.end.cause = CAUSE_GUEST_PANIC;
	strcpy(f.ended.end.text, "\xA9 caf\xC3\xA9\n");
	frame_complete(&f, sizeof(f.ended));
	assert_null(frame_breach(&f, sizeof(f.ended)));
	assert_string_equal(f.ended.end.text, "? caf\xC3\xA9?");
	memset(f.ended.end.text, '\xA9', sizeof(f.ended.end.text));
	frame_complete(&f, sizeof(f.ended));
	assert_non_null(frame_breach(&f, sizeof(f.ended))); /* it does not end */
	f = frame_of(VMM_BACK);
	f.back.vcpu_count = 1;
	f.back.phase = VMM_PHASE_ENDED;
	f.back.end.cause = CAUSE_GUEST_PANIC;
	strcpy(f.back.end.text, "\xFF");
	frame_complete(&f, sizeof(f.back));
	assert_null(frame_breach(&f, sizeof(f.back)));
	assert_string_equal(f.back.end.text, "?");
}

/* Every size but the right one, for every kind there could be: nothing is read beyond what came (sanitizer). */
static void refuses_every_wrong_size(void **state)
{
	for (unsigned kind = 0; kind < 32; kind++) {
		unsigned right = 0;

		for (size_t size = 0; size <= sizeof(union vmm_frame); size++) {
			union vmm_frame f = frame_of((uint16_t)kind);
			union vmm_frame *exact = malloc(sizeof(f));

			memcpy(exact, &f, sizeof(f));
			if (kind == VMM_NEWBORN)
				exact->header.life = 0;
			if (kind == VMM_BACK)
				exact->back.vcpu_count = 1;
			if (kind == VMM_ENDED)
				exact->ended.end.cause = CAUSE_GUEST_PANIC;
			right += !frame_breach(exact, size);
			free(exact);
		}
		assert_int_equal(right, kind == VMM_NEWBORN || kind == VMM_BACK || kind == VMM_BUILT ||
						kind == VMM_ENTERED || kind == VMM_VCPU || kind == VMM_QUIESCED ||
						kind == VMM_ENDED || kind == VMM_STOPPING || kind == VMM_DEAF ||
						kind == VMM_PAUSED || kind == VMM_NOT_PAUSED || kind == VMM_NOT_RESUMED);
	}
}

static void the_start_time_is_that_of_the_process(void **state)
{
	uint64_t mine, again;

	assert_int_equal(process_start_time(getpid(), &mine), 0);
	assert_int_equal(process_start_time(getpid(), &again), 0);
	assert_true(mine > 0 && mine == again);
	assert_true(process_start_time(0x3fffffff, &mine) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_a_whole_state),
		cmocka_unit_test(refuses_what_is_out_of_range),
		cmocka_unit_test(refuses_a_sandbox_without_what_there_is_not),
		cmocka_unit_test(refuses_a_device_that_cannot_be),
		cmocka_unit_test(makes_a_text_of_what_is_none),
		cmocka_unit_test(refuses_every_wrong_size),
		cmocka_unit_test(the_start_time_is_that_of_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
