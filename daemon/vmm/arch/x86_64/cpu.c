/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/arch/x86_64/x86.h"

#include <errno.h>

#include "vmm/arch/arch.h"

const int arch_secondaries_wait = 0;

#define CPUID_ENTRIES 256
#define CR0_LONG      0x80050033ull /* PE MP ET NE WP AM PG */
#define CR4_PAE       0x20ull
#define EFER_LONG     0x500ull /* LME LMA */

static union {
	struct kvm_cpuid2 head;
	uint8_t room[sizeof(struct kvm_cpuid2) + CPUID_ENTRIES * sizeof(struct kvm_cpuid_entry2)];
} supported;

int arch_vm_type(const struct machine *m, uint64_t memory_bytes, unsigned long *ret, struct failure *f)
{
	*ret = 0;
	return 0;
}

/* No interrupt controller yet: HLT is ours (exit 5), and test guests sleep at the nap port. */
int arch_before_vcpus(struct machine *m, struct failure *f)
{
	return 0;
}

int arch_after_vcpus(struct machine *m, struct failure *f)
{
	return 0;
}

/* 0.3 ms on a slow host: asked for once, and not for flat guests. */
static int ask_supported(struct machine *m, struct failure *f)
{
	int r;

	if (supported.head.nent)
		return 0;
	supported.head.nent = CPUID_ENTRIES;
	r = kvm_ask(m->system.fd, KVM_GET_SUPPORTED_CPUID, &supported.head);
	return r < 0 ? failed_errno(f, r, "KVM_GET_SUPPORTED_CPUID failed") : 0;
}

int x86_set_cpuid(struct vcpu *v, struct failure *f)
{
	int r = ask_supported(v->machine, f);

	if (r < 0)
		return r;
	r = kvm_ask(v->kvm.fd, KVM_SET_CPUID2, &supported.head);
	return r < 0 ? failed_errno(f, r, "KVM_SET_CPUID2 failed for vCPU %u", v->index) : 0;
}

static struct kvm_segment segment(uint8_t type, uint16_t selector)
{
	return (struct kvm_segment) {
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.s = 1,
		.g = 1,
	};
}

/* All of it in one KVM_SET_SREGS: half of it would be refused. */
static void set_long_mode(struct kvm_sregs *s)
{
	s->cs = segment(11, X86_CODE);
	s->cs.l = 1;
	s->ds = segment(3, X86_DATA);
	s->ds.db = 1;
	s->es = s->fs = s->gs = s->ss = s->ds;
	s->gdt.base = X86_GDT;
	s->gdt.limit = 6 * 8 - 1;
	s->cr3 = X86_PAGE_TABLES;
	s->cr4 = CR4_PAE;
	s->cr0 = CR0_LONG;
	s->efer = EFER_LONG;
}

int x86_set_registers(struct vcpu *v, uint64_t entry, struct failure *f)
{
	struct kvm_regs regs = { .rip = entry, .rflags = 2, .rdi = v->index, .rsi = X86_BOOT_PARAMS };
	struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };
	struct kvm_sregs sregs;
	int r = kvm_ask(v->kvm.fd, KVM_GET_SREGS, &sregs);

	if (r < 0)
		return failed_errno(f, r, "KVM_GET_SREGS failed for vCPU %u", v->index);
	set_long_mode(&sregs);
	r = kvm_ask(v->kvm.fd, KVM_SET_SREGS, &sregs);
	if (r < 0)
		return failed_errno(f, r, "KVM_SET_SREGS failed for vCPU %u", v->index);
	r = kvm_ask(v->kvm.fd, KVM_SET_REGS, &regs);
	if (r == 0 && v->index > 0)
		r = kvm_ask(v->kvm.fd, KVM_SET_MP_STATE, &runnable);
	return r < 0 ? failed_errno(f, r, "the registers of vCPU %u cannot be set", v->index) : 0;
}

int arch_halt_can_wake(struct vcpu *v)
{
	return v->kvm.run->if_flag;
}
