/* SPDX-License-Identifier: Apache-2.0 */
/* Waits for direct requests, counts each, answers it with w3 + 1. */
#include "guest.h"

GUEST_START
	PRINT up
	ldr x20, =COUNTERS
	ldr w0, =FFA_VERSION
	ldr w1, =0x10002
	smc #0
wait:
	ldr w0, =FFA_MSG_WAIT
	mov x1, #0
	mov x2, #0
	smc #0
next:
	ldr w9, =FFA_DIRECT_REQ
	cmp w0, w9
	b.ne strange
	ldr x21, [x20]
	add x21, x21, #1
	str x21, [x20]
	ldr w0, =FFA_DIRECT_RESP
	ror w1, w1, #16
	mov x2, #0
	add w3, w3, #1
	smc #0
	b next
strange:
	mov x22, x2
	PRINT status
	mov w0, w22
	bl puthex
	SLEEP 10
	b wait

	.section .rodata
status:	.asciz "status "
