/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The secure world as one JSON document. */

#include "spmc/text.h"
#include "spmc/world.h"

void document_write(struct text *t, const struct world *w, bool link);
const char *document_status(int32_t status);
