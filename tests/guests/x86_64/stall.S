/* SPDX-License-Identifier: Apache-2.0 */
/* vCPU 0 counts five naps, then spins with interrupts off. The others nap for ever. */
#include "guest.h"

GUEST_START
	test %ebp, %ebp
	jnz others
	PRINT up
	mov $5, %ebx
1:	incq COUNTERS
	SLEEP 10
	dec %ebx
	jnz 1b
	cli
2:	jmp 2b
others:
	SLEEP 1000
	jmp others
