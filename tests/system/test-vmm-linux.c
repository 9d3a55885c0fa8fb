/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm-peer.h"

/*
 * Debian's own x86-64 kernel as a guest, from its start to user space and to its end. LIFECYCLED_LINUX is a folder with
 * vmlinuz, vmlinux (the same kernel, unpacked) and initramfs, whose /init obeys test= on the command line.
 */

static int open_peer(void **state)
{
	static struct peer peer;

	*state = &peer;
	peer_open(&peer, "beat");
	peer.definition.memory_bytes = 128 << 20;
	peer.ring_bytes = 64 << 10; /* it says much at its start */
	return 0;
}

static int close_peer(void **state)
{
	struct peer *p = *state;

	/* What it said is worth more than any assertion, to whoever looks at a failure. */
	if (p->memory >= 0)
		fprintf(stderr, "%.*s\n", (int)(p->ring->head < p->ring_bytes ? p->ring->head : p->ring_bytes),
			(const char *)p->ring + CONSOLE_RING_DATA);
	peer_close(p);
	return 0;
}

static void boot(struct peer *p, const char *kernel, const char *test, unsigned cpus)
{
	const char *folder = getenv("LIFECYCLED_LINUX");
	char up[64];

	snprintf(p->definition.kernel, sizeof(p->definition.kernel), "%s/%s", folder, kernel);
	snprintf(p->definition.initrd, sizeof(p->definition.initrd), "%s/initramfs", folder);
	snprintf(p->definition.cmdline, sizeof(p->definition.cmdline), "console=ttyS0 test=%s", test);
	p->definition.vcpu_count = cpus;
	peer_run(p);
	snprintf(up, sizeof(up), "guest: up test=%s cpus=%u", test, cpus);
	peer_expect_console(p, up);
}

static void expect_end(struct peer *p, enum vm_cause cause, const char *text)
{
	union peer_frame frame;

	peer_expect_soon(p, VMM_STOPPING, VMM_ENDED, NULL);
	frame.ended.end = p->last_words->end;
	assert_string_equal(frame.ended.end.text, text);
	assert_int_equal(frame.ended.end.cause, cause);
	peer_leave(p);
}

static void boots_to_user_space_and_powers_off(void **state)
{
	boot(*state, "vmlinuz", "poweroff", 1);
	expect_end(*state, CAUSE_GUEST_POWEROFF, "the guest powered off (ACPI)");
}

static void brings_up_two_cpus_and_resets(void **state)
{
	boot(*state, "vmlinuz", "reboot", 2);
	expect_end(*state, CAUSE_GUEST_REBOOT, "the guest asked for a reset (port 0xCF9)");
}

static void reports_its_panic(void **state)
{
	boot(*state, "vmlinuz", "panic", 1);
	expect_end(*state, CAUSE_GUEST_PANIC, "the guest reported a panic (pvpanic)");
}

static void obeys_its_power_key(void **state)
{
	struct peer *p = *state;

	boot(p, "vmlinuz", "idle", 1);
	assert_int_equal(kill(p->pid, SIGTERM), 0);
	expect_end(p, CAUSE_USER_STOP, "the guest powered off after its power key was pressed");
}

static void boots_as_pvh(void **state)
{
	boot(*state, "vmlinux", "poweroff", 2);
	expect_end(*state, CAUSE_GUEST_POWEROFF, "the guest powered off (ACPI)");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_peer, close_peer)

/* test-vmm-linux [CASE] */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(boots_to_user_space_and_powers_off),
		TEST(brings_up_two_cpus_and_resets),
		TEST(reports_its_panic),
		TEST(obeys_its_power_key),
		TEST(boots_as_pvh),
	};

	if (!getenv("LIFECYCLED_LINUX")) {
		fprintf(stderr, "LIFECYCLED_LINUX is not set: tests/x86host/run sets it\n");
		return 99;
	}
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
