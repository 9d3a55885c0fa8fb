/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vCPU 0 switches vCPU 1 on, which prints its context, and switches itself off; goes through that two hundred times
 * without a pause, and prints what wrong calls are answered. Once the host has written to GO it switches vCPU 1 on again, and
 * both count every 10 ms.
 */
#include "guest.h"

#define GO (COUNTERS + 0x200)

	.macro TRY target, entry, name
	PRINT \name
	ldr x0, =PSCI_CPU_ON
	mov x1, \target
	adr x2, \entry
	mov x3, #0x11
	bl psci
	bl puthex
	.endm

	/* One has the console at a time: vCPU 1 waits for its turn. */
	.macro GIVE_TURN number
	adr x1, turn
	mov w2, \number
	str w2, [x1]
	.endm

	.macro AWAIT_TURN number
9:	adr x1, turn
	ldr w2, [x1]
	cmp w2, \number
	b.eq 8f
	SLEEP 1
	b 9b
8:
	.endm

GUEST_START
	PRINT up
	TRY #1, once, on
	GIVE_TURN #1
1:	ldr x0, =PSCI_AFFINITY_INFO
	mov x1, #1
	mov x2, #0
	bl psci
	cmp x0, #1
	b.eq 2f
	SLEEP 1
	b 1b
2:	PRINT off

	/* Whoever is told that a vCPU is off may switch it on at once. */
	mov x21, #200
	mov x22, #0
3:	ldr x0, =PSCI_CPU_ON
	mov x1, #1
	adr x2, nothing
	bl psci
	orr x22, x22, x0
4:	ldr x0, =PSCI_AFFINITY_INFO
	mov x1, #1
	mov x2, #0
	bl psci
	cmp x0, #1
	b.ne 4b
	subs x21, x21, #1
	b.ne 3b
	PRINT cycles
	mov x0, x22
	bl puthex
	TRY #0, once + 2, crooked /* not vCPU 1: KVM looks at no entry point, and would have it run there */
	TRY #9, once, nobody
	TRY #0, once, itself
	ldr x20, =GO
5:	SLEEP 1
	ldr x21, [x20]
	cbz x21, 5b
	TRY #1, again, on
	GIVE_TURN #2
	mov x19, #0
	b count

once:
	mov x20, x0
	AWAIT_TURN #1
	PRINT with
	mov x0, x20
	bl puthex
	ldr x0, =PSCI_CPU_OFF
	bl psci
failed_to:
	PRINT failed
1:	b 1b

nothing:
	ldr x0, =PSCI_CPU_OFF
	bl psci
	b failed_to

again:
	AWAIT_TURN #2
	PRINT back
	mov x19, #1
count:
	ldr x20, =COUNTERS
	add x20, x20, x19, lsl #6
1:	ldr x21, [x20]
	add x21, x21, #1
	str x21, [x20]
	SLEEP 10
	b 1b

	.data
	.balign 4
turn:	.long 0

	.section .rodata
on:	.asciz "on: "
off:	.asciz "vcpu 1 is off\n"
with:	.asciz "with: "
cycles:	.asciz "cycles: "
crooked: .asciz "crooked: "
nobody:	.asciz "nobody: "
itself:	.asciz "itself: "
back:	.asciz "vcpu 1 is on again\n"
failed:	.asciz "CPU_OFF came back\n"
