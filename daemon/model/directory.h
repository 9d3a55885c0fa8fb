/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Who there is, as a guest is told (FFA_PARTITION_INFO_GET_REGS, DEN0077A v1.2 s.13.9): Secure Partitions, then every VM
 * that has a life. What changes between two calls moves the tag, and the guest begins anew.
 */

#include "model/guest_call.h"

struct model;

/*
 * FFA_PARTITION_INFO_GET (s.13.8): who there is, written into a buffer. The question says how many there are, or `lists` in
 * its answer; directory_list() then writes `bytes`, of which there are `room`, and the registers that tell of them.
 */
void directory_count(const struct model *m, const struct guest_call *call, struct guest_call *answer);
void directory_list(const struct model *m, struct guest_call *answer, uint8_t *bytes, uint32_t room);

/* Writes the answer's registers; `answer->vcpu` is left as it is. */
void directory_answer(const struct model *m, const struct guest_call *call, struct guest_call *answer);
