/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a device machine asks of its device: const tables, so that a scripted device can stand where a real one will. None
 * of these calls may wait. Each answers 0 or a negative errno, as VFIO does; a positive answer is named here.
 */

#include <stdbool.h>
#include <stdint.h>

/*
 * A vfio-ccw device: one subchannel of an s390 channel. start, halt and clear answer by condition code: 0 -> 0, 1 and 2 ->
 * -EBUSY, 3 -> -ENODEV; start also -EACCES (the path used died, others remain), -EINVAL and -EOPNOTSUPP (a program that
 * cannot be translated).
 */
enum ccw_op_answer {
	CCW_OP_DISABLED = 1,  /* cancel, halt, clear: the subchannel is not enabled, there is nothing to end */
	CCW_OP_PATH_LOST = 2, /* store_schib: the path that the program uses is gone */
};

struct ccw_ops {
	int (*set_up)(void *device);      /* structures are there and the subchannel is disabled; may be called again */
	int (*enable)(void *device);
	int (*disable)(void *device);     /* 0 as well if it is disabled already; -EBUSY: it is at work */
	int (*start)(void *device);       /* translate and pin the program, then SSCH; without success nothing is pinned */
	int (*cancel)(void *device);      /* XSCH: after success no interrupt comes. -EBUSY: too late */
	int (*halt)(void *device);        /* HSCH */
	int (*clear)(void *device);       /* CSCH */
	int (*store_schib)(void *device); /* STSCH, and the path masks are taken from it */
};

struct migration_order;
struct migration_answer;

/*
 * A device that can migrate. VFIO's calls are synchronous and may take long, so each goes to a thread of the device, and is
 * answered later. The device keeps the data fd, and closes it when its session ends.
 */
struct migration_ops {
	/* Begins what is ordered. A reset may be ordered while a SET_STATE is not answered: it wins, and the other is answered
	 * late or never. Negative errno: it could not even begin. */
	int (*submit)(void *device, const struct migration_order *order, uint64_t now);
	/* The next answer that is there by now: true. */
	bool (*answered)(void *device, uint64_t now, struct migration_answer *ret);
	/* When to ask for answers again; UINT64_MAX: not before something calls. */
	uint64_t (*next)(const void *device);
};
