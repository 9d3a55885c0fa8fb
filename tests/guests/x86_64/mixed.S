/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four vCPUs: 0 halts, 1 waits for a message (FF-A), 2 spins with interrupts off, 3 counts fifty naps and then jumps to where
 * there is no memory.
 */
#include "guest.h"
#include "ffa.h"

#define NOWHERE 0xd0000000

GUEST_START
	cmp $1, %ebp
	je waits
	cmp $2, %ebp
	je spins
	ja faults
	sti
1:	hlt
	jmp 1b
waits:
	FFA FFA_VERSION, 0x10002
1:	FFA FFA_MSG_WAIT
	jmp 1b
spins:
	cli
1:	jmp 1b
faults:
	mov $50, %r12d
1:	incq COUNTERS + 3 * 64
	SLEEP 40
	dec %r12d
	jnz 1b
	mov $NOWHERE, %eax
	jmp *%rax
