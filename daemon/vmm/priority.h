/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Real-time priority of the vCPUs' threads, where the definition asks for it (`vcpus.scheduling`). The main thread goes above
 * them: else a guest that spins could not be ended. A life whose priority cannot be had is not begun.
 */

#include <pthread.h>

struct machine;

/* In the order of a build: the main thread, each further vCPU's thread as it is made, and the caller, which is the first's. */
int priority_raise_main(struct machine *m);
int priority_of_new(struct machine *m, pthread_attr_t *attributes);
int priority_raise_own(struct machine *m);
