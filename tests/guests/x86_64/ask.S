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
	lea regs(%rip), %rbp
	mov $COUNTERS, %r12d
	mov $FFA_DIRECT_REQ, %r11d
anew:
	mov $MAILBOX, %edx
	movq $0, 16(%rbp)
	mov %r14, 24(%rbp)
again:	/* A right answer has w2 and w3 as the next request wants them: few instructions, for a host may emulate each. */
	mov %r11, (%rbp)
	mov %r13, 8(%rbp)
	mov %rbp, (%rdx)
	cmpl $FFA_DIRECT_RESP, (%rbp)
	jne error
	inc %r14d
	cmp %r14d, 24(%rbp)
	jne wrong
	incq (%r12)
	jmp again
error:
	mov regs + 16(%rip), %eax
	cmp %eax, %r15d
	je rest
	mov %eax, %r15d
	PRINT_ANSWER failed, 2
rest:
	SLEEP 5
	jmp anew
wrong:
	PRINT_ANSWER bad, 3
	SLEEP 1000
	jmp wrong

	.section .rodata
failed:	.asciz "error "
bad:	.asciz "wrong answer "
