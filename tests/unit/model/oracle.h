/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The legal moves of a VM and of a vCPU, stated a second time from what is known of FF-A v1.3 ALP2 ch. 7 and
 * Hafnium, without a look at the daemon's tables: a test that compares the two finds what either misread.
 * A number that is no state has no legal move, not even to itself.
 */

#include <stdbool.h>

#include "proto/lifecycle.h"

bool oracle_vm_legal(enum vm_state from, enum vm_state to);
/* `forced`: the daemon's own edge to ABORTED is open, which Hafnium lacks. */
bool oracle_vcpu_legal(enum vcpu_state from, enum vcpu_state to, bool forced);
