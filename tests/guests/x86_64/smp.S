/* SPDX-License-Identifier: Apache-2.0 */
/* Each vCPU waits for its turn, prints its index, and counts every 10 ms at its own place. */
#include "guest.h"

GUEST_START
	lea turn(%rip), %rbx
wait:
	cmp %ebp, (%rbx)
	je mine
	SLEEP 1
	jmp wait
mine:
	PRINT vcpu
	mov %ebp, %eax
	mov $10, %ecx
	xor %edx, %edx
	div %ecx
	add $'0', %al
	add $'0', %dl
	mov %al, digits(%rip)
	mov %dl, digits + 1(%rip)
	PRINT digits
	incl (%rbx)
	mov $COUNTERS, %ebx
	shl $6, %rbp
	add %rbp, %rbx
count:
	incq (%rbx)
	SLEEP 10
	jmp count

	.section .rodata
vcpu:	.asciz "vcpu "
	.data
	.balign 8
turn:	.long 0
digits:	.asciz "00\n"
