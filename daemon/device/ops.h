/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a device machine asks of its device: const tables, so that a scripted device can stand where a real one will. None
 * of these calls may wait. Each answers 0 or a negative errno, as VFIO does; a positive answer is named here.
 */

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
