/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Who starts VMMs and is their parent: the service manager (unit.c), or without one the daemon itself (spawn.c). From
 * NEWBORN on a VMM is the same for both, but for what its parent knows of it.
 */

#include "fleet/fleet.h"

struct vmm;
struct link;

#define TEXT_SIZE (END_TEXT_MAX + 1)

struct starter_ops {
	bool at_once; /* the process is there when start() returns, and is our child */
	/* Starts a process for `v`. 0: it runs, or is under way; vmm_failed() tells if it comes to nothing. A negative
	 * errno: nothing was started, and `text` says why. */
	int (*start)(struct vmm *v, char text[TEXT_SIZE]);
	/* Whose VMM is it that said NEWBORN? Ends in link_take_life(), link_wait() or a refusal, at once or later. */
	void (*prove)(struct link *l);
	/* Puts what its definition allows it into force for the process at l, which waits for v's life; then
	 * link_take_life(). */
	void (*limit)(struct vmm *v, struct link *l);
	/* `v` has no process yet, and is not to get one any more. */
	void (*cancel)(struct vmm *v);
	/* The signal could not be sent by pidfd: that is not allowed. */
	void (*signal)(struct vmm *v, int signo);
	/* How did it die? True: vmm_answered() comes, within VMM_ANSWER_NS or not at all. False: nobody to ask. */
	bool (*ask)(struct vmm *v);
};

extern const struct starter_ops spawn_starter, unit_starter;
