/* SPDX-License-Identifier: Apache-2.0 */
#include "floor.h"

#include <elf.h>
#include <linux/kvm.h>
#include <string.h>

#define REG_PC 0x6030000000100040u
#define REG_PSTATE 0x6030000000100042u
#define EL1H_MASKED 0x3c5u
#define IPA_BITS 32u

const uint64_t floor_memory_base = 0x40000000;
const int floor_elf_machine = EM_AARCH64;

/* Without the capability only KVM's default of 40 bits can be had. */
unsigned long floor_vm_type(int kvm)
{
	return FLOOR_ASK(kvm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE) > 0 ? IPA_BITS : 0;
}

static void set_register(int vcpu, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	FLOOR_ASK(vcpu, KVM_SET_ONE_REG, &reg);
}

void floor_set_vcpu(int vm, int vcpu, uint8_t *memory, uint64_t entry)
{
	struct kvm_vcpu_init init;

	FLOOR_ASK(vm, KVM_ARM_PREFERRED_TARGET, &init);
	memset(init.features, 0, sizeof(init.features));
	init.features[0] = 1u << KVM_ARM_VCPU_PSCI_0_2;
	FLOOR_ASK(vcpu, KVM_ARM_VCPU_INIT, &init);
	set_register(vcpu, REG_PC, entry);
	set_register(vcpu, REG_PSTATE, EL1H_MASKED);
}
