/* SPDX-License-Identifier: Apache-2.0 */
/* Reports a panic at pvpanic, then asks for a reset as a kernel does: the first of the two is the cause. */
#include "guest.h"

GUEST_START
	PRINT up
	ldr x20, =PVPANIC
	mov w0, #2
	strb w0, [x20]
	PRINT panic
	mov w0, #1
	strb w0, [x20]
	ldr x0, =PSCI_SYSTEM_RESET
	bl psci
1:	b 1b

	.section .rodata
panic:	.asciz "panic\n"
