/* SPDX-License-Identifier: Apache-2.0 */
/* An exception that nobody expects: the handler tells pvpanic, asks for a reset, and spins. */
#include "guest.h"

GUEST_START
	PRINT up
	adr x0, vectors
	msr vbar_el1, x0
	isb
	PRINT crash
	udf #0
1:	b 1b

	.balign 2048
vectors:
	.rept 16
	.balign 128
	b handler
	.endr
handler:
	ldr x1, =PVPANIC
	mov w0, #1
	strb w0, [x1]
	ldr x0, =PSCI_SYSTEM_RESET
	bl psci
2:	b 2b

	.section .rodata
crash:	.asciz "crash\n"
