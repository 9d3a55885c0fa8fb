/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A guest's FF-A call on its way: answered by the endpoint, or asked of the daemon while the vCPU's thread waits outside
 * KVM_RUN. The thread owns the registers but between ASK_OUT and ASK_ANSWERED, when they are the main thread's.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/vmm-link.h"
#include "vmm/ffa/endpoint.h"

struct machine;
struct vcpu;

enum ask_state {
	ASK_NONE = 0,
	ASK_MADE,     /* by the vCPU's thread: to be told */
	ASK_OUT,      /* told */
	ASK_ANSWERED, /* by the daemon */
};

struct ask {
	_Atomic uint32_t state; /* enum ask_state; a futex */
	struct ffa_call call;
	uint32_t version; /* agreed on, when the call was made */
	bool again;   /* an earlier daemon was told: the main thread's own */
	bool serving; /* a request was given to the guest and not answered yet: the vCPU thread's own */
};

/* By the vCPU's thread. False: the guest is over before there is an answer. */
bool ask_call(struct vcpu *v, struct ffa_call *call);

/*
 * By the main thread: the frame of a call that is to be told, or false; ask_told() once it left. ask_tell_again(): another
 * daemon is there. ask_answer(): NULL, or what is wrong with it.
 */
bool ask_frame(struct vcpu *v, struct vmm_call *ret);
void ask_told(struct vcpu *v);
void ask_tell_again(struct machine *m);
const char *ask_answer(struct machine *m, const struct vmm_answer *answer);
