/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What follows an end that nobody asked for. */

#include "model/step.h"

/*
 * Whether the VM's last end brings a restart, and not before when (0: at once); counts it. `l` is the life that ended; NULL:
 * a start failed before there was one. False: no policy wants it, or the limit is reached.
 */
bool policy_restart(struct step *s, struct vm *vm, const struct life *l, uint64_t *ret_at);

/* Whether a life that ends now is to be kept for a post-mortem, by what the VM's definition says of such an end. */
bool policy_preserves(const struct step *s, const struct life *l, enum vm_cause cause);
