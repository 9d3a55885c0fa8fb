/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a vCPU holds interrupts off: EFLAGS.IF, and what the local APIC would deliver (IRR; SDM vol. 3A s.10.8.4). */
#include "vmm/arch/x86_64/x86.h"

#include <string.h>

#include "vmm/arch/arch.h"

#define EFLAGS_IF      (1u << 9)
#define APIC_IRR       0x200 /* eight registers of 32 bits, 16 bytes apart */
#define APIC_IRR_WORDS 8

/* The highest vector that waits; 0: none. */
static unsigned waiting_vector(const struct kvm_lapic_state *apic)
{
	for (int i = APIC_IRR_WORDS - 1; i >= 0; i--) {
		uint32_t word;

		memcpy(&word, apic->regs + APIC_IRR + 16L * i, sizeof(word));
		if (word)
			return (unsigned)(32 * i + 31 - __builtin_clz(word));
	}
	return 0;
}

bool arch_holds_interrupt(struct vcpu *v, uint64_t *ret_what, uint64_t *ret_pc)
{
	struct kvm_lapic_state apic;
	struct kvm_regs regs;

	if (kvm_ask(v->kvm.fd, KVM_GET_REGS, &regs) < 0 || (regs.rflags & EFLAGS_IF))
		return false;
	*ret_pc = regs.rip;
	*ret_what = 0;
	if (x86_kernel(v->machine)->flat) /* there is no controller */
		return true;
	if (kvm_ask(v->kvm.fd, KVM_GET_LAPIC, &apic) < 0)
		return false;
	*ret_what = waiting_vector(&apic);
	return *ret_what != 0;
}
