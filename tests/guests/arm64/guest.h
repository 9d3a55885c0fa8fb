/* SPDX-License-Identifier: Apache-2.0 */

/* What every arm64 test guest shares. Entered at EL1, MMU off; vCPU 0 alone, the others by PSCI. */

#define COUNTERS 0x40100000 /* one 64-bit counter per vCPU, 64 bytes apart */
#define SERIAL 0x09000000
#define PVPANIC 0x09020000
#define NAP 0x09021000
#define GPIO 0x09030000 /* a PL061 */
#define GPIO_MASK 0x410 /* GPIOIE */
#define POWER_KEY (1 << 3)
#define PSCI_CPU_OFF 0x84000002
#define PSCI_CPU_ON 0xC4000003
#define PSCI_AFFINITY_INFO 0xC4000004
#define PSCI_SYSTEM_OFF 0x84000008
#define PSCI_SYSTEM_RESET 0x84000009
#define PSCI_FEATURES 0x8400000A
#define PSCI_SYSTEM_SUSPEND 0xC400000E
#define PSCI_SYSTEM_RESET2 0xC4000012
#define FFA_SUCCESS 0x84000061
#define FFA_VERSION 0x84000063
#define FFA_RX_RELEASE 0x84000065
#define FFA_RXTX_MAP 0x84000066
#define FFA_PARTITION_INFO_GET 0x84000068
#define FFA_FEATURES 0x84000064
#define FFA_ID_GET 0x84000069
#define TX 0x40110000
#define RX 0x40111000
#define FFA_MSG_WAIT 0x8400006B
#define FFA_PARTITION_INFO_GET_REGS 0xC400008B
#define FFA_DIRECT_REQ 0x8400006F
#define FFA_DIRECT_RESP 0x84000070
#define FFA_NOTIFICATION_BIND 0x8400007F
#define FFA_NOTIFICATION_SET 0x84000081
#define FFA_NOTIFICATION_GET 0x84000082
#define BELL 0x7002
#define RINGER 0x7003
#define FFA_MSG_SEND2 0x84000086

	.section .note.lifecycled, "a", @note
	.balign 4
	.long 2f - 1f, 0, 1
1:	.asciz "lifecycled"
2:	.balign 4

	.section .rodata
up:	.asciz "lifecycled test guest: up\n"

	.text
	/* Prints the string at x0; uses x1, w2. */
puts:
	ldr x1, =SERIAL
1:	ldrb w2, [x0], #1
	cbz w2, 2f
	strb w2, [x1]
	b 1b
2:	ret

	/* Prints x0 as 16 hexadecimal digits and a line's end; uses x1 to x4. */
puthex:
	ldr x1, =SERIAL
	mov x3, #60
1:	lsr x2, x0, x3
	and w2, w2, #15
	add w4, w2, #'0'
	cmp w2, #10
	add w2, w2, #'a' - 10
	csel w2, w4, w2, lo
	strb w2, [x1]
	subs x3, x3, #4
	b.ge 1b
	mov w2, #'\n'
	strb w2, [x1]
	ret

	/* Stays outside for w0 milliseconds; uses x1. */
nap:
	ldr x1, =NAP
	str w0, [x1]
	ret

	/* A PSCI call; its number in x0. */
psci:
	hvc #0
	ret

	.macro GUEST_START
	.globl _start
_start:
	.endm

	/* What the call in `number`, made by `conduit` (hvc or smc), answers, behind a name. */
	.macro CALL conduit, number, name
	PRINT \name
	ldr x0, =\number
	mov x1, #0x10000
	mov x2, #0
	mov x3, #0
	\conduit #0
	bl puthex
	.endm

	.macro PRINT what
	adr x0, \what
	bl puts
	.endm

	.macro SLEEP ms
	ldr w0, =\ms
	bl nap
	.endm

	/* RX and TX, a page each. */
	.macro MAP_BUFFERS
	ldr w0, =FFA_RXTX_MAP
	ldr w1, =TX
	ldr w2, =RX
	mov x3, #1
	smc #0
	.endm
