/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Who holds the ends of lives, as a table and as JSON. */

#include "output.h"

#define LEASE_COLUMNS "HOLDER", "UID", "STATE", "SINCE", "LEFT", "WHY"
#define LEASE_TEXT "%s[%" PRIu32 "]"

void lease_add(struct table *t, const struct lifecycle_lease_info *k); /* its LEASE_COLUMNS */
struct json_object *lease_to_json(const struct lifecycle_lease_info *k);

static inline void leases_unrefp(struct lifecycle_lease_list **p)
{
	lifecycle_lease_list_unref(*p);
}
