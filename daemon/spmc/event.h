/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Events by name: in commands, schedules and the inspection. */

#include "spmc/world.h"

const char *event_name(enum world_event event);
int event_find(const char *name); /* -ENOENT */
