/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the keyboard controller for a reset. */
#include "guest.h"

GUEST_START
	PRINT up
	mov $0xfe, %al
	out %al, $I8042
1:	jmp 1b
