/* SPDX-License-Identifier: Apache-2.0 */
/* Switches itself off. */
#include "guest.h"

GUEST_START
	PRINT up
	PRINT off
	ldr x0, =PSCI_SYSTEM_OFF
	bl psci
1:	b 1b

	.section .rodata
off:	.asciz "power off\n"
