/* SPDX-License-Identifier: Apache-2.0 */
/* Listens to its power key, and switches itself off when it is pressed. */
#include "guest.h"

GUEST_START
	PRINT up
	mov $(GPIO + GPIO_MASK), %edx
	mov $POWER_KEY, %eax
	out %eax, %dx
	PRINT listens
1:	SLEEP 10
	mov $(GPIO + (POWER_KEY << 2)), %edx
	in %dx, %eax
	test %eax, %eax
	jz 1b
	PRINT obeys
	mov $PM1A, %edx
	mov $0x2000, %eax
	out %ax, %dx
2:	jmp 2b

	.section .rodata
listens: .asciz "listens\n"
obeys:	.asciz "power off\n"
