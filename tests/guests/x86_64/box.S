/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks into its RX buffer for messages, counts each and gives the buffer back. Numbers rise by one, but that one whose sender
 * cannot know whether it came may come again: else it says so.
 */
#include "guest.h"
#include "ffa.h"

GUEST_START
	PRINT up
	FFA FFA_VERSION, 0x10002
	MAP_BUFFERS
	mov $COUNTERS, %r12d
	xor %r15d, %r15d
look:
	cmpl $0, RX + 16
	jne got
	SLEEP 1
	jmp look
got:
	mov RX + 40, %r13d
	test %r15d, %r15d
	jz first
	cmp %r14d, %r13d
	je right
	inc %r13d
	cmp %r14d, %r13d
	je again
	PRINT bad
again:
	dec %r13d
first:
	mov $1, %r15d
right:
	lea 1(%r13), %r14d
	incq (%r12)
	movl $0, RX + 16
	FFA FFA_RX_RELEASE
	jmp look

	.section .rodata
bad:	.asciz "bad number\n"
