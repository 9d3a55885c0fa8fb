/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each vCPU for itself sends direct requests without a pause, with the number of answers so far in w3, and counts each that
 * was answered with w3 + 1. At most eight vCPUs.
 */
#include "guest.h"
#include "ffa.h"

	.macro SEND
	mov $MAILBOX, %edx
	mov %rbx, (%rdx)
	.endm

GUEST_START
	lea blocks(%rip), %rbx
	mov %rbp, %rax
	shl $8, %rax
	add %rax, %rbx
	mov $COUNTERS, %r12d
	mov %rbp, %rax
	shl $6, %rax
	add %rax, %r12
	mov $FFA_VERSION, %eax
	mov %rax, (%rbx)
	movq $0x10002, 8(%rbx)
	SEND
again:
	mov $FFA_DIRECT_REQ, %eax
	mov %rax, (%rbx)
	movq $(1 << 16 | SERVER), 8(%rbx)
	movq $0, 16(%rbx)
	mov (%r12), %rax
	mov %rax, 24(%rbx)
	SEND
	cmpl $FFA_DIRECT_RESP, (%rbx)
	jne rest
	mov (%r12), %rax
	inc %rax
	cmp %rax, 24(%rbx)
	jne rest
	incq (%r12)
	jmp again
rest:
	SLEEP 5
	jmp again

	/* The registers of each vCPU. */
	.bss
	.balign 256
blocks:	.skip 8 * 256
