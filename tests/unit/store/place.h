/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A directory of a test's own, and files in it. */

#include <stdbool.h>
#include <stddef.h>

struct place {
	char path[64];
};

int place_make(void **state); /* cmocka's setup and teardown */
int place_remove(void **state);

const char *place_path(struct place *p, const char *name); /* valid until the eighth call after */
void place_write(struct place *p, const char *name, const void *data, size_t length);
char *place_read(struct place *p, const char *name, size_t *ret_length); /* heap; NULL: not there */
bool place_has(struct place *p, const char *name);
void place_copy(struct place *p, const char *from, const char *to);
