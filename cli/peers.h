/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Debts as others show them, too. */

#include "output.h"

struct json_object *peer_to_json(const struct lifecycle_peer *p);
/* "in 20 ms", "now" for what is due, "-" for never. */
void peer_add_time(struct table *t, uint64_t at);
#define PEER_COLUMNS "DEBT", "HOW", "FOR", "TRIES/ALL", "LAST REPLY", "PLACE", "NEXT", "UNTIL"
void peer_add_debt(struct table *t, const struct lifecycle_peer *p);
