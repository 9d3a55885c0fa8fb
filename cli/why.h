/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the paragraph about a VM and the chain of who waits for whom have in common. */

#include "output.h"
#include "words.h"

/* " It waits on VM 'db', which has to run before it" with "It" as `who`; nothing if it waits for nothing. */
void why_add_party(struct words *t, const char *who, const struct lifecycle_waits_on *w);
/* The debt that is waited for, or NULL. */
const struct lifecycle_peer *why_find_peer(const struct lifecycle_peer_list *peers, const struct lifecycle_waits_on *on);

/*
 * From one VM on: on whom it waits, on whom that one does, and so on, also through calls of vCPUs, to whoever waits for no VM.
 * Printed where there is more than the paragraph says already, or added to `array`.
 */
void why_chain(struct cli *c, const struct lifecycle_vm_details *d, struct json_object *array);
