/* SPDX-License-Identifier: Apache-2.0 */
/* Reports a panic at pvpanic, then asks for a reset as a kernel does: the first of the two is the cause. */
#include "guest.h"

GUEST_START
	PRINT up
	mov $PVPANIC, %edx
	mov $2, %al
	out %al, %dx
	PRINT panic
	mov $PVPANIC, %edx
	mov $1, %al
	out %al, %dx
	mov $0xfe, %al
	out %al, $I8042
1:	jmp 1b

	.section .rodata
panic:	.asciz "panic\n"
