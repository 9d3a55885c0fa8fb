/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What is said of the secure world and its SPs: one table of names, ranges and places, for the command line (--sp) and
 * for the file (--sps) alike.
 */

#include "spmc/world.h"

/* Why something was not taken: what it is, its value, and what it may be. */
struct complaint {
	char text[256];
};

/* Returns -EINVAL, so that it can end a function. */
int complain(struct complaint *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

int options_set_world(struct world_config *config, const char *name, const char *value, struct complaint *why);

/* An SP: begun by its personality, which has defaults; then its id and the rest in any order; then checked and added. */
int options_begin_sp(struct sp_config *c, const char *personality, struct complaint *why);
int options_set_sp(struct sp_config *c, const char *name, const char *value, struct complaint *why);
int options_end_sp(struct world_config *config, const struct sp_config *c, struct complaint *why);

int options_add_sp(struct world_config *config, const char *text, struct complaint *why); /* PERSONALITY:ID[:OPTION,..] */
void options_default_sps(struct world_config *config);
