/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks into its RX buffer for messages, counts each and gives the buffer back. Numbers rise by one, but that one whose sender
 * cannot know whether it came may come again: else it says so.
 */
#include "guest.h"

GUEST_START
	PRINT up
	ldr w0, =FFA_VERSION
	ldr w1, =0x10002
	smc #0
	MAP_BUFFERS
	ldr x19, =RX
	ldr x20, =COUNTERS
	mov x25, #0
look:
	ldr w9, [x19, #16]
	cbnz w9, got
	SLEEP 1
	b look
got:
	dmb ishld // the size is written last
	ldr w23, [x19, #40]
	cbz x25, right
	cmp w23, w24
	b.eq right
	add w9, w23, #1
	cmp w9, w24
	b.eq right
	PRINT bad
right:
	mov x25, #1
	add w24, w23, #1
	ldr x21, [x20]
	add x21, x21, #1
	str x21, [x20]
	str wzr, [x19, #16]
	ldr w0, =FFA_RX_RELEASE
	mov x1, #0
	smc #0
	b look

	.section .rodata
bad:	.asciz "bad number\n"
