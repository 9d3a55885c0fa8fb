/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A guest's FF-A call on its way in, and its answer on its way out: registers and whose they are. */

#include <stdint.h>

#include "proto/ffa.h"

struct guest_call {
	uint16_t vcpu;
	uint16_t flags;   /* enum vmm_call_flag; of a call */
	uint32_t version; /* of FF-A, as the guest negotiated it; of a call */
	uint64_t x[FFA_REGISTERS];
};
