/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <signal.h>

#include "vmm/machine.h"

/* Ends a KVM_RUN; per thread, blocked everywhere else. */
#define VCPU_KICK_SIGNAL SIGRTMIN

/* Once per process, before any thread: blocks the kick signal and installs its handler. */
int vcpu_init_signals(void);
