/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/arch/arm64/arm64.h"

#include <asm/kvm.h>
#include <errno.h>

#include "base/log.h"
#include "vmm/arch/arch.h"

/*
 * A guest's firmware calls. What KVM knows it answers by itself; FF-A's (DEN0077A s.11: 0x60 to 0xFF of the standard secure
 * services, 32 and 64 bit) and the power calls of PSCI (psci.c) leave KVM_RUN with exit 3, where the kernel can be asked for
 * that: Linux 6.4 and newer. Elsewhere KVM itself answers NOT_SUPPORTED to the first, and keeps the second to itself.
 */

/* Of the headers of 6.4; the ones we may be built with are older. */
#define SMCCC_CTRL    0
#define SMCCC_FILTER  0
#define SMCCC_FORWARD 2

struct smccc_filter {
	uint32_t base, count;
	uint8_t action;
	uint8_t reserved[15];
};

#define FFA_FUNCTIONS 0xA0
static const uint32_t ranges[] = { 0x84000060, 0xC4000060 };

static int forward(struct machine *m, uint32_t base, uint32_t count)
{
	struct smccc_filter filter = { .base = base, .count = count, .action = SMCCC_FORWARD };
	struct kvm_device_attr attr = { .group = SMCCC_CTRL, .attr = SMCCC_FILTER, .addr = (uintptr_t)&filter };

	return kvm_ask(m->vm.fd, KVM_SET_DEVICE_ATTR, &attr);
}

/* PSCI_FEATURES, which is KVM's to answer, says then that there is SYSTEM_SUSPEND. */
static int ask_for_suspend(struct machine *m, struct failure *f)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_ARM_SYSTEM_SUSPEND };
	int r;

	if (kvm_vm_capability(m->vm, KVM_CAP_ARM_SYSTEM_SUSPEND) <= 0)
		return 0;
	r = kvm_ask(m->vm.fd, KVM_ENABLE_CAP, &cap);
	return r < 0 ? failed_errno(f, r, "KVM_CAP_ARM_SYSTEM_SUSPEND cannot be enabled") : 0;
}

int arm64_smccc_filter(struct machine *m, struct failure *f)
{
	struct kvm_device_attr attr = { .group = SMCCC_CTRL, .attr = SMCCC_FILTER };
	int r;

	if (kvm_ask(m->vm.fd, KVM_HAS_DEVICE_ATTR, &attr) < 0) {
		log_info("this kernel cannot forward a guest's FF-A calls: they are answered NOT_SUPPORTED");
		return 0;
	}
	for (unsigned i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		r = forward(m, ranges[i], FFA_FUNCTIONS);
		if (r < 0)
			return failed_errno(f, r, "a guest's FF-A calls cannot be asked for");
	}
	for (unsigned i = 0; i < ARM64_PSCI_FORWARDED; i++) {
		r = forward(m, arm64_psci_forwarded[i], 1);
		if (r < 0)
			return failed_errno(f, r, "a guest's power calls cannot be asked for");
	}
	m->power_is_ours = true;
	return ask_for_suspend(m, f);
}

#define NARROW 8 /* x0 to x7: what a call that is not wide has */

static int read_call(struct vcpu *v, struct ffa_call *ret)
{
	unsigned count = NARROW;
	int r = 0;

	for (unsigned i = 0; i < count && r == 0; i++) {
		r = arm64_get_register(v, ARM64_REG_X(i), &ret->x[i]);
		if (i == 0 && r == 0 && ffa_is_wide(ret->x[0]))
			count = FFA_REGISTERS;
	}
	return r;
}

static int write_answer(struct vcpu *v, const struct ffa_call *call, bool wide)
{
	unsigned count = wide || ffa_is_wide(call->x[0]) ? FFA_REGISTERS : NARROW;
	int r = 0;

	for (unsigned i = 0; i < count && r == 0; i++)
		r = arm64_set_register(v, ARM64_REG_X(i), call->x[i]);
	return r;
}

/*
 * The program counter is behind the instruction already; what is in the registers when the vCPU runs again is the answer
 * (KVM_EXIT_HYPERCALL).
 */
struct device_outcome arch_hypercall(struct vcpu *v)
{
	struct ffa_call call = { 0 };
	int r = read_call(v, &call);
	bool wide = ffa_is_wide(call.x[0]);

	if (r == 0 && arm64_psci_answer(v, call.x))
		r = arm64_set_register(v, ARM64_REG_X(0), call.x[0]);
	else if (r == 0 && ask_call(v, &call))
		r = write_answer(v, &call, wide);
	if (r == 0)
		return (struct device_outcome) { 0 };
	return (struct device_outcome) {
		.act = DEVICE_END, .cause = CAUSE_VCPU_ERROR, .text = "the guest's firmware call cannot be answered"
	};
}
