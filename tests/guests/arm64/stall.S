/* SPDX-License-Identifier: Apache-2.0 */
/* Counts five naps, then spins with interrupts off while its timer is due. */
#include "guest.h"

GUEST_START
	PRINT up
	ldr x19, =COUNTERS
	mov x20, #5
1:	ldr x0, [x19]
	add x0, x0, #1
	str x0, [x19]
	SLEEP 10
	subs x20, x20, #1
	b.ne 1b
	msr daifset, #0xf
	mov x0, #1000
	msr cntv_tval_el0, x0
	mov x0, #1
	msr cntv_ctl_el0, x0
	isb
2:	b 2b
