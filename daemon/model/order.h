/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which VMs and SPs must be there before a VM starts, which start with it, and which it does not outlive. */

#include "model/step.h"

#define ORDER_PULL_MAX 64 /* VMs that one start may start */

/* The VM, and the SP, to wait for; NULL: none. */
const char *order_unmet(const struct model *m, const struct vm *vm);
const struct wanted_partition *order_unmet_partition(const struct model *m, const struct vm *vm);

/* How long an SP is waited for; a new daemon has to meet it first. */
uint64_t order_partition_until(const struct model *m, const struct vm *vm);

/* `after` and `requires` lead back to the VM itself: the text names the circle. */
bool order_has_cycle(struct model *m, const struct vm_definition *d, char *text, size_t size);

/* What the VM requires is started, if it is not there. If it cannot be, nothing was started, and the text says why. */
enum refusal order_pull(struct step *s, struct vm *vm, char *text, size_t size);

/* It runs, or is about to, by itself or at somebody's word. NULL is not coming. */
bool order_is_coming(const struct vm *vm);

void order_wait(struct step *s, struct vm *vm);           /* until order_wake(): its timer runs out then */
void order_wake(struct step *s);                          /* somebody runs, an SP came: look again who may start */
void order_ended(struct step *s, const struct vm *vm);    /* its life ends, or is not to begin: who requires it? */
void order_requires_timer(struct step *s, struct vm *vm); /* is all there that it requires? */
void order_autostart(struct step *s);
