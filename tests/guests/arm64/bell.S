/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints the number of its notification pending interrupt, binds notification 0 to VM 0x7003, waits for it, takes it, counts
 * how often. Prints each other answer once, and what it took that is not that one.
 */
#include "guest.h"

GUEST_START
	PRINT up
	ldr x20, =COUNTERS
	ldr w0, =FFA_VERSION
	ldr w1, =0x10002
	smc #0
	ldr w0, =FFA_FEATURES
	mov x1, #1
	smc #0
	mov w25, w2
	PRINT npi
	mov w0, w25
	bl puthex
	ldr w0, =FFA_ID_GET
	smc #0
	mov w23, w2
	mov x25, #0
bind:
	ldr w0, =FFA_NOTIFICATION_BIND
	ldr w1, =RINGER
	orr w1, w23, w1, lsl #16
	mov x2, #0
	mov x3, #1
	mov x4, #0
	smc #0
	ldr w9, =FFA_SUCCESS
	cmp w0, w9
	b.eq bound
	cmp w2, w25
	b.eq 1f
	mov w25, w2
	PRINT failed
	mov w0, w25
	bl puthex
1:	SLEEP 5
	b bind
bound:
	PRINT is_bound
wait:
	ldr w0, =FFA_MSG_WAIT
	mov x1, #0
	mov x2, #0
	smc #0
	ldr w0, =FFA_NOTIFICATION_GET
	mov w1, w23
	mov x2, #2
	mov x3, #0
	smc #0
	ldr w9, =FFA_SUCCESS
	cmp w0, w9
	b.ne wrong
	cbz w4, empty
	cmp w4, #1
	b.ne wrong
	ldr x21, [x20]
	add x21, x21, #1
	str x21, [x20]
	b wait
	/* Run, and nothing was there: a daemon that died in between did not know that it was taken. */
empty:
	ldr x21, [x20, #16]
	add x21, x21, #1
	str x21, [x20, #16]
	b wait
wrong:
	mov w25, w2
	PRINT bad
	mov w0, w25
	bl puthex
	SLEEP 1000
	b wait

	.section .rodata
npi:	.asciz "NPI "
failed:	.asciz "error "
is_bound: .asciz "bound\n"
bad:	.asciz "wrong "
