/* SPDX-License-Identifier: Apache-2.0 */
/* Switches itself off, as ACPI does. */
#include "guest.h"

GUEST_START
	PRINT up
	PRINT off
	mov $PM1A, %edx
	mov $0x2000, %eax
	out %ax, %dx
1:	jmp 1b

	.section .rodata
off:	.asciz "power off\n"
