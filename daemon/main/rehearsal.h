/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A model beside the real one, with the same VMs: requests are asked of it to see what would come of them. */

#include "engine/ports.h"

struct rehearsal;
struct rehearsal *rehearsal_new(const struct rows *rows, uint16_t first_id, uint16_t last_id); /* NULL: out of memory */
/* Takes over the definition. 0 or -ENOMEM. */
int rehearsal_ask(struct rehearsal *r, struct input *in, struct answer *ret);
struct rehearsal *rehearsal_free(struct rehearsal *r);
