/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "vmm/arch/arch.h"
#include "vmm/machine.h"
#include "vmm/priority.h"
#include "vmm/vcpu.h"

/*
 * Building, in this order: VM, slots, (interrupt controller), vCPUs, registers. Slots come
 * before any interrupt controller, which makes them 700 times cheaper (4.4).
 */

static int tell_open_failure(struct failure *f, int error)
{
	switch (error) {
	case -ENOENT:
	case -ENODEV:
	case -ENXIO:
		return failed(f, error,
			"/dev/kvm is not there: load the kvm module, or turn virtualization on in the "
			"firmware");
	case -EACCES:
	case -EPERM:
		return failed(f, error,
			"/dev/kvm may not be opened: give the VMM's user read and write access (group kvm)");
	case KVM_E_VERSION:
		return failed(f, error,
			"/dev/kvm speaks another version of the interface: use a kernel newer than 2.6.22");
	}
	return failed_errno(f, error, "/dev/kvm cannot be used");
}

static int create_vm(struct machine *m, uint64_t memory_bytes)
{
	unsigned long type;
	int r = arch_vm_type(m, memory_bytes, &type, &m->failure);

	if (r < 0 || type == ARCH_NO_VM_TYPE)
		return r;
	r = kvm_create_vm(m->system, type, &m->vm);
	return r < 0 ? failed_errno(&m->failure, r, "KVM_CREATE_VM failed") : 0;
}

static int prepare(struct machine *m)
{
	int r = kvm_system_open(&m->system);

	return r < 0 ? tell_open_failure(&m->failure, r) : create_vm(m, 0);
}

void machine_prepare(struct machine *m)
{
	m->system.fd = -1;
	m->vm.fd = -1;
	m->prepared = prepare(m);
}

static int check_capabilities(struct machine *m)
{
	int limit;

	if (kvm_vm_capability(m->vm, KVM_CAP_IMMEDIATE_EXIT) <= 0)
		return failed(&m->failure, -EOPNOTSUPP,
			"KVM cannot be interrupted safely: use Linux 4.11 or newer");
	if (m->definition.vcpu_count == 1)
		return 0;
	limit = kvm_vm_capability(m->vm, KVM_CAP_MAX_VCPUS);
	if (limit > 0 && m->definition.vcpu_count > limit)
		return failed(&m->failure, -E2BIG,
			"%u vCPUs are more than this host's KVM can do: at most %d", m->definition.vcpu_count,
			limit);
	return 0;
}

static int add_slots(struct machine *m)
{
	for (unsigned i = 0; i < m->memory.piece_count; i++) {
		const struct memory_piece *p = &m->memory.piece[i];
		int r = kvm_vm_set_memory(m->vm, i, p->gpa, m->memory.base + p->offset, p->size);

		if (r < 0)
			return failed_errno(&m->failure, r,
				"KVM_SET_USER_MEMORY_REGION failed for %llu MiB at 0x%llx",
				(unsigned long long)p->size >> 20, (unsigned long long)p->gpa);
	}
	return 0;
}

static int create_vcpus(struct machine *m)
{
	for (unsigned i = 0; i < m->definition.vcpu_count; i++) {
		struct vcpu *v = &m->vcpu[i];
		int r = kvm_vm_create_vcpu(m->vm, m->system, i, &v->kvm);

		if (r < 0)
			return failed_errno(&m->failure, r, "KVM_CREATE_VCPU failed for vCPU %u", i);
		v->index = i;
		v->machine = m;
		vcpu_become(v, VCPU_CREATED);
		m->vcpu_count = i + 1;
	}
	return 0;
}

static int start_secondaries(struct machine *m)
{
	int r = 0;

	for (unsigned i = 1; i < m->vcpu_count && r == 0; i++)
		r = vcpu_start_thread(&m->vcpu[i]);
	return r;
}

/* Through the descriptor the file could be made larger, and fill the place where it lies. */
static int map_memory(struct machine *m)
{
	int r = memory_map(&m->memory, m->memory_fd, m->definition.memory_bytes, m->definition.huge_pages, &m->failure);

	close_fdp(&m->memory_fd);
	m->memory_fd = -1;
	return r;
}

int machine_build(struct machine *m)
{
	int r = m->prepared;

	if (r == 0 && m->vm.fd < 0)
		r = create_vm(m, m->definition.memory_bytes);
	if (r == 0)
		r = check_capabilities(m);
	if (r == 0)
		r = map_memory(m);
	if (r == 0)
		r = add_slots(m);
	if (r == 0)
		r = arch_before_vcpus(m, &m->failure);
	if (r == 0)
		r = create_vcpus(m);
	if (r == 0)
		r = arch_after_vcpus(m, &m->failure);
	if (r == 0)
		r = arch_boot(m, &m->failure);
	if (r == 0)
		r = priority_raise_main(m);
	if (r == 0)
		r = start_secondaries(m);
	if (r == 0)
		r = priority_raise_own(m);
	return r;
}
