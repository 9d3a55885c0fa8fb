/* SPDX-License-Identifier: Apache-2.0 */
/* Sends direct requests to secure partition 0x8001 without a pause, counts each that was answered with the same w3; prints each error once. */
#include "guest.h"

#define PARTITION 0x8001

GUEST_START
	PRINT up
	ldr x20, =COUNTERS
	ldr w0, =FFA_VERSION
	ldr w1, =0x10002
	smc #0
	ldr w0, =FFA_ID_GET
	smc #0
	lsl w23, w2, #16
	ldr w1, =PARTITION
	orr w23, w23, w1
	mov x24, #0
	mov x25, #0
again:
	add w24, w24, #1
	ldr w0, =FFA_DIRECT_REQ
	mov x1, x23
	mov x2, #0
	mov x3, x24
	smc #0
	ldr w9, =FFA_DIRECT_RESP
	cmp w0, w9
	b.ne error
	cmp w3, w24
	b.ne wrong
	mov x25, #0
	ldr x21, [x20]
	add x21, x21, #1
	str x21, [x20]
	b again
error:
	cmp w2, w25
	b.eq rest
	mov w25, w2
	PRINT failed
	mov w0, w25
	bl puthex
rest:
	SLEEP 5
	b again
wrong:
	PRINT bad
	SLEEP 1000
	b wrong

	.section .rodata
failed:	.asciz "error "
bad:	.asciz "wrong answer\n"
