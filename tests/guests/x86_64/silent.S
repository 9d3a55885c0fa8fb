/* SPDX-License-Identifier: Apache-2.0 */
/* Says nothing and does nothing, for ever. */
#include "guest.h"

GUEST_START
	mov $COUNTERS, %ebx
	incq (%rbx)
1:	SLEEP 60000
	jmp 1b
