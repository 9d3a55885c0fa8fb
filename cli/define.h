/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Texts of definitions, for the verbs that handle them. */

#include "cli.h"

#define DEFINITION_MAX (64u << 10)

/* All of a file, or of standard input ("-"); an exit code. *ret is for the caller to free. */
int read_definition(const char *verb, const char *path, char **ret);
/* Says what is wrong with it, on standard error or into `array`; an exit code. */
int validate_text(struct cli *c, const char *text, const char *source, struct json_object *array);
