/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The VFIO migration protocol stated a second time: the primitive arcs that a device implements, and the rule that makes
 * paths of them (Linux, include/uapi/linux/vfio.h, enum vfio_device_mig_state). Nothing of the daemon's tables is used.
 */

#include <stdbool.h>

#include "proto/vfio-migration.h"

/* Whether a device with these flags has this arc, and whether a new data fd comes with it. */
bool oracle_arc(unsigned from, unsigned to, unsigned flags, bool *ret_fd);

/*
 * How many shortest paths there are by the rule, how long they are, and where the first goes first. 0: none is allowed.
 * By the rule there is never more than one.
 */
unsigned oracle_paths(unsigned from, unsigned to, unsigned flags, unsigned *ret_length, unsigned *ret_next);
