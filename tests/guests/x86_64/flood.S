/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the letters A to Z to the console as fast as it can, for ever. */
#include "guest.h"

GUEST_START
	mov $COUNTERS, %ebx
	mov $SERIAL, %edx
again:
	incq (%rbx)
	mov $'A', %al
1:	out %al, %dx
	inc %al
	cmp $'Z' + 1, %al
	jne 1b
	jmp again
