/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at its clock (kvmclock, in ns) every 10 ms, counts, and keeps the longest step between two looks behind its counter.
 */
#include "guest.h"

#define PAGE 0x110000 /* struct pvclock_vcpu_time_info: Documentation/virt/kvm/x86/msr.rst */
#define KVM_SYSTEM_TIME_NEW 0x4b564d01

GUEST_START
	PRINT up
	mov $KVM_SYSTEM_TIME_NEW, %ecx
	mov $(PAGE | 1), %eax
	xor %edx, %edx
	wrmsr
	mov $COUNTERS, %ebx
	call look
	mov %rax, %r12
again:
	SLEEP 10
	call look
	mov %rax, %rcx
	sub %r12, %rcx
	mov %rax, %r12
	cmp 8(%rbx), %rcx
	jbe 1f
	mov %rcx, 8(%rbx)
1:	incq (%rbx)
	jmp again

	/* The time in rax. Uses rcx, rdx, rdi, r8. */
look:
	mov $PAGE, %edi
	mov (%rdi), %r8d /* odd while it is written */
	test $1, %r8d
	jnz look
	rdtsc
	shl $32, %rdx
	or %rdx, %rax
	sub 8(%rdi), %rax
	movsbl 28(%rdi), %ecx
	test %ecx, %ecx
	js 1f
	shl %cl, %rax
	jmp 2f
1:	neg %ecx
	shr %cl, %rax
2:	mov 24(%rdi), %edx
	mul %rdx
	shrd $32, %rdx, %rax
	add 16(%rdi), %rax
	cmp (%rdi), %r8d
	jne look
	ret
