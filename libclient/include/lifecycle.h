/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_H
#define LIFECYCLE_H

/*
 * liblifecycle: see, steer and follow the VMs of a lifecycled(8). Read liblifecycle(3).
 *
 * Handles are opaque and counted: ..._new or ..._open makes one reference, ..._unref drops one, takes NULL and returns
 * NULL. No threads, no callbacks, no globals: a handle belongs to one thread at a time, different handles to any.
 * Functions return 0 or a positive count, or a negative errno. Arguments called ret are written on success only.
 * Pointers that come out of a handle live as long as the handle.
 *
 * Structs that may grow begin with `size`. Those the library makes carry the size it filled in; for those you hand in,
 * set `size` to sizeof before the call (LIFECYCLE_EVENT_INIT, LIFECYCLE_PAGE_INFO_INIT, LIFECYCLE_REPLY_INIT,
 * LIFECYCLE_AWAITED_INIT). Those without it stay as they are: they are part of one that has it, and it is that one which grows.
 *
 * Times are CLOCK_MONOTONIC in ns, except where called realtime (CLOCK_REALTIME in ns). 0 means there is none.
 * Enumerations travel as int: a newer daemon may say a value that this library does not know, it reads
 * LIFECYCLE_UNKNOWN.
 */

#include <lifecycle/words.h>
#include <lifecycle/connection.h>
#include <lifecycle/see.h>
#include <lifecycle/define.h>
#include <lifecycle/properties.h>
#include <lifecycle/steer.h>
#include <lifecycle/lease.h>
#include <lifecycle/follow.h>
#include <lifecycle/page.h>
#include <lifecycle/console.h>
#include <lifecycle/log.h>
#include <lifecycle/metrics.h>

#endif
