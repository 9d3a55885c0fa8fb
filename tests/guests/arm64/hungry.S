/* SPDX-License-Identifier: Apache-2.0 */
/* Touches each page of 48 MiB of its memory, then stays. */
#include "guest.h"

#define FIRST 0x41000000
#define BYTES (48 << 20)
#define PAGE 4096

GUEST_START
	PRINT up
	ldr x20, =FIRST
	ldr x21, =FIRST + BYTES
1:	str x20, [x20]
	add x20, x20, #PAGE
	cmp x20, x21
	b.lo 1b
	PRINT full
2:	SLEEP 60000
	b 2b

	.section .rodata
full:	.asciz "full\n"
