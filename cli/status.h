/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the page about a VM is made of. */

#include "journal.h"
#include "output.h"
#include "usage.h"

struct page {
	const struct lifecycle_vm_details *d;
	const struct lifecycle_lease_list *leases; /* NULL: a daemon that knows of none */
	const char *console; /* NULL: not for this reader */
	size_t console_size;
	struct usage usage;
	struct journal journal;
};

struct json_object *page_to_json(const struct page *p);
