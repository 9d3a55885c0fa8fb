/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A secure world as a file says it (--sps). */

#include "spmc/options.h"

/* Adds to `config`; after a failure there may be something of the file in it. */
int file_read(struct world_config *config, const char *path, struct complaint *why);
