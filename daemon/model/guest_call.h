/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A guest's FF-A call on its way in, and its answer on its way out: registers and whose they are. */

#include <stdbool.h>
#include <stdint.h>

#include "proto/ffa.h"

/* What a receiver's VMM is told of its notifications: struct vmm_notify. */
struct guest_notice {
	uint8_t what; /* enum vmm_notify_what */
	bool per_vcpu;
	uint16_t vcpu;
	uint64_t bitmap, sender;
};

struct guest_call {
	uint16_t vcpu;
	uint16_t flags;   /* enum vmm_call_flag; of a call */
	uint32_t version; /* of FF-A, as the guest negotiated it; of a call */
	uint64_t x[FFA_REGISTERS];
	bool lists;       /* of an answer: its bytes are descriptors, of `uuid` and for `version` (directory_list) */
	uint8_t uuid[16];
	uint32_t size;    /* what comes with it, in or out of the guest's buffers */
	uint8_t *bytes;   /* of a call: heap, taken over by engine_post. Of an answer: valid during the call */
};
