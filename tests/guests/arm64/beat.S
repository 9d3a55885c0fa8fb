/* SPDX-License-Identifier: Apache-2.0 */
/* Counts every 10 ms, and prints a line about every second. */
#include "guest.h"

GUEST_START
	PRINT up
	ldr x20, =COUNTERS
again:
	mov w21, #100
count:
	ldr x22, [x20]
	add x22, x22, #1
	str x22, [x20]
	SLEEP 10
	subs w21, w21, #1
	b.ne count
	PRINT beat
	b again

	.section .rodata
beat:	.asciz "beat\n"
