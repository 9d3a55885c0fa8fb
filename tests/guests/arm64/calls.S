/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each vCPU for itself sends direct requests without a pause, with the number of answers so far in w3, and counts each that
 * was answered with w3 + 1. At most eight vCPUs.
 */
#include "guest.h"

#define SERVER 0x7001

GUEST_START
	mov x19, #0
	mov x20, #1
next:
	mov x1, x20
	adr x2, secondary
	mov x3, x20
	ldr x0, =PSCI_CPU_ON
	bl psci
	add x20, x20, #1
	cbz x0, next
	b begin

secondary:
	mov x19, x0
begin:
	ldr x20, =COUNTERS
	add x20, x20, x19, lsl #6
	ldr w0, =FFA_VERSION
	ldr w1, =0x10002
	smc #0
again:
	ldr w0, =FFA_DIRECT_REQ
	ldr w1, =(1 << 16 | SERVER)
	mov x2, #0
	ldr x3, [x20]
	smc #0
	ldr w9, =FFA_DIRECT_RESP
	cmp w0, w9
	b.ne rest
	ldr x21, [x20]
	add x21, x21, #1
	cmp w3, w21
	b.ne rest
	str x21, [x20]
	b again
rest:
	SLEEP 5
	b again
