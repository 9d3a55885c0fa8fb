/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks for its FF-A id too early, agrees on a version by both conduits (DEN0077A s.13.2), asks again, and for a call that
 * there is not; prints the answers, switches itself off.
 */
#include "guest.h"

	/* An answer's register, behind a name. */
	.macro ANSWER number, w1, register, name
	ldr w0, =\number
	ldr w1, =\w1
	mov x2, #0
	mov x3, #0
	mov x4, #0
	mov x5, #0
	smc #0
	mov x22, \register
	PRINT \name
	mov x0, x22
	bl puthex
	.endm

GUEST_START
	PRINT up
	ANSWER FFA_ID_GET, 0, x2, early
	CALL smc, FFA_VERSION, by_smc
	CALL hvc, FFA_VERSION, by_hvc
	ANSWER FFA_VERSION, 0x10002, x0, version
	ANSWER FFA_ID_GET, 0, x2, id
	ANSWER FFA_PARTITION_INFO_GET_REGS, 0, x2, indices
	ANSWER FFA_PARTITION_INFO_GET_REGS, 0, x3, first
	ANSWER 0x84000073, 0, x2, share
	ANSWER FFA_PARTITION_INFO_GET, 0, x2, unmapped
	MAP_BUFFERS
	ANSWER FFA_PARTITION_INFO_GET, 0, x2, listed
	PRINT third
	ldr x22, =RX
	ldr w0, [x22, #48]
	bl puthex
	ANSWER FFA_PARTITION_INFO_GET, 0, x2, full
	ANSWER FFA_RX_RELEASE, 0, x0, released
	ldr x0, =PSCI_SYSTEM_OFF
	bl psci
1:	b 1b

	.section .rodata
early:	.asciz "FFA_ID_GET before a version: "
by_smc:	.asciz "FFA_VERSION by smc: "
by_hvc:	.asciz "FFA_VERSION by hvc: "
version: .asciz "FFA_VERSION: "
id:	.asciz "FFA_ID_GET: "
indices: .asciz "FFA_PARTITION_INFO_GET_REGS: "
first:	.asciz "FFA_FIRST: "
share:	.asciz "FFA_MEM_SHARE: "
unmapped: .asciz "FFA_PARTITION_INFO_GET without RX: "
listed:	.asciz "FFA_PARTITION_INFO_GET: "
third:	.asciz "FFA_THIRD: "
full:	.asciz "FFA_PARTITION_INFO_GET with RX full: "
released: .asciz "FFA_RX_RELEASE: "
