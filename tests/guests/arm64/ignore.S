/* SPDX-License-Identifier: Apache-2.0 */
/* Listens to its power key, and does not care. */
#include "guest.h"

GUEST_START
	PRINT up
	ldr x20, =GPIO
	mov w21, #POWER_KEY
	str w21, [x20, #GPIO_MASK]
	PRINT listens
1:	SLEEP 60000
	b 1b

	.section .rodata
listens: .asciz "listens\n"
