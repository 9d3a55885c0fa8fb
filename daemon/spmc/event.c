/* SPDX-License-Identifier: Apache-2.0 */
#include "spmc/event.h"

#include <errno.h>
#include <string.h>

static const char *const names[WORLD_EVENT_COUNT] = {
	[WORLD_CRASH] = "crash",
	[WORLD_STOP] = "stop",
	[WORLD_DESTROY] = "destroy",
	[WORLD_RESTART] = "restart",
	[WORLD_ACTIVATE] = "activate",
	[WORLD_FINISH] = "finish",
	[WORLD_PANIC] = "panic",
	[WORLD_RING] = "ring",
	[WORLD_RESET] = "reset",
};

const char *event_name(enum world_event event)
{
	return names[event];
}

int event_find(const char *name)
{
	for (int i = 0; i < WORLD_EVENT_COUNT; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -ENOENT;
}
