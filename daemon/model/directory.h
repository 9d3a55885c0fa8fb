/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Who there is, as a guest is told (FFA_PARTITION_INFO_GET_REGS, DEN0077A v1.2 s.13.9): Secure Partitions, then every VM
 * that has a life. What changes between two calls moves the tag, and the guest begins anew.
 */

#include "model/guest_call.h"

struct model;

/* Writes the answer's registers; `answer->vcpu` is left as it is. */
void directory_answer(const struct model *m, const struct guest_call *call, struct guest_call *answer);
