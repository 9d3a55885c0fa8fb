/* SPDX-License-Identifier: Apache-2.0 */
/* Raises an exception that nobody handles: a triple fault. */
#include "guest.h"

GUEST_START
	PRINT up
	PRINT crash
	ud2

	.section .rodata
crash:	.asciz "crash\n"
