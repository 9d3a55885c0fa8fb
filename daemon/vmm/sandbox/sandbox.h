/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The sandbox: what is left to the VMM once a guest may run in it, so that a guest that takes it over has gained its own
 * memory, and nothing else. It closes in two steps. `sandbox_begin` gives away, for the whole process, what not even building
 * needs. Then each thread closes it for itself, when it has what it needs of the host, and before any vCPU may enter:
 *
 *   capabilities   none
 *   Landlock       no file, no network, no signal and no abstract socket beyond this process, where the kernel has it
 *   seccomp        the calls of calls.h. Any other ends the process with SIGSYS, and the last words name it
 *
 * A kernel without Landlock or seccomp runs guests all the same: what is missing is told.
 */

#include <stdint.h>

#include "proto/vmm-link.h"

enum sandbox_thread {
	SANDBOX_MAIN = 0,
	SANDBOX_VCPU = 1,
};

/* Before there is any other thread. */
void sandbox_begin(void);

/* Where the handler of SIGSYS says why the process ended; written only while there are no other last words. */
void sandbox_last_words(struct last_words *words);

/*
 * Closes it for the calling thread, the vCPU of that index. `address` is the only one that the main thread may connect to, by
 * this pointer: nobody may be able to write there. Negative errno: it is not closed, and no guest may run.
 */
int sandbox_close(enum sandbox_thread who, unsigned index, const void *address);

/* enum vmm_sandbox_layer: which of them this kernel, or this build, does not have; for people, what it has. */
uint32_t sandbox_lacks(void);
const char *sandbox_lacks_text(void);

/* The end of a thread, which in a sandbox has nothing to give back. */
void sandbox_leave_thread(void);

/* violation.c */
int violation_catch(void);
void violation_thread(enum sandbox_thread who, unsigned index);

/* landlock.c: 0, -EOPNOTSUPP where the kernel does not have it, or another negative errno. */
int landlock_forbid_all(void);
