/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli.h"
#include "output.h"

/* Adds the burned FF-A ids to the table, or to the array if there is one. */
void list_burned(struct cli *c, struct table *t, struct json_object *array);
