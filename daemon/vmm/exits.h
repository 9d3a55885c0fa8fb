/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What KVM_RUN's answer means (api.rst s.4.10, s.5), as tables: an answer goes in, what the vCPU thread does
 * next comes out, and if the guest is over, the cause to record. Pure: reads struct kvm_run and nothing else.
 */

#include <linux/kvm.h>
#include <stdbool.h>

#include "proto/vmm-link.h"

enum exit_act {
	EXIT_ACT_END = 0, /* the guest is over; zero, so that a forgotten row is safe */
	EXIT_ACT_AGAIN,   /* look at the command word, run again */
	EXIT_ACT_IO,
	EXIT_ACT_MMIO,
	EXIT_ACT_HALT,
	EXIT_ACT_HYPERCALL,
	EXIT_ACT_UNDECODED, /* the guest is given an abort */
	EXIT_ACT_WOKEN,     /* something came for a guest that is suspended */
};

struct exit_verdict {
	enum exit_act act;
	bool pending;       /* the next KVM_RUN completes an operation (1.7): owed before the vCPU counts as
			       quiesced */
	struct vmm_end end; /* meaningful when act is EXIT_ACT_END; vcpu is left 0 */
};

/* `r` is what kvm_vcpu_run returned; `reset_asked`: the guest prepared a reset, so a triple fault is one
 * (1.5). */
void exit_judge(const struct kvm_run *run, int r, bool reset_asked, struct exit_verdict *ret);
