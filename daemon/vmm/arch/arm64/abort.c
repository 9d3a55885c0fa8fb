/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/arch/arm64/arm64.h"

#include "vmm/arch/arch.h"

/*
 * Exit 28: an access outside of memory by an instruction whose syndrome does not say what it does (a pair, a vector, a
 * write-back). The guest gets what a bus would give it, an external abort (api.rst, KVM_SET_VCPU_EVENTS). One that
 * comes back to the same place again and again has no handler, and would do so for ever.
 */

#define ABORTS_MAX 8

static struct device_outcome stuck(const char *text)
{
	return (struct device_outcome) { .act = DEVICE_END, .cause = CAUSE_VCPU_ERROR, .text = text };
}

static bool is_repeated(struct vcpu *v, uint64_t pc)
{
	if (v->abort.pc != pc)
		v->abort.count = 0;
	v->abort.pc = pc;
	return ++v->abort.count > ABORTS_MAX;
}

struct device_outcome arch_undecoded(struct vcpu *v)
{
	struct kvm_vcpu_events events = { .exception.ext_dabt_pending = 1 };
	uint64_t pc;

	if (arm64_get_register(v, ARM64_REG_PC, &pc) < 0)
		return stuck("an instruction that cannot be decoded, at a place that cannot be read");
	if (is_repeated(v, pc))
		return stuck("the guest uses an instruction that cannot be decoded on a device, again and again");
	if (kvm_ask(v->kvm.fd, KVM_SET_VCPU_EVENTS, &events) < 0)
		return stuck("an external abort cannot be injected");
	return (struct device_outcome) { 0 };
}
