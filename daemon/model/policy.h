/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What follows an end that nobody asked for, and the order of starts. */

#include "model/step.h"

bool policy_wants_restart(const struct vm_definition *d, enum vm_cause cause);
bool policy_may_restart(struct step *s, struct vm *vm); /* counts it; false: the limit is reached */
uint64_t policy_delay(const struct vm *vm);             /* ns from the end of a life to the next */
const char *policy_unmet_order(const struct model *m, const struct vm *vm); /* the VM to wait for, or NULL */
bool policy_has_cycle(struct model *m, const struct vm_definition *d); /* `after` leads back to the VM itself */
