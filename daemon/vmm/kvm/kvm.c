/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/kvm/kvm.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/cleanup.h"

int kvm_system_open(struct kvm_system *ret)
{
	_cleanup_(close_fdp) int fd = kvm_door_open();
	int version, size;

	if (fd < 0)
		return fd;
	version = kvm_ask_value(fd, KVM_GET_API_VERSION, 0);
	if (version < 0)
		return version;
	if (version != KVM_API_VERSION)
		return KVM_E_VERSION;
	size = kvm_ask_value(fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < 0)
		return size;
	if ((size_t)size < sizeof(struct kvm_run))
		return KVM_E_VERSION;
	ret->run_size = (size_t)size;
	ret->fd = take_fd(&fd);
	return 0;
}

int kvm_create_vm(struct kvm_system system, unsigned long type, struct kvm_vm *ret)
{
	int fd;

	/* A signal may end it; nothing has happened then. */
	do
		fd = kvm_ask_value(system.fd, KVM_CREATE_VM, type);
	while (fd == -EINTR);
	if (fd < 0)
		return fd;
	ret->fd = fd;
	return 0;
}

int kvm_vm_capability(struct kvm_vm vm, unsigned long capability)
{
	return kvm_ask_value(vm.fd, KVM_CHECK_EXTENSION, capability);
}

int kvm_vm_set_memory(struct kvm_vm vm, uint32_t slot, uint64_t gpa, void *hva, uint64_t size)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)hva,
	};

	return kvm_ask(vm.fd, KVM_SET_USER_MEMORY_REGION, &region);
}

int kvm_vm_create_vcpu(struct kvm_vm vm, struct kvm_system system, unsigned index, struct kvm_vcpu *ret)
{
	_cleanup_(close_fdp) int fd = kvm_ask_value(vm.fd, KVM_CREATE_VCPU, index);
	void *run;

	if (fd < 0)
		return fd;
	run = mmap(NULL, system.run_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (run == MAP_FAILED)
		return -errno;
	ret->run = run;
	ret->fd = take_fd(&fd);
	return 0;
}

int kvm_vm_set_line(struct kvm_vm vm, uint32_t irq, bool level)
{
	struct kvm_irq_level line = { .irq = irq, .level = level };

	return kvm_ask(vm.fd, KVM_IRQ_LINE, &line);
}

int kvm_vcpu_run(struct kvm_vcpu vcpu)
{
	return kvm_ask_value(vcpu.fd, KVM_RUN, 0);
}

void kvm_vcpu_close(struct kvm_system system, struct kvm_vcpu *vcpu)
{
	(void)munmap(vcpu->run, system.run_size);
	vcpu->run = NULL;
	close_fdp(&vcpu->fd);
	vcpu->fd = -1;
}
