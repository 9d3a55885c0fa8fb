/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/arch/arm64/arm64.h"

#include <errno.h>
#include <string.h>

#include "vmm/arch/arch.h"

bool arch_secondaries_wait(const struct machine *m)
{
	return true;
}

#define PSTATE_EL1H_MASKED 0x3c5ull /* EL1h, DAIF masked */

#define IPA_BITS_MIN     32
#define IPA_BITS_DEFAULT 40

/* The least number of address bits that covers memory (api.rst, KVM_CREATE_VM); 0 is KVM's default of 40. */
int arch_vm_type(const struct machine *m, uint64_t memory_bytes, unsigned long *ret, struct failure *f)
{
	int most = kvm_ask_value(m->system.fd, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE);
	unsigned long bits = IPA_BITS_MIN;

	if (memory_bytes == 0) {
		*ret = ARCH_NO_VM_TYPE;
		return 0;
	}
	while ((ARM64_RAM + memory_bytes - 1) >> bits)
		bits++;
	/* Without the capability only the default can be had. */
	if (bits > (most > 0 ? (unsigned)most : IPA_BITS_DEFAULT))
		return failed(f, -E2BIG, "%llu MiB of memory need %lu address bits; this host's KVM has %d",
			(unsigned long long)memory_bytes >> 20, bits, most > 0 ? most : IPA_BITS_DEFAULT);
	*ret = most > 0 ? bits : 0;
	return 0;
}

/*
 * An access to a device by an instruction that the CPU does not decode is ours to answer, with an abort; without the
 * capability KVM_RUN fails with ENOSYS.
 */
static int ask_for_undecoded(struct machine *m, struct failure *f)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_ARM_NISV_TO_USER };
	int r;

	if (kvm_vm_capability(m->vm, KVM_CAP_ARM_NISV_TO_USER) <= 0 ||
		kvm_vm_capability(m->vm, KVM_CAP_ARM_INJECT_EXT_DABT) <= 0)
		return 0;
	r = kvm_ask(m->vm.fd, KVM_ENABLE_CAP, &cap);
	return r < 0 ? failed_errno(f, r, "KVM_CAP_ARM_NISV_TO_USER cannot be enabled") : 0;
}

int arch_before_vcpus(struct machine *m, struct failure *f)
{
	int r = ask_for_undecoded(m, f);

	if (r == 0)
		r = arm64_smccc_filter(m, f);
	return r == 0 ? arm64_gic_create(m, f) : r;
}

static uint32_t target; /* of all vCPUs here; asked once, before the sandbox is closed */

int arm64_reset_vcpu(struct vcpu *v, bool off)
{
	struct kvm_vcpu_init init = { .target = target };

	init.features[0] = 1u << KVM_ARM_VCPU_PSCI_0_2 | (off ? 1u << KVM_ARM_VCPU_POWER_OFF : 0);
	return kvm_ask(v->kvm.fd, KVM_ARM_VCPU_INIT, &init);
}

static int init_vcpu(struct vcpu *v, struct failure *f)
{
	int r = arm64_reset_vcpu(v, v->index > 0);

	if (r < 0)
		return failed_errno(f, r, "KVM_ARM_VCPU_INIT failed for vCPU %u", v->index);
	atomic_store(&v->power.is, v->machine->power_is_ours && v->index ? POWER_OFF : POWER_ON);
	r = arm64_get_register(v, ARM64_REG_MPIDR, &v->power.mpidr);
	return r < 0 ? failed_errno(f, r, "MPIDR_EL1 of vCPU %u cannot be read", v->index) : 0;
}

int arch_after_vcpus(struct machine *m, struct failure *f)
{
	struct kvm_vcpu_init preferred;
	int r = kvm_ask(m->vm.fd, KVM_ARM_PREFERRED_TARGET, &preferred);

	if (r < 0)
		return failed_errno(f, r, "KVM_ARM_PREFERRED_TARGET failed");
	target = preferred.target;
	for (unsigned i = 0; i < m->vcpu_count && r == 0; i++)
		r = init_vcpu(&m->vcpu[i], f);
	return r == 0 ? arm64_gic_init(m, f) : r;
}

int arm64_get_register(struct vcpu *v, uint64_t id, uint64_t *ret)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)ret };

	return kvm_ask(v->kvm.fd, KVM_GET_ONE_REG, &reg);
}

int arm64_set_register(struct vcpu *v, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	return kvm_ask(v->kvm.fd, KVM_SET_ONE_REG, &reg);
}

int arm64_set_registers(struct vcpu *v, uint64_t entry, uint64_t dtb, struct failure *f)
{
	int r = arm64_set_register(v, ARM64_REG_PC, entry);

	if (r == 0)
		r = arm64_set_register(v, ARM64_REG_X(0), dtb);
	if (r == 0)
		r = arm64_set_register(v, ARM64_REG_PSTATE, PSTATE_EL1H_MASKED);
	return r < 0 ? failed_errno(f, r, "the registers of vCPU %u cannot be set", v->index) : 0;
}

/* WFI stays in the kernel; exit 5 does not happen. */
int arch_halt_can_wake(struct vcpu *v)
{
	return 1;
}
