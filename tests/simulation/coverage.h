/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What came to the daemon in a run, by its kind: what never came is not tested, whatever the oracle says. */

#include <stdbool.h>
#include <stdint.h>

#include "model/inputs.h"

#define COVERED_CALLS 20

struct coverage {
	uint64_t input[IN_SHUTDOWN + 1], verb[REQUEST_CANCEL + 1];
	uint64_t call[COVERED_CALLS]; /* of guests, as the table in coverage.c has them; the last: any other */
};

void coverage_note(struct coverage *c, const struct input *in);
void coverage_add(struct coverage *sum, const struct coverage *c);
bool coverage_is_whole(const struct coverage *c); /* false: it says what never happened */
