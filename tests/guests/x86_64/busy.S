/* SPDX-License-Identifier: Apache-2.0 */
/* Counts without leaving the guest, with interrupts on. */
#include "guest.h"

GUEST_START
	PRINT up
	mov $COUNTERS, %ebx
	shl $6, %rbp
	add %rbp, %rbx
	sti
1:	incq (%rbx)
	jmp 1b
