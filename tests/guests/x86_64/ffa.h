/* SPDX-License-Identifier: Apache-2.0 */

/* FF-A for x86-64 test guests: x0 to x17 in memory, their address written to the mailbox. One vCPU. */

#define MAILBOX 0xfeb00000
#define PENDING (MAILBOX + 8) /* vCPUs with notifications, as bits */
#define FFA_ERROR 0x84000060
#define FFA_SUCCESS 0x84000061
#define FFA_VERSION 0x84000063
#define FFA_RX_RELEASE 0x84000065
#define FFA_RXTX_MAP 0x84000066
#define FFA_PARTITION_INFO_GET 0x84000068
#define FFA_ID_GET 0x84000069
#define FFA_MSG_WAIT 0x8400006B
#define FFA_DIRECT_REQ 0x8400006F
#define FFA_DIRECT_RESP 0x84000070
#define FFA_MSG_SEND2 0x84000086
#define FFA_PARTITION_INFO_GET_REGS 0xC400008B
#define FFA_NOTIFICATION_BIND 0x8400007F
#define FFA_NOTIFICATION_SET 0x84000081
#define FFA_NOTIFICATION_GET 0x84000082
#define SERVER 0x7001
#define TX 0x110000
#define RX 0x111000
#define BELL 0x7002
#define RINGER 0x7003

	.bss
	.balign 16
regs:	.skip 18 * 8

	.text
	/* The call in regs; its answer is there afterwards. */
ffa:
	mov $MAILBOX, %edx
	lea regs(%rip), %rax
	mov %rax, (%rdx)
	ret

	/* Prints eax as 8 hexadecimal digits and a line's end. */
puthex:
	mov %eax, %ebx
	mov $8, %ecx
	mov $SERIAL, %edx
1:	rol $4, %ebx
	mov %ebx, %eax
	and $15, %eax
	add $'0', %al
	cmp $'9', %al
	jbe 2f
	add $('a' - '9' - 1), %al
2:	out %al, %dx
	dec %ecx
	jnz 1b
	mov $'\n', %al
	out %al, %dx
	ret

	/* w0 and w1 of the next call; the others are as they were. */
	.macro FFA function, w1=0
	movl $\function, regs(%rip)
	movl $0, regs + 4(%rip)
	movl $\w1, regs + 8(%rip)
	movl $0, regs + 12(%rip)
	movq $0, regs + 16(%rip)
	call ffa
	.endm
	/* Notification 0; w1 is in eax. */
	.macro NOTIFICATION function, flags
	movq $0, regs + 8(%rip)
	mov %eax, regs + 8(%rip)
	movl $\function, %eax
	mov %rax, regs(%rip)
	movq $\flags, regs + 16(%rip)
	movq $1, regs + 24(%rip)
	movq $0, regs + 32(%rip)
	call ffa
	.endm
	.macro PRINT_ANSWER what, register
	PRINT \what
	mov regs + 8 * \register(%rip), %eax
	call puthex
	.endm
	/* RX and TX, a page each. */
	.macro MAP_BUFFERS
	movl $FFA_RXTX_MAP, regs(%rip)
	movl $0, regs + 4(%rip)
	movq $TX, regs + 8(%rip)
	movq $RX, regs + 16(%rip)
	movq $1, regs + 24(%rip)
	call ffa
	.endm
