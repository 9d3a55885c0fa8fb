/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Binds notification 0 to VM 0x7003, waits for it, takes it, counts how often. Prints each other answer once, and what
 * it took that is not that one.
 */
#include "guest.h"
#include "ffa.h"

GUEST_START
	PRINT up
	FFA FFA_VERSION, 0x10002
	FFA FFA_ID_GET
	mov regs + 16(%rip), %r13d
	xor %r15d, %r15d
bind:
	mov %r13d, %eax
	or $(RINGER << 16), %eax
	NOTIFICATION FFA_NOTIFICATION_BIND, 0
	cmpl $FFA_SUCCESS, regs(%rip)
	je bound
	mov regs + 16(%rip), %eax
	cmp %eax, %r15d
	je 1f
	mov %eax, %r15d
	PRINT_ANSWER failed, 2
1:	SLEEP 5
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
	NOTIFICATION FFA_NOTIFICATION_GET, 2
	cmpl $FFA_SUCCESS, regs(%rip)
	jne wrong
	cmpl $1, regs + 32(%rip)
	jne wrong
	mov $COUNTERS, %eax
	incq (%rax)
	jmp wait
	/* That, too, once: a daemon that died in between does not know what was taken. */
wrong:
	mov $COUNTERS + 16, %eax
	incq (%rax)
	cmpl $FFA_SUCCESS, regs(%rip)
	jne 1f
	cmpl $0, regs + 32(%rip)
	je wait
1:	PRINT_ANSWER bad, 0
	PRINT_ANSWER bad, 2
	PRINT_ANSWER bad, 4
	SLEEP 1000
	jmp wait

	.section .rodata
failed:	.asciz "error "
is_bound: .asciz "bound\n"
bad:	.asciz "wrong "
