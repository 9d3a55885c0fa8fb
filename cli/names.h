/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli.h"

struct names {
	int count;
	char **name; /* each once */
};

bool name_is_pattern(const char *name);
/* Whether one of them matches, or there is none. */
bool name_is_wanted(const char *name, int argc, char *const *argv);

/* Puts what matches in the place of each pattern. An exit code: a pattern that nothing matches is an error, and nothing is done. */
int names_expand(struct cli *c, const char *verb, int argc, char *const *argv, struct names *ret);
void names_clear(struct names *n);
