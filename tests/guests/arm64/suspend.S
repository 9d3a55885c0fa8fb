/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks to be suspended until its timer fires, a second and a half later, if there is such a thing here (then it has a GICv3, too).
 * Prints the answer; or, when it is awake again, the context it is given. Then it resets itself by SYSTEM_RESET2.
 */
#include "guest.h"

#define GICD 0x08000000
#define GICR_SGI 0x080B0000
#define TIMER_PPI 27

GUEST_START
	PRINT up
	ldr x0, =PSCI_FEATURES
	ldr x1, =PSCI_SYSTEM_SUSPEND
	bl psci
	cbnz w0, ask

	ldr x1, =GICD
	mov w0, #0x12 /* affinity routing, group 1 */
	str w0, [x1]
	ldr x1, =GICR_SGI
	mov w0, #1 << TIMER_PPI
	str w0, [x1, #0x80] /* IGROUPR0 */
	str w0, [x1, #0x100] /* ISENABLER0 */
	mov x0, #0xff
	msr s3_0_c4_c6_0, x0 /* ICC_PMR_EL1 */
	mrs x0, cntfrq_el0
	add x0, x0, x0, lsr #1
	msr cntv_tval_el0, x0
	mov x0, #1
	msr cntv_ctl_el0, x0
	isb
ask:
	PRINT suspended
	ldr x0, =PSCI_SYSTEM_SUSPEND
	adr x1, awake
	mov x2, #0x2a
	bl psci
	bl puthex
	b reset
awake:
	mov x20, x0
	PRINT woken
	mov x0, x20
	bl puthex
reset:
	ldr x0, =PSCI_SYSTEM_RESET2
	mov x1, #0
	mov x2, #0
	bl psci
1:	b 1b

	.section .rodata
suspended: .asciz "SYSTEM_SUSPEND: "
woken:	.asciz "awake with: "
