/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The secure world as one JSON document. */

#include "spmc/text.h"
#include "spmc/world.h"

void document_write(struct text *t, const struct world *w, bool link, uint64_t now);
void document_write_notifiers(struct text *t, const struct sp *sp, uint64_t now); /* notifying.c */
const char *document_vm_state(uint8_t state);
const char *document_sp_state(uint8_t state);
const char *document_status(int32_t status);
