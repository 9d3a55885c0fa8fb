/* SPDX-License-Identifier: Apache-2.0 */
#include "floor.h"

#include <elf.h>
#include <linux/kvm.h>

#define PAGE_TABLES 0x2000u
#define PRESENT_WRITE 3u
#define LARGE 0x80u
#define CR0_LONG 0x80050033u /* PE MP ET NE WP AM PG */
#define CR4_PAE 0x20u
#define EFER_LONG 0x500u /* LME LMA */

const uint64_t floor_memory_base = 0;
const int floor_elf_machine = EM_X86_64;

unsigned long floor_vm_type(int kvm)
{
	return 0;
}

/* The guest's 2 MiB, one to one. */
static void map_guest(uint8_t *memory)
{
	uint64_t *pml4 = (uint64_t *)(memory + PAGE_TABLES), *pdpt = pml4 + 512, *directory = pdpt + 512;

	pml4[0] = (PAGE_TABLES + 0x1000) | PRESENT_WRITE;
	pdpt[0] = (PAGE_TABLES + 0x2000) | PRESENT_WRITE;
	directory[0] = LARGE | PRESENT_WRITE;
}

void floor_set_vcpu(int vm, int vcpu, uint8_t *memory, uint64_t entry)
{
	struct kvm_segment data = { .limit = UINT32_MAX, .selector = 0x18, .type = 3, .present = 1, .db = 1, .s = 1, .g = 1 };
	struct kvm_segment code = { .limit = UINT32_MAX, .selector = 0x10, .type = 11, .present = 1, .l = 1, .s = 1, .g = 1 };
	struct kvm_regs regs = { .rip = entry, .rflags = 2 };
	struct kvm_sregs s;

	map_guest(memory);
	FLOOR_ASK(vcpu, KVM_GET_SREGS, &s);
	s.cs = code;
	s.ds = s.es = s.fs = s.gs = s.ss = data;
	s.cr3 = PAGE_TABLES;
	s.cr4 = CR4_PAE;
	s.cr0 = CR0_LONG;
	s.efer = EFER_LONG;
	FLOOR_ASK(vcpu, KVM_SET_SREGS, &s);
	FLOOR_ASK(vcpu, KVM_SET_REGS, &regs);
}
