/* SPDX-License-Identifier: Apache-2.0 */
/* Sets notification 0 of VM 0x7002 every 2 ms, counts how often it could; prints each error once. */
#include "guest.h"

GUEST_START
	PRINT up
	ldr x20, =COUNTERS
	ldr w0, =FFA_VERSION
	ldr w1, =0x10002
	smc #0
	ldr w0, =FFA_ID_GET
	smc #0
	lsl w23, w2, #16
	ldr w1, =BELL
	orr w23, w23, w1
	mov x25, #0
again:
	ldr w0, =FFA_NOTIFICATION_SET
	mov w1, w23
	mov x2, #0
	mov x3, #1
	mov x4, #0
	smc #0
	ldr w9, =FFA_SUCCESS
	cmp w0, w9
	b.ne error
	mov x25, #0
	ldr x21, [x20]
	add x21, x21, #1
	str x21, [x20]
rest:
	SLEEP 2
	b again
error:
	cmp w2, w25
	b.eq rest
	mov w25, w2
	PRINT failed
	mov w0, w25
	bl puthex
	b rest

	.section .rodata
failed:	.asciz "error "
