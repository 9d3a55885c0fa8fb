/* SPDX-License-Identifier: Apache-2.0 */
/* Sends messages (FFA_MSG_SEND2) to VM 0x7001, each with the number of the next; counts those that arrived. */
#include "guest.h"
#include "ffa.h"

GUEST_START
	PRINT up
	FFA FFA_VERSION, 0x10002
	FFA FFA_ID_GET
	mov regs + 16(%rip), %eax
	shl $16, %eax
	or $SERVER, %eax
	mov %eax, TX + 12
	movl $40, TX + 8
	movl $4, TX + 16
	MAP_BUFFERS
	xor %r14d, %r14d
	mov $COUNTERS, %r12d
next:
	mov %r14d, TX + 40
	movq $0, regs + 16(%rip)
	FFA FFA_MSG_SEND2
	cmpl $FFA_SUCCESS, regs(%rip)
	jne rest
	inc %r14d
	incq (%r12)
	jmp next
rest:
	SLEEP 1
	jmp next
