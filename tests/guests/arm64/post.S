/* SPDX-License-Identifier: Apache-2.0 */
/* Sends messages (FFA_MSG_SEND2) to VM 0x7001, each with the number of the next; counts those that arrived. */
#include "guest.h"

#define SERVER 0x7001

GUEST_START
	PRINT up
	ldr w0, =FFA_VERSION
	ldr w1, =0x10002
	smc #0
	ldr w0, =FFA_ID_GET
	smc #0
	lsl w23, w2, #16
	ldr w1, =SERVER
	orr w23, w23, w1
	ldr x19, =TX
	mov w1, #40
	mov w2, #4
	str w1, [x19, #8]
	str w23, [x19, #12]
	str w2, [x19, #16]
	MAP_BUFFERS
	ldr x20, =COUNTERS
	mov x24, #0
next:
	str w24, [x19, #40]
	ldr w0, =FFA_MSG_SEND2
	mov x1, #0
	mov x2, #0
	smc #0
	ldr w9, =FFA_SUCCESS
	cmp w0, w9
	b.ne rest
	add w24, w24, #1
	ldr x21, [x20]
	add x21, x21, #1
	str x21, [x20]
	b next
rest:
	SLEEP 1
	b next
