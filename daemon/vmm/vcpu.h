/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <signal.h>

#include "vmm/machine.h"

/* Ends a KVM_RUN; per thread, blocked everywhere else. */
#define VCPU_KICK_SIGNAL SIGRTMIN

/* Once per process, before any thread: blocks the kick signal and installs its handler. */
int vcpu_init_signals(void);

/* By the main thread, before it opens the gate: who hears that the VM runs knows then that its vCPUs do. */
void vcpu_begin(struct vcpu *v);

/* By its own thread. */
void vcpu_set_state(struct vcpu *v, enum vcpu_state state); /* and says so to the main thread */
void vcpu_become(struct vcpu *v, enum vcpu_state state);    /* quietly; also before there is a thread */
bool vcpu_is_over(struct vcpu *v);
void vcpu_stand(struct vcpu *v); /* outside KVM_RUN, while the guest is paused; at once if it is not */
