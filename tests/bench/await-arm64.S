/* SPDX-License-Identifier: Apache-2.0 */
/* Counts once, waits inside the guest until the word behind the counter is set, and switches itself off. */
#include "guest.h"

GUEST_START
	ldr x20, =COUNTERS
	mov x21, #1
	str x21, [x20]
1:	dc civac, x20 /* without FWB the host's store is in a cache that the guest, MMU off, reads past */
	dsb sy
	ldr x21, [x20, #8]
	cbz x21, 1b
	ldr x0, =PSCI_SYSTEM_OFF
	bl psci
2:	b 2b
