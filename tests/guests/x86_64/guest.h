/* SPDX-License-Identifier: Apache-2.0 */

/* What every x86-64 test guest shares. Entered in long mode, ring 0, rdi = vCPU's index, no stack. */

#define COUNTERS 0x100000 /* one 64-bit counter per vCPU, 64 bytes apart */
#define SERIAL 0x3f8
#define I8042 0x64
#define PVPANIC 0x505
#define PM1A 0x604
#define NAP 0x608
#define GPIO 0x6000      /* a PL061 */
#define GPIO_MASK 0x410  /* GPIOIE */
#define POWER_KEY (1 << 3)

	/* The note by which the VMM knows a guest that never looks at CPUID. */
	.section .note.lifecycled, "a", @note
	.balign 4
	.long 2f - 1f, 0, 1
1:	.asciz "lifecycled"
2:	.balign 4

	.section .rodata
up:	.asciz "lifecycled test guest: up\n"

	/* 64 bytes of stack for each of 64 vCPUs: a return address, or what IRETQ takes. */
	.bss
	.balign 16
	.skip 64 * 64
stack_of_last:

	.text
	/* Prints the string at rsi. The transmitter is always ready. */
puts:
	mov $SERIAL, %edx
	cld
1:	lodsb
	test %al, %al
	jz 2f
	out %al, %dx
	jmp 1b
2:	ret

	/* Stays outside for eax milliseconds. */
nap:
	mov $NAP, %edx
	out %eax, %dx
	ret

	.macro GUEST_START
	.globl _start
_start:
	mov %rdi, %rbp
	mov %edi, %eax
	shl $6, %eax
	lea stack_of_last(%rip), %rsp
	sub %rax, %rsp
	.endm

	.macro PRINT what
	lea \what(%rip), %rsi
	call puts
	.endm

	.macro SLEEP ms
	mov $\ms, %eax
	call nap
	.endm
