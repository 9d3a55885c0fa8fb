/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Binds notification 0 to secure partition 0x8001, waits for it, takes it, counts how often, and sets notification 0 of the
 * partition. Prints each other answer once, and what it took that is not that one.
 */
#include "guest.h"
#include "ffa.h"

#define PARTITION 0x8001

GUEST_START
	PRINT up
	FFA FFA_VERSION, 0x10002
	FFA FFA_ID_GET
	mov regs + 16(%rip), %r13d
	xor %r15d, %r15d
bind:
	mov %r13d, %eax
	or $(PARTITION << 16), %eax
	NOTIFICATION FFA_NOTIFICATION_BIND, 0
	cmpl $FFA_SUCCESS, regs(%rip)
	je bound
	call complain
	SLEEP 5
	jmp bind
bound:
	PRINT is_bound
wait:
	FFA FFA_MSG_WAIT
	mov $100, %r12d
look:
	mov $PENDING, %edx /* it may come a moment after the call is over, as an interrupt may */
	mov (%rdx), %rax
	cmp $1, %rax
	je get
	SLEEP 1
	dec %r12d
	jnz look
	mov $COUNTERS + 8, %eax
	incq (%rax)
get:
	mov %r13d, %eax
	NOTIFICATION FFA_NOTIFICATION_GET, 3
	cmpl $FFA_SUCCESS, regs(%rip)
	jne failed_get
	cmpl $0, regs + 16(%rip)
	je empty
	cmpl $1, regs + 16(%rip)
	jne wrong
	mov $COUNTERS, %eax
	incq (%rax)
	mov %r13d, %eax
	shl $16, %eax
	or $PARTITION, %eax
	NOTIFICATION FFA_NOTIFICATION_SET, 0
	cmpl $FFA_SUCCESS, regs(%rip)
	je wait
	call complain
	jmp wait
	/* It looks where an earlier daemon may have been told of something. */
empty:
	mov $COUNTERS + 16, %eax
	incq (%rax)
	jmp wait
	/* While the SPMC cannot be asked what is pending stays so. */
failed_get:
	call complain
	SLEEP 5
	jmp get
wrong:
	PRINT_ANSWER bad, 2
	SLEEP 1000
	jmp wait
complain:
	mov regs + 16(%rip), %eax
	cmp %eax, %r15d
	je 1f
	mov %eax, %r15d
	PRINT_ANSWER failed, 2
1:	ret

	.section .rodata
failed:	.asciz "error "
is_bound: .asciz "bound\n"
bad:	.asciz "wrong "
