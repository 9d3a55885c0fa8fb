/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Between a set of devices and the devices: orders down, answers up, as far as it goes without waiting. */

#include "device/migration_set.h"
#include "device/ops.h"

struct migration_handle {
	const struct migration_ops *ops;
	void *device;
};

/* `handle` has one for each device of the set, in its order. */
void migration_drive(struct migration_set *s, const struct migration_handle *handle, uint64_t now);

/* When to drive again at the latest; UINT64_MAX: when something calls. */
uint64_t migration_drive_deadline(const struct migration_set *s, const struct migration_handle *handle);
