/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the command line says of the SPs. */

#include "spmc/world.h"

int options_add_sp(struct world_config *config, const char *text, const char **ret_why);
int options_discovery(struct world_config *config, const char *text);
void options_default_sps(struct world_config *config);
