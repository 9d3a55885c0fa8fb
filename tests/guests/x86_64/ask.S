/* SPDX-License-Identifier: Apache-2.0 */
/* Sends direct requests to VM 0x7001 without a pause, counts each that was answered with w3 + 1; prints each error once. */
#include "guest.h"
#include "ffa.h"

GUEST_START
	PRINT up
	FFA FFA_VERSION, 0x10002
	FFA FFA_ID_GET
	mov regs + 16(%rip), %eax
	shl $16, %eax
	or $SERVER, %eax
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
	mov %r14d, %eax
	inc %eax
	cmp %eax, regs + 24(%rip)
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
