/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a device by an instruction that a hypervisor cannot decode (a pair): prints what it gets for it, switches itself off. */
#include "guest.h"

GUEST_START
	PRINT up
	adr x0, vectors
	msr vbar_el1, x0
	isb
	ldr x1, =SERIAL
	ldp x2, x3, [x1]
	PRINT nothing
1:	b 1b

	.balign 2048
vectors:
	.rept 16
	.balign 128
	b handler
	.endr
handler:
	PRINT status
	mrs x0, esr_el1
	and x0, x0, #0x3f /* DFSC: 0x10 is a synchronous external abort */
	bl puthex
	ldr x0, =PSCI_SYSTEM_OFF
	bl psci
2:	b 2b

	.section .rodata
nothing: .asciz "nothing happened\n"
status:	.asciz "fault status: "
