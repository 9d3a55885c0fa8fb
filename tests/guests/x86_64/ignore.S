/* SPDX-License-Identifier: Apache-2.0 */
/* Listens to its power key, and does not care. */
#include "guest.h"

GUEST_START
	PRINT up
	mov $(GPIO + GPIO_MASK), %edx
	mov $POWER_KEY, %eax
	out %eax, %dx
	PRINT listens
1:	SLEEP 60000
	jmp 1b

	.section .rodata
listens: .asciz "listens\n"
