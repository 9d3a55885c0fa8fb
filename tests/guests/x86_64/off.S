/* SPDX-License-Identifier: Apache-2.0 */
/* Every vCPU halts with interrupts off: nothing can wake the machine, so it is off. */
#include "guest.h"

GUEST_START
1:	hlt
	jmp 1b
