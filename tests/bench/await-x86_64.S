/* SPDX-License-Identifier: Apache-2.0 */
/* Counts once, waits inside the guest until the word behind the counter is set, and switches itself off. */
#include "guest.h"

GUEST_START
	mov $COUNTERS, %ebx
	incq (%rbx)
1:	cmpq $0, 8(%rbx)
	je 1b
	mov $PM1A, %edx
	mov $0x2000, %eax
	out %ax, %dx
2:	jmp 2b
