/* SPDX-License-Identifier: Apache-2.0 */

/* Devices of a real guest: scripted ones, led by the VMM when the guest's life ends, and told to this program, the daemon. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm-peer.h"

static void runs_with(struct peer *p, unsigned count, const char *const *script)
{
	peer_open(p, "beat");
	for (unsigned i = 0; i < count; i++) {
		p->definition.assigned[i].type = ASSIGNED_VFIO_FAKE;
		snprintf(p->definition.assigned[i].script, sizeof(p->definition.assigned[i].script), "%s", script[i]);
	}
	p->definition.assigned_count = (uint8_t)count;
	peer_run(p);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(p->device[i].type, ASSIGNED_VFIO_FAKE);
}

/* When it was first told to be there, among all that was told; 0: never. */
static unsigned first(const struct peer *p, unsigned index, enum vfio_device_mig_state state)
{
	for (unsigned i = 0; i < p->device_frames; i++)
		if (p->device_history[i].index == index && p->device_history[i].state == state)
			return i + 1;
	return 0;
}

static bool was_ever(const struct peer *p, unsigned index, enum device_condition condition)
{
	for (unsigned i = 0; i < p->device_frames; i++)
		if (p->device_history[i].index == index && p->device_history[i].condition == condition)
			return true;
	return false;
}

static void tells_its_devices_before_the_guest_runs(void **state)
{
	static const char *const scripts[] = { "", "flags 1", "flags 0" };
	struct peer *p = *state;

	runs_with(p, 3, scripts);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(p->device[i].state, VFIO_DEVICE_STATE_RUNNING);
	assert_int_equal(p->device[0].condition, DEVICE_WELL);
	assert_int_equal(p->device[2].condition, DEVICE_UNMIGRATABLE);
	assert_int_equal(p->device_frames, 3);
	peer_leave(p);
}

static void is_quiesced_only_when_every_device_is_stopped(void **state)
{
	static const char *const scripts[] = { "delay 20ms", "delay 20ms", "flags 1; delay 20ms" };
	struct peer *p = *state;
	unsigned p2p_last;

	runs_with(p, 3, scripts);
	peer_send(p, VMM_QUIESCE);
	peer_expect(p, VMM_QUIESCED, NULL);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(p->device[i].state, VFIO_DEVICE_STATE_STOP);
	/* No DMA between devices before any stops, and the last goes first. The third has no such state. */
	p2p_last = first(p, 0, VFIO_DEVICE_STATE_RUNNING_P2P);
	assert_true(first(p, 1, VFIO_DEVICE_STATE_RUNNING_P2P) > 0);
	assert_true(first(p, 1, VFIO_DEVICE_STATE_RUNNING_P2P) < p2p_last);
	assert_true(p2p_last < first(p, 2, VFIO_DEVICE_STATE_STOP));
	assert_true(first(p, 2, VFIO_DEVICE_STATE_STOP) < first(p, 1, VFIO_DEVICE_STATE_STOP));
	assert_true(first(p, 1, VFIO_DEVICE_STATE_STOP) < first(p, 0, VFIO_DEVICE_STATE_STOP));
	peer_leave(p);
}

static void names_the_device_that_it_waits_for(void **state)
{
	static const char *const scripts[] = { "", "set stop never" };
	struct peer *p = *state;

	runs_with(p, 2, scripts);
	peer_send(p, VMM_QUIESCE);
	peer_expect_device(p, 1, VFIO_DEVICE_STATE_RUNNING_P2P, DEVICE_AWAITED);
	assert_string_equal(p->device[1].text, "abort: set-state stop in running-p2p");
	peer_expect(p, VMM_QUIESCED, NULL);
	/* It was reset, did no better, and cannot be reset a second time. */
	assert_int_equal(p->device[1].condition, DEVICE_DEAD);
	assert_string_equal(p->device[1].text, "abort: set-state stop in running-p2p: Connection timed out");
	assert_int_equal(p->device[0].state, VFIO_DEVICE_STATE_STOP);
	peer_leave(p);
}

static void resets_what_fails_and_names_what_is_dead(void **state)
{
	static const char *const scripts[] = { "set stop fail 5 then error times 1", "set fail 5; reset fail 6", "" };
	struct peer *p = *state;

	runs_with(p, 3, scripts);
	peer_send(p, VMM_QUIESCE);
	peer_expect(p, VMM_QUIESCED, NULL);
	assert_int_equal(p->device[0].condition, DEVICE_WAS_RESET);
	assert_int_equal(p->device[0].state, VFIO_DEVICE_STATE_STOP);
	assert_int_equal(p->device[1].condition, DEVICE_DEAD);
	assert_string_equal(p->device[1].text, "abort: set-state running-p2p in running: Input/output error");
	assert_int_equal(p->device[2].condition, DEVICE_WELL);
	assert_int_equal(p->device[2].state, VFIO_DEVICE_STATE_STOP);
	peer_leave(p);
}

static void a_pause_stops_its_devices_and_a_resume_starts_them(void **state)
{
	static const char *const scripts[] = { "delay 20ms", "delay 20ms" };
	struct peer *p = *state;
	uint64_t count;

	runs_with(p, 2, scripts);
	peer_expect_count(p, 0, 2);
	for (unsigned i = 0; i < 2; i++) {
		p->device_frames = 0;
		peer_send(p, VMM_PAUSE);
		peer_expect(p, VMM_PAUSED, NULL);
		assert_int_equal(p->device[0].state, VFIO_DEVICE_STATE_STOP);
		assert_int_equal(p->device[1].state, VFIO_DEVICE_STATE_STOP);
		assert_true(first(p, 1, VFIO_DEVICE_STATE_STOP) < first(p, 0, VFIO_DEVICE_STATE_STOP));
		count = peer_count(p, 0);
		peer_send(p, VMM_RESUME);
		peer_expect_device(p, 0, VFIO_DEVICE_STATE_RUNNING, DEVICE_WELL);
		peer_expect_device(p, 1, VFIO_DEVICE_STATE_RUNNING, DEVICE_WELL);
		peer_expect_count(p, 0, count + 2);
	}
	peer_leave(p);
}

/* One of them does not come to run; until it is given up a guest that runs would count. */
static void a_guest_stands_until_its_devices_run(void **state)
{
	static const char *const scripts[] = { "", "set running-p2p>running never" };
	struct peer *p = *state;
	uint64_t count;

	runs_with(p, 2, scripts);
	peer_expect_count(p, 0, 2);
	peer_send(p, VMM_PAUSE);
	peer_expect(p, VMM_PAUSED, NULL);
	count = peer_count(p, 0);
	peer_send(p, VMM_RESUME);
	peer_expect_device(p, 1, VFIO_DEVICE_STATE_RUNNING_P2P, DEVICE_AWAITED);
	peer_expect(p, VMM_NOT_RESUMED, NULL);
	assert_int_equal(peer_count(p, 0), count);
	peer_leave(p);
}

/* Then nothing stands but the vCPUs, until who asked lets them go on. */
static void a_device_that_refuses_a_pause_leads_the_others_back(void **state)
{
	static const char *const scripts[] = { "set stop fail 5 times 1", "" };
	struct peer *p = *state;

	runs_with(p, 2, scripts);
	peer_send(p, VMM_PAUSE);
	peer_expect(p, VMM_NOT_PAUSED, NULL);
	assert_int_equal(p->device[0].state, VFIO_DEVICE_STATE_RUNNING);
	assert_int_equal(p->device[0].condition, DEVICE_FAILED);
	assert_string_equal(p->device[0].text, "pause: set-state stop in running-p2p: Input/output error");
	assert_int_equal(p->device[1].state, VFIO_DEVICE_STATE_RUNNING);
	peer_send(p, VMM_RESUME);
	peer_expect_count(p, 0, peer_count(p, 0) + 2);
	peer_send(p, VMM_PAUSE); /* the device thinks better of it */
	peer_expect(p, VMM_PAUSED, NULL);
	peer_leave(p);
}

static void a_guest_whose_device_does_not_start_again_stands(void **state)
{
	static const char *const scripts[] = { "set stop>running-p2p fail 5 times 1", "" };
	struct peer *p = *state;
	uint64_t count;

	runs_with(p, 2, scripts);
	peer_send(p, VMM_PAUSE);
	peer_expect(p, VMM_PAUSED, NULL);
	count = peer_count(p, 0);
	peer_send(p, VMM_RESUME);
	peer_expect(p, VMM_NOT_RESUMED, NULL);
	assert_int_equal(p->device[0].state, VFIO_DEVICE_STATE_STOP);
	assert_int_equal(p->device[0].condition, DEVICE_FAILED);
	peer_send(p, VMM_PAUSE); /* it is paused still */
	peer_expect(p, VMM_PAUSED, NULL);
	assert_int_equal(peer_count(p, 0), count);
	peer_send(p, VMM_RESUME);
	peer_expect_count(p, 0, count + 2);
	peer_leave(p);
}

static void an_end_comes_through_a_pause_that_hangs(void **state)
{
	static const char *const scripts[] = { "", "set stop never times 1" };
	struct peer *p = *state;

	runs_with(p, 2, scripts);
	peer_send(p, VMM_PAUSE);
	peer_expect_device(p, 1, VFIO_DEVICE_STATE_RUNNING_P2P, DEVICE_AWAITED);
	peer_send(p, VMM_QUIESCE);
	peer_expect(p, VMM_QUIESCED, NULL);
	assert_int_equal(p->device[0].state, VFIO_DEVICE_STATE_STOP);
	assert_int_equal(p->device[1].state, VFIO_DEVICE_STATE_STOP);
	peer_leave(p);
}

static void a_guest_that_ends_by_itself_stops_its_devices_too(void **state)
{
	struct peer *p = *state;
	union peer_frame frame;

	peer_open(p, "poweroff");
	p->definition.assigned_count = 1;
	p->definition.assigned[0] = (struct vm_assigned) { ASSIGNED_VFIO_FAKE, "delay 20ms" };
	peer_run(p);
	peer_expect(p, VMM_ENDED, &frame);
	assert_int_equal(frame.ended.end.cause, CAUSE_GUEST_POWEROFF);
	assert_int_equal(p->device[0].state, VFIO_DEVICE_STATE_STOP);
	assert_true(was_ever(p, 0, DEVICE_AWAITED));
	peer_leave(p);
}

static void a_daemon_that_comes_is_told_all_again(void **state)
{
	static const char *const scripts[] = { "", "flags 0" };
	struct peer *p = *state;
	struct vmm_back back;

	runs_with(p, 2, scripts);
	peer_hang_up(p);
	memset(p->device, 0, sizeof(p->device));
	peer_listen(p);
	peer_welcome(p, &back);
	peer_expect_device(p, 0, VFIO_DEVICE_STATE_RUNNING, DEVICE_WELL);
	peer_expect_device(p, 1, VFIO_DEVICE_STATE_RUNNING, DEVICE_UNMIGRATABLE);
	peer_leave(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tells_its_devices_before_the_guest_runs, peer_setup, peer_teardown),
		cmocka_unit_test_setup_teardown(is_quiesced_only_when_every_device_is_stopped, peer_setup, peer_teardown),
		cmocka_unit_test_setup_teardown(names_the_device_that_it_waits_for, peer_setup, peer_teardown),
		cmocka_unit_test_setup_teardown(resets_what_fails_and_names_what_is_dead, peer_setup, peer_teardown),
		cmocka_unit_test_setup_teardown(a_pause_stops_its_devices_and_a_resume_starts_them, peer_setup, peer_teardown),
		cmocka_unit_test_setup_teardown(a_guest_stands_until_its_devices_run, peer_setup, peer_teardown),
		cmocka_unit_test_setup_teardown(
			a_device_that_refuses_a_pause_leads_the_others_back, peer_setup, peer_teardown),
		cmocka_unit_test_setup_teardown(a_guest_whose_device_does_not_start_again_stands, peer_setup, peer_teardown),
		cmocka_unit_test_setup_teardown(an_end_comes_through_a_pause_that_hangs, peer_setup, peer_teardown),
		cmocka_unit_test_setup_teardown(a_guest_that_ends_by_itself_stops_its_devices_too, peer_setup, peer_teardown),
		cmocka_unit_test_setup_teardown(a_daemon_that_comes_is_told_all_again, peer_setup, peer_teardown),
	};

	if (access("/dev/kvm", R_OK | W_OK) != 0) {
		fprintf(stderr, "SKIPPED: /dev/kvm cannot be used (%s); no guest had devices\n", strerror(errno));
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
