/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Requests whose replies are not waited for: they are kept in the order in which they were made, until they are popped. */

#include <stdint.h>

struct request;

struct request_list {
	struct request *first, **last; /* last: where the next is hung in; NULL: none ever was */
	uint64_t number;               /* of the one made last */
};

void request_list_clear(struct request_list *list);
