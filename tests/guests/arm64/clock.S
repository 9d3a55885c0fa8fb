/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at its clock (the virtual counter, told in ns) every 10 ms, counts, and keeps the longest step between two looks behind
 * its counter.
 */
#include "guest.h"

GUEST_START
	PRINT up
	ldr x19, =COUNTERS
	mrs x22, cntfrq_el0
	ldr x23, =1000000000
	mrs x20, cntvct_el0
again:
	SLEEP 10
	isb
	mrs x1, cntvct_el0
	sub x2, x1, x20
	mov x20, x1
	mul x2, x2, x23
	udiv x2, x2, x22
	ldr x3, [x19, #8]
	cmp x2, x3
	b.ls 1f
	str x2, [x19, #8]
1:	ldr x3, [x19]
	add x3, x3, #1
	str x3, [x19]
	b again
