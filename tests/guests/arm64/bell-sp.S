/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Binds notification 0 to secure partition 0x8001, waits for it, takes it, counts how often, and sets notification 0 of the
 * partition. Prints each other answer once, and what it took that is not that one.
 */
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
	mov w23, w2
	mov w25, #0
bind:
	ldr w0, =FFA_NOTIFICATION_BIND
	ldr w1, =PARTITION
	orr w1, w23, w1, lsl #16
	mov x2, #0
	mov x3, #1
	mov x4, #0
	smc #0
	ldr w9, =FFA_SUCCESS
	cmp w0, w9
	b.eq bound
	bl complain
	SLEEP 5
	b bind
bound:
	PRINT is_bound
wait:
	ldr w0, =FFA_MSG_WAIT
	mov x1, #0
	mov x2, #0
	smc #0
get:
	ldr w0, =FFA_NOTIFICATION_GET
	mov w1, w23
	mov x2, #3
	mov x3, #0
	smc #0
	ldr w9, =FFA_SUCCESS
	cmp w0, w9
	b.ne failed_get
	cbz w2, empty
	cmp w2, #1
	b.ne wrong
	ldr x21, [x20]
	add x21, x21, #1
	str x21, [x20]
	ldr w0, =FFA_NOTIFICATION_SET
	ldr w1, =PARTITION
	orr w1, w1, w23, lsl #16
	mov x2, #0
	mov x3, #1
	mov x4, #0
	smc #0
	ldr w9, =FFA_SUCCESS
	cmp w0, w9
	b.eq wait
	bl complain
	b wait
	/* It looks where an earlier daemon may have been told of something. */
empty:
	ldr x21, [x20, #16]
	add x21, x21, #1
	str x21, [x20, #16]
	b wait
	/* While the SPMC cannot be asked what is pending stays so. */
failed_get:
	bl complain
	SLEEP 5
	b get
wrong:
	mov w25, w2
	PRINT bad
	mov w0, w25
	bl puthex
	SLEEP 1000
	b wait
complain:
	mov x26, x30
	cmp w2, w25
	b.eq 1f
	mov w25, w2
	PRINT failed
	mov w0, w25
	bl puthex
1:	ret x26

	.section .rodata
failed:	.asciz "error "
is_bound: .asciz "bound\n"
bad:	.asciz "wrong "
