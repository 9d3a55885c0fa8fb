/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What is said in the journal of a row's conditions: they are no events, for nothing of them is stored. */

#include "engine/ports.h"

struct conditions {
	uint64_t life;
	bool secure_stuck, unreachable;
};

struct conditions conditions_of(const struct vm_row *v);
void conditions_say(const struct conditions *before, const struct vm_row *v);
