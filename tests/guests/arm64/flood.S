/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the letters A to Z to the console as fast as it can, for ever. */
#include "guest.h"

GUEST_START
	ldr x20, =COUNTERS
	ldr x1, =SERIAL
again:
	ldr x21, [x20]
	add x21, x21, #1
	str x21, [x20]
	mov w2, #'A'
1:	strb w2, [x1]
	add w2, w2, #1
	cmp w2, #'Z' + 1
	b.ne 1b
	b again
