/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts without ever leaving the guest, in ring 3: where ring 0 is interpreted, a loop there would not be a real one.
 * Opens the VMM's page tables to ring 3, brings its own descriptors, and goes down by IRETQ; there is no way back.
 */
#include "guest.h"

#define USER 4
#define USER_CODE 0x23
#define USER_DATA 0x2b

GUEST_START
	PRINT up
	mov %cr3, %rax
	andq $~0xfff, %rax
	orq $USER, (%rax)
	mov (%rax), %rbx
	andq $~0xfff, %rbx
	orq $USER, (%rbx)
	mov (%rbx), %rbx
	andq $~0xfff, %rbx
	orq $USER, (%rbx)
	mov %cr3, %rax
	mov %rax, %cr3
	lgdt descriptors(%rip)
	pushq $USER_DATA
	lea stack_of_last(%rip), %rax
	push %rax
	pushq $2
	pushq $USER_CODE
	lea ring3(%rip), %rax
	push %rax
	iretq
ring3:
	mov $COUNTERS, %ebx
	shl $6, %rbp
	add %rbp, %rbx
1:	incq (%rbx)
	jmp 1b

	.data
	.balign 8
gdt:	.quad 0, 0
	.quad 0x00af9b000000ffff, 0x00cf93000000ffff
	.quad 0x00affb000000ffff, 0x00cff3000000ffff
descriptors:
	.word 6 * 8 - 1
	.quad gdt
