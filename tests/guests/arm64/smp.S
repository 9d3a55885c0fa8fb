/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vCPU 0 switches the others on, one after the other, until there is none; each prints its index and counts every 10 ms
 * at its own place. The one that is being switched on has the console until it gives the turn back.
 */
#include "guest.h"

GUEST_START
	mov x19, #0
	bl tell
	mov x20, #1
next:
	and x1, x20, #0xf
	lsr x2, x20, #4
	orr x1, x1, x2, lsl #8
	adr x2, secondary
	mov x3, x20
	ldr x0, =PSCI_CPU_ON
	bl psci
	cbnz x0, count
wait:
	adr x1, turn
	ldr w2, [x1]
	add x20, x20, #1
	cmp x2, x20
	b.eq next
	sub x20, x20, #1
	SLEEP 1
	b wait

secondary:
	mov x19, x0
	bl tell
count:
	ldr x20, =COUNTERS
	add x20, x20, x19, lsl #6
1:	ldr x21, [x20]
	add x21, x21, #1
	str x21, [x20]
	SLEEP 10
	b 1b

	/* Prints "vcpu NN" for x19, then gives the turn to the next. */
tell:
	mov x28, x30
	PRINT vcpu
	mov x0, #10
	udiv x1, x19, x0
	msub x2, x1, x0, x19
	add w1, w1, #'0'
	add w2, w2, #'0'
	adr x0, digits
	strb w1, [x0]
	strb w2, [x0, #1]
	bl puts
	adr x1, turn
	add w2, w19, #1
	str w2, [x1]
	ret x28

	.section .rodata
vcpu:	.asciz "vcpu "
	.data
	.balign 8
turn:	.long 0
digits:	.asciz "00\n"
