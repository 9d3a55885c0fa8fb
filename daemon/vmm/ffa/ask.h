/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A guest's FF-A call on its way: answered by the endpoint, or asked of the daemon while the vCPU's thread waits outside
 * KVM_RUN. The thread sends and waits by itself, on a channel of its own (proto/vmm-link.h). The main thread only gets it
 * one, and breaks it where the link breaks or the guest is over: then the thread's wait ends at once.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/vmm-link.h"
#include "vmm/ffa/endpoint.h"

struct machine;
struct vcpu;

/* Who is to act. The thread moves READY to WANTS; every other move is the main thread's. */
enum ask_state {
	ASK_READY = 0, /* the thread: on the channel that there is; it may be broken, or none yet */
	ASK_WANTS,     /* the main thread: to ask for a channel */
	ASK_ASKED,     /* the daemon: to send one */
	ASK_OVER,      /* nobody: the guest is over */
};

struct ask {
	_Atomic uint32_t state;   /* enum ask_state; a futex */
	_Atomic int channel;      /* -1: none. Put and closed by the main thread, while the thread waits for it */
	_Atomic(const char *) wrong; /* what the daemon did on it, if it broke the rules */
	uint16_t version; /* of the daemon that gave the channel: put before it */
	bool given;   /* the channel is of the link of now: the main thread's own */
	bool told;    /* some daemon may know of the call: the vCPU thread's own */
	bool serving; /* a request was given to the guest and not answered yet: likewise */
};

/* By the vCPU's thread. False: the guest is over before there is an answer. */
bool ask_call(struct vcpu *v, struct ffa_call *call);

/*
 * By the main thread. ask_wants(): a channel is to be asked for; ask_asked() once it was. ask_channel(): here it is; NULL,
 * or what is wrong with it. ask_cut(): the link is closed, and no channel holds any more. ask_wrong(): what is wrong with
 * one, so that the link is to be closed; or NULL.
 */
void ask_init(struct vcpu *v);
bool ask_wants(struct vcpu *v);
void ask_asked(struct vcpu *v);
const char *ask_channel(struct machine *m, const struct vmm_channel *frame, int *fd);
void ask_cut(struct machine *m);
const char *ask_wrong(struct machine *m);
void ask_over(struct vcpu *v); /* its thread leaves its wait for good */
