/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What goes wrong in a world, and how often; 0: never. */

struct faults {
	unsigned crash;                       /* per 100,000 outputs of the daemon: it dies before or after that one */
	unsigned mischief;                    /* ms between two of the following, in the mean */
	unsigned kinds;                       /* bits of enum mischief */
	unsigned vmm_hang, vmm_fail, sp_deny; /* per 1,000 */
};

enum mischief {
	MISCHIEF_CRASH = 1 << 0,
	MISCHIEF_REBOOT = 1 << 1,
	MISCHIEF_DISK = 1 << 2,
	MISCHIEF_KILL = 1 << 3,
	MISCHIEF_PROTOCOL = 1 << 4,
	MISCHIEF_VMM_LINK = 1 << 5,
	MISCHIEF_LINK = 1 << 6,
	MISCHIEF_SP_RESTART = 1 << 7,
	MISCHIEF_RESET = 1 << 8,
	MISCHIEF_SP_LEAVES = 1 << 9,
	MISCHIEF_SHUTDOWN = 1 << 10,
	MISCHIEF_SP_STUCK = 1 << 11,
	MISCHIEF_SP_DEAF = 1 << 12, /* it does not want to hear of ends any more */
	MISCHIEF_KINDS = 13,
	MISCHIEF_ALL = (1 << MISCHIEF_KINDS) - 1,
};
