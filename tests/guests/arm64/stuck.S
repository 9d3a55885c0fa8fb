/* SPDX-License-Identifier: Apache-2.0 */
/* The same, with a handler that goes back to the place: it would be there for ever. */
#include "guest.h"

GUEST_START
	PRINT up
	adr x0, vectors
	msr vbar_el1, x0
	isb
	ldr x1, =SERIAL
	ldp x2, x3, [x1]
1:	b 1b

	.balign 2048
vectors:
	.rept 16
	.balign 128
	eret
	.endr
