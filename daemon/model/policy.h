/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What follows an end that nobody asked for, and the order of starts. */

#include "model/step.h"

/*
 * Whether the VM's last end brings a restart, and not before when (0: at once); counts it. `l` is the life that ended; NULL:
 * a start failed before there was one. False: no policy wants it, or the limit is reached.
 */
bool policy_restart(struct step *s, struct vm *vm, const struct life *l, uint64_t *ret_at);
const char *policy_unmet_order(const struct model *m, const struct vm *vm); /* the VM to wait for, or NULL */
/* `after` leads back to the VM itself: the text names the whole circle. */
bool policy_has_cycle(struct model *m, const struct vm_definition *d, char *text, size_t size);
