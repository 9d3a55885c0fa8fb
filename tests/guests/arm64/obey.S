/* SPDX-License-Identifier: Apache-2.0 */
/* Listens to its power key, and switches itself off when it is pressed. */
#include "guest.h"

GUEST_START
	PRINT up
	ldr x20, =GPIO
	mov w21, #POWER_KEY
	str w21, [x20, #GPIO_MASK]
	PRINT listens
1:	SLEEP 10
	ldr w21, [x20, #(POWER_KEY << 2)]
	cbz w21, 1b
	PRINT obeys
	ldr x0, =PSCI_SYSTEM_OFF
	bl psci
2:	b 2b

	.section .rodata
listens: .asciz "listens\n"
obeys:	.asciz "power off\n"
