/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where the book of the secure world lives: in a state file mapped shared, or in memory of our own. */

#include <stdbool.h>

#include "spmc/world.h"

struct memory {
	int fd; /* the locked state file, or -1 */
	size_t size;
};

int memory_uuid(uint8_t ret[16]);
int memory_open(struct memory *m, struct world *w, const char *path, bool reset);
void memory_close(struct memory *m, struct world *w);
