/* SPDX-License-Identifier: Apache-2.0 */
/* Asks for the version of FF-A by both conduits (DEN0077A s.13.2), prints the answers, switches itself off. */
#include "guest.h"

GUEST_START
	PRINT up
	CALL smc, FFA_VERSION, by_smc
	CALL hvc, FFA_VERSION, by_hvc
	ldr x0, =PSCI_SYSTEM_OFF
	bl psci
1:	b 1b

	.section .rodata
by_smc:	.asciz "FFA_VERSION by smc: "
by_hvc:	.asciz "FFA_VERSION by hvc: "
