/* SPDX-License-Identifier: Apache-2.0 */
/* vCPU 0 halts with interrupts on, which waits; the others with interrupts off, which is for good. */
#include "guest.h"

GUEST_START
	mov $COUNTERS, %ebx
	incq (%rbx)
	test %ebp, %ebp
	jnz 1f
	sti
1:	hlt
	jmp 1b
