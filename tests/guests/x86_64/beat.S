/* SPDX-License-Identifier: Apache-2.0 */
/* Counts every 10 ms, and prints a line about every second. */
#include "guest.h"

GUEST_START
	PRINT up
	mov $COUNTERS, %ebx
again:
	mov $100, %r12d
count:
	incq (%rbx)
	SLEEP 10
	dec %r12d
	jnz count
	PRINT beat
	jmp again

	.section .rodata
beat:	.asciz "beat\n"
