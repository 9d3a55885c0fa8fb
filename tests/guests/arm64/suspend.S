/* SPDX-License-Identifier: Apache-2.0 */
/* Asks to be suspended, prints the answer, then resets itself by SYSTEM_RESET2. */
#include "guest.h"

GUEST_START
	PRINT up
	CALL hvc, PSCI_SYSTEM_SUSPEND, suspended
	ldr x0, =PSCI_SYSTEM_RESET2
	mov x1, #0
	mov x2, #0
	bl psci
1:	b 1b

	.section .rodata
suspended: .asciz "SYSTEM_SUSPEND: "
