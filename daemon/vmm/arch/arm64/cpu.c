/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/arch/arm64/arm64.h"

#include <errno.h>
#include <string.h>

#include "vmm/arch/arch.h"

const int arch_secondaries_wait = 1;

#define REG_X0             0x6030000000100000ull
#define REG_PC             0x6030000000100040ull
#define REG_PSTATE         0x6030000000100042ull
#define PSTATE_EL1H_MASKED 0x3c5ull /* EL1h, DAIF masked */

#define IPA_BITS_MIN     32

/* The least number of address bits that covers memory (api.rst, KVM_CREATE_VM); 0 is KVM's default of 40. */
unsigned long arch_vm_type(int system_fd, uint64_t memory_bytes)
{
	unsigned long bits = IPA_BITS_MIN;

	if (memory_bytes == 0)
		return ARCH_NO_VM_TYPE;
	while ((ARM64_RAM + memory_bytes - 1) >> bits)
		bits++;
	/* Without the capability only the default can be had. */
	if (kvm_ask_value(system_fd, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE) <= 0)
		return 0;
	return bits;
}

static int set_gic_attribute(int gic, uint32_t group, uint64_t attribute, uint64_t *value)
{
	struct kvm_device_attr attr = { .group = group, .attr = attribute, .addr = (uintptr_t)value };

	return kvm_ask(gic, KVM_SET_DEVICE_ATTR, &attr);
}

static int gic_fd = -1;

/* A host without GICv3 makes guests without an interrupt controller: test guests need none. */
int arch_before_vcpus(struct machine *m, struct failure *f)
{
	struct kvm_create_device device = { .type = KVM_DEV_TYPE_ARM_VGIC_V3 };
	uint64_t dist = ARM64_GIC_DIST, redist = ARM64_GIC_REDIST;
	int r = kvm_ask(m->vm.fd, KVM_CREATE_DEVICE, &device);

	if (r == -ENODEV)
		return 0;
	if (r < 0)
		return failed_errno(f, r, "KVM_CREATE_DEVICE failed for the interrupt controller");
	gic_fd = (int)device.fd;
	r = set_gic_attribute(gic_fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, &dist);
	if (r == 0)
		r = set_gic_attribute(
			gic_fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST, &redist);
	return r < 0 ? failed_errno(f, r, "the interrupt controller cannot be placed") : 0;
}

static int init_vcpu(struct machine *m, struct vcpu *v, struct failure *f)
{
	struct kvm_vcpu_init init;
	int r = kvm_ask(m->vm.fd, KVM_ARM_PREFERRED_TARGET, &init);

	if (r < 0)
		return failed_errno(f, r, "KVM_ARM_PREFERRED_TARGET failed");
	memset(init.features, 0, sizeof(init.features));
	init.features[0] = 1u << KVM_ARM_VCPU_PSCI_0_2;
	if (v->index > 0)
		init.features[0] |= 1u << KVM_ARM_VCPU_POWER_OFF;
	r = kvm_ask(v->kvm.fd, KVM_ARM_VCPU_INIT, &init);
	return r < 0 ? failed_errno(f, r, "KVM_ARM_VCPU_INIT failed for vCPU %u", v->index) : 0;
}

/* The controller is initialised when all vCPUs exist, before the first runs (devices/arm-vgic-v3.rst). */
int arch_after_vcpus(struct machine *m, struct failure *f)
{
	int r = 0;

	for (unsigned i = 0; i < m->vcpu_count && r == 0; i++)
		r = init_vcpu(m, &m->vcpu[i], f);
	if (r < 0 || gic_fd < 0)
		return r;
	r = set_gic_attribute(gic_fd, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
	return r < 0 ? failed_errno(f, r, "the interrupt controller cannot be initialised") : 0;
}

static int set_register(struct vcpu *v, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	return kvm_ask(v->kvm.fd, KVM_SET_ONE_REG, &reg);
}

int arm64_set_registers(struct vcpu *v, uint64_t entry, uint64_t dtb, struct failure *f)
{
	int r = set_register(v, REG_PC, entry);

	if (r == 0)
		r = set_register(v, REG_X0, dtb);
	if (r == 0)
		r = set_register(v, REG_PSTATE, PSTATE_EL1H_MASKED);
	return r < 0 ? failed_errno(f, r, "the registers of vCPU %u cannot be set", v->index) : 0;
}

/* WFI stays in the kernel; exit 5 does not happen. */
int arch_halt_can_wake(struct vcpu *v)
{
	return 1;
}
