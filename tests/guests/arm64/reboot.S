/* SPDX-License-Identifier: Apache-2.0 */
/* Asks for a reset. */
#include "guest.h"

GUEST_START
	PRINT up
	ldr x0, =PSCI_SYSTEM_RESET
	bl psci
1:	b 1b
