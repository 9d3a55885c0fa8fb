/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * KVM's objects as types, so that a VM's fd cannot be taken for a vCPU's. Only what both architectures share;
 * the rest is asked through kvm_ask in arch/. All return negative errno.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/kvm/door.h"

struct kvm_system {
	int fd;
	size_t run_size; /* of the mapping of a vCPU's fd */
};

struct kvm_vm {
	int fd;
};

struct kvm_vcpu {
	int fd;
	struct kvm_run *run;
};

#define KVM_E_VERSION (-ENOPROTOOPT) /* KVM speaks another API version than 12 */

int kvm_system_open(struct kvm_system *ret);
int kvm_create_vm(struct kvm_system system, unsigned long type, struct kvm_vm *ret);
int kvm_vm_capability(struct kvm_vm vm, unsigned long capability); /* 0: absent */
int kvm_vm_set_memory(struct kvm_vm vm, uint32_t slot, uint64_t gpa, void *hva, uint64_t size);
int kvm_vm_create_vcpu(struct kvm_vm vm, struct kvm_system system, unsigned index, struct kvm_vcpu *ret);
int kvm_vm_set_line(struct kvm_vm vm, uint32_t irq, bool level);
int kvm_vcpu_run(struct kvm_vcpu vcpu);
void kvm_vcpu_close(struct kvm_system system, struct kvm_vcpu *vcpu);
