/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
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

/* The real lifecycled-vmm over the real KVM; this program is its daemon. */

static int open_peer(void **state)
{
	static struct peer peer;

	*state = &peer;
	peer = (struct peer){ .listener = -1, .link = -1, .memory = -1 };
	return 0;
}

static int close_peer(void **state)
{
	peer_close(*state);
	return 0;
}

static void prints_counts_and_leaves(void **state)
{
	struct peer *p = *state;

	peer_open(p, "beat");
	peer_run(p);
	peer_expect_console(p, "lifecycled test guest: up\n");
	peer_expect_count(p, 0, 3);
	peer_expect_vcpu(p, 0, VCPU_RUNNING);
	peer_expect_console(p, "beat\n");
	peer_leave(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(prints_counts_and_leaves, open_peer, close_peer),
	};
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0) {
		fprintf(stderr, "SKIPPED: /dev/kvm cannot be used (%s); nothing of the VMM was tested\n", strerror(errno));
		return 77;
	}
	close(kvm);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
