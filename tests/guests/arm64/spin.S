/* SPDX-License-Identifier: Apache-2.0 */
/* Counts without ever leaving the guest. */
#include "guest.h"

GUEST_START
	PRINT up
	ldr x20, =COUNTERS
1:	add x21, x21, #1
	str x21, [x20]
	b 1b
