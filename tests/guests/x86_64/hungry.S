/* SPDX-License-Identifier: Apache-2.0 */
/* Touches each page of 48 MiB of its memory, then stays. */
#include "guest.h"

#define FIRST 0x1000000
#define BYTES (48 << 20)
#define PAGE 4096

GUEST_START
	PRINT up
	mov $FIRST, %ebx
1:	mov %rbx, (%rbx)
	add $PAGE, %rbx
	cmp $FIRST + BYTES, %rbx
	jb 1b
	PRINT full
2:	SLEEP 60000
	jmp 2b

	.section .rodata
full:	.asciz "full\n"
