/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "output.h"

struct json_object *partition_to_json(const struct lifecycle_partition *p);

bool secure_side_is_away(struct cli *c);

/* partition_page.c: prints the page about an SP, or adds it to the array if there is one. `peers` are those of all. An exit code. */
int partition_page(struct cli *c, const struct lifecycle_partition *p, const struct lifecycle_peer_list *peers,
	struct json_object *array);
