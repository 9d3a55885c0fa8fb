/* SPDX-License-Identifier: Apache-2.0 */
/* Says nothing and does nothing, for ever. */
#include "guest.h"

GUEST_START
	ldr x20, =COUNTERS
	mov x21, #1
	str x21, [x20]
1:	SLEEP 60000
	b 1b
