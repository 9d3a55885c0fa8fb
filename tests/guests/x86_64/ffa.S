/* SPDX-License-Identifier: Apache-2.0 */
/* Agrees on a version of FF-A, asks for its own id and for a call that there is not, prints the answers, powers off. */
#include "guest.h"
#include "ffa.h"

GUEST_START
	PRINT up
	FFA FFA_ID_GET
	PRINT_ANSWER early, 2
	FFA FFA_VERSION, 0x10002
	PRINT_ANSWER version, 0
	FFA FFA_ID_GET
	PRINT_ANSWER id, 2
	movq $0, regs + 24(%rip)
	FFA FFA_PARTITION_INFO_GET_REGS
	PRINT_ANSWER indices, 2
	PRINT_ANSWER first, 3
	FFA 0x84000073
	PRINT_ANSWER share, 2
	call no_uuid
	FFA FFA_PARTITION_INFO_GET
	PRINT_ANSWER unmapped, 2
	MAP_BUFFERS
	call no_uuid
	FFA FFA_PARTITION_INFO_GET
	PRINT_ANSWER listed, 2
	mov RX + 48, %eax
	PRINT third
	mov RX + 48, %eax
	call puthex
	call no_uuid
	FFA FFA_PARTITION_INFO_GET
	PRINT_ANSWER full, 2
	FFA FFA_RX_RELEASE
	PRINT_ANSWER released, 0
	mov $PM1A, %edx
	mov $0x2000, %eax
	out %ax, %dx
1:	jmp 1b

	/* w2 to w5 of the next call. */
no_uuid:
	movq $0, regs + 16(%rip)
	movq $0, regs + 24(%rip)
	movq $0, regs + 32(%rip)
	movq $0, regs + 40(%rip)
	ret

	.section .rodata
unmapped: .asciz "FFA_PARTITION_INFO_GET without RX: "
listed:	.asciz "FFA_PARTITION_INFO_GET: "
third:	.asciz "FFA_THIRD: "
full:	.asciz "FFA_PARTITION_INFO_GET with RX full: "
released: .asciz "FFA_RX_RELEASE: "
early:	.asciz "FFA_ID_GET before a version: "
version: .asciz "FFA_VERSION: "
id:	.asciz "FFA_ID_GET: "
indices: .asciz "FFA_PARTITION_INFO_GET_REGS: "
first:	.asciz "FFA_FIRST: "
share:	.asciz "FFA_MEM_SHARE: "
