/* SPDX-License-Identifier: Apache-2.0 */
/* Sends direct requests to secure partition 0x8001 without a pause, counts each that was answered with the same w3; prints each error once. */
#include "guest.h"
#include "ffa.h"

#define PARTITION 0x8001

GUEST_START
	PRINT up
	FFA FFA_VERSION, 0x10002
	FFA FFA_ID_GET
	mov regs + 16(%rip), %eax
	shl $16, %eax
	or $PARTITION, %eax
	mov %eax, %r13d
	xor %r14d, %r14d
	xor %r15d, %r15d
again:
	inc %r14d
	movl $FFA_DIRECT_REQ, regs(%rip)
	mov %r13, regs + 8(%rip)
	movq $0, regs + 16(%rip)
	mov %r14, regs + 24(%rip)
	call ffa
	cmpl $FFA_DIRECT_RESP, regs(%rip)
	jne error
	cmp %r14d, regs + 24(%rip)
	jne wrong
	xor %r15d, %r15d
	mov $COUNTERS, %eax
	incq (%rax)
	jmp again
error:
	mov regs + 16(%rip), %eax
	cmp %eax, %r15d
	je rest
	mov %eax, %r15d
	PRINT_ANSWER failed, 2
rest:
	SLEEP 5
	jmp again
wrong:
	PRINT_ANSWER bad, 3
	SLEEP 1000
	jmp wrong

	.section .rodata
failed:	.asciz "error "
bad:	.asciz "wrong answer "
