/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/arch/x86_64/x86.h"

#include <errno.h>

#include "vmm/arch/arch.h"

/* The registers with which a guest is entered. */

#define CR0_LONG      0x80050033ull /* PE MP ET NE WP AM PG */
#define CR0_PROTECTED 0x11ull       /* PE ET */
#define CR4_PAE       0x20ull
#define EFER_LONG     0x500ull /* LME LMA */
#define RFLAGS        2        /* the bit that is always set: interrupts off */

int arch_vm_type(const struct machine *m, uint64_t memory_bytes, unsigned long *ret, struct failure *f)
{
	*ret = 0;
	return 0;
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

static void set_flat_segments(struct kvm_sregs *s)
{
	s->cs = segment(11, X86_CODE);
	s->ds = segment(3, X86_DATA);
	s->ds.db = 1;
	s->es = s->fs = s->gs = s->ss = s->ds;
	s->gdt.base = X86_GDT;
	s->gdt.limit = 6 * 8 - 1;
}

static void set_long_mode(struct kvm_sregs *s)
{
	set_flat_segments(s);
	s->cs.l = 1;
	s->cr3 = X86_PAGE_TABLES;
	s->cr4 = CR4_PAE;
	s->cr0 = CR0_LONG;
	s->efer = EFER_LONG;
}

/* 32 bits without paging, as PVH wants it. */
static void set_protected_mode(struct kvm_sregs *s)
{
	set_flat_segments(s);
	s->cs.db = 1;
	s->tr.limit = 0x67;
	s->cr0 = CR0_PROTECTED;
	s->cr4 = 0;
	s->efer = 0;
}

/* All of the special registers in one KVM_SET_SREGS: half of it would be refused. */
static int enter(struct vcpu *v, void (*set_mode)(struct kvm_sregs *s), const struct kvm_regs *regs, struct failure *f)
{
	struct kvm_sregs sregs;
	int r = kvm_ask(v->kvm.fd, KVM_GET_SREGS, &sregs);

	if (r < 0)
		return failed_errno(f, r, "KVM_GET_SREGS failed for vCPU %u", v->index);
	set_mode(&sregs);
	r = kvm_ask(v->kvm.fd, KVM_SET_SREGS, &sregs);
	if (r < 0)
		return failed_errno(f, r, "KVM_SET_SREGS failed for vCPU %u", v->index);
	r = kvm_ask(v->kvm.fd, KVM_SET_REGS, regs);
	return r < 0 ? failed_errno(f, r, "KVM_SET_REGS failed for vCPU %u", v->index) : 0;
}

int x86_enter_flat(struct vcpu *v, const struct boot_image *kernel, struct failure *f)
{
	const struct kvm_regs regs = { .rip = kernel->entry, .rflags = RFLAGS, .rdi = v->index, .rsi = X86_PARAMS };
	struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };
	int r = enter(v, set_long_mode, &regs, f);

	if (r < 0 || v->index == 0)
		return r;
	r = kvm_ask(v->kvm.fd, KVM_SET_MP_STATE, &runnable);
	return r < 0 ? failed_errno(f, r, "vCPU %u cannot be made runnable", v->index) : 0;
}

int x86_enter_kernel(struct vcpu *v, const struct boot_image *kernel, struct failure *f)
{
	const struct kvm_regs linux_regs = { .rip = kernel->entry, .rflags = RFLAGS, .rsi = X86_PARAMS };
	const struct kvm_regs pvh_regs = { .rip = kernel->pvh_entry, .rflags = RFLAGS, .rbx = X86_PARAMS };

	if (kernel->pvh_entry)
		return enter(v, set_protected_mode, &pvh_regs, f);
	return enter(v, set_long_mode, &linux_regs, f);
}

int arch_halt_can_wake(struct vcpu *v)
{
	return v->kvm.run->if_flag;
}
