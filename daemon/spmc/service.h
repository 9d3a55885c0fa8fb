/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The running program: one thread, one epoll loop, one timer for the SPs' own work. */

#include <stdbool.h>

#include "spmc/inspect.h"
#include "spmc/link.h"
#include "spmc/memory.h"
#include "spmc/schedule.h"

struct service_options {
	const char *socket, *inspect, *state;
	const char *control; /* NULL: none */
	bool reset;
	uid_t hypervisor; /* whose connections are taken, beside root's and our own user's */
	struct world_config world;
};

int service_run(const struct service_options *o);
