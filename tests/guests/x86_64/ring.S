/* SPDX-License-Identifier: Apache-2.0 */
/* Sets notification 0 of VM 0x7002 every 2 ms, counts how often it could; prints each error once. */
#include "guest.h"
#include "ffa.h"

GUEST_START
	PRINT up
	FFA FFA_VERSION, 0x10002
	FFA FFA_ID_GET
	mov regs + 16(%rip), %r13d
	shl $16, %r13d
	or $BELL, %r13d
	xor %r15d, %r15d
again:
	mov %r13d, %eax
	NOTIFICATION FFA_NOTIFICATION_SET, 0
	cmpl $FFA_SUCCESS, regs(%rip)
	jne error
	xor %r15d, %r15d
	mov $COUNTERS, %eax
	incq (%rax)
rest:
	SLEEP 2
	jmp again
error:
	mov regs + 16(%rip), %eax
	cmp %eax, %r15d
	je rest
	mov %eax, %r15d
	PRINT_ANSWER failed, 2
	jmp rest

	.section .rodata
failed:	.asciz "error "
