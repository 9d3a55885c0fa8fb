/* SPDX-License-Identifier: Apache-2.0 */
/* Waits for direct requests, counts each, answers it with w3 + 1. */
#include "guest.h"
#include "ffa.h"

GUEST_START
	PRINT up
	FFA FFA_VERSION, 0x10002
	lea regs(%rip), %rbp
	mov $COUNTERS, %r12d
wait:
	FFA FFA_MSG_WAIT
	mov $MAILBOX, %edx
next:	/* w2 of a request is 0, and so is that of its answer. */
	cmpl $FFA_DIRECT_REQ, (%rbp)
	jne strange
	incq (%r12)
	roll $16, 8(%rbp)
	movl $FFA_DIRECT_RESP, (%rbp)
	incl 24(%rbp)
	mov %rbp, (%rdx)
	jmp next
strange:
	PRINT_ANSWER odd, 0
	PRINT_ANSWER status, 2
	SLEEP 10
	jmp wait

	.section .rodata
odd:	.asciz "got "
status:	.asciz "status "
