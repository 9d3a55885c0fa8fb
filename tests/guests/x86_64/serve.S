/* SPDX-License-Identifier: Apache-2.0 */
/* Waits for direct requests, counts each, answers it with w3 + 1. */
#include "guest.h"
#include "ffa.h"

GUEST_START
	PRINT up
	FFA FFA_VERSION, 0x10002
	FFA FFA_MSG_WAIT
next:
	cmpl $FFA_DIRECT_REQ, regs(%rip)
	jne strange
	mov $COUNTERS, %eax
	incq (%rax)
	mov regs + 8(%rip), %eax
	rol $16, %eax
	mov %eax, regs + 8(%rip)
	movl $FFA_DIRECT_RESP, regs(%rip)
	movq $0, regs + 16(%rip)
	incl regs + 24(%rip)
	call ffa
	jmp next
strange:
	PRINT_ANSWER odd, 0
	PRINT_ANSWER status, 2
	SLEEP 10
	FFA FFA_MSG_WAIT
	jmp next

	.section .rodata
odd:	.asciz "got "
status:	.asciz "status "
