/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The vCPU state machine: FF-A v1.3 ALP2 ch. 7, and our forced edge to ABORTED, which a kill needs from every state. */

#include <stdbool.h>

#include "proto/lifecycle.h"

bool vcpu_move_is_legal(enum vcpu_state from, enum vcpu_state to);

/*
 * A VMM reports where a vCPU is now, not each step of the way. Whether legal moves lead there, without the vCPU being
 * powered down or made anew in between; the forced edge counts.
 */
bool vcpu_may_have_become(enum vcpu_state from, enum vcpu_state to);

/* The forced edge: a VMM was killed, or its guest quiesced, and the vCPU is wherever it is. */
bool vcpu_may_be_forced(enum vcpu_state from, enum vcpu_state to);
