/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What is told of notifiers that have run: `told` is how many of each SP were, and is moved on. */

#include "spmc/world.h"

void notifying_report(const struct world *w, uint64_t told[WORLD_SPS]);
