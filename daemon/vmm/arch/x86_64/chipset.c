/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/arch/x86_64/x86.h"

#include <cpuid.h>
#include <errno.h>
#include <string.h>

#include "vmm/arch/arch.h"

/* The PC around the CPUs, for kernels that expect one. */

#define CPUID_ENTRIES 256
#define CPUID_VMX     (1u << 5) /* leaf 1, ecx */
#define CPUID_SVM     (1u << 2) /* leaf 0x80000001, ecx */

static struct boot_image kernel; /* a process has one machine */

const struct boot_image *x86_kernel(const struct machine *m)
{
	return &kernel;
}

bool arch_secondaries_wait(const struct machine *m)
{
	return !kernel.flat;
}

/* APs are started inside KVM (INIT and SIPI), and never switched off. */
int arch_power(struct vcpu *v)
{
	return 0;
}

void arch_woken(struct vcpu *v)
{
}

static bool host_has_virtualisation(void)
{
	unsigned a, b, c, d;

	return (__get_cpuid(1, &a, &b, &c, &d) && c & CPUID_VMX) ||
	       (__get_cpuid(0x80000001, &a, &b, &c, &d) && c & CPUID_SVM);
}

/*
 * There is a KVM that does without: it interprets ring 0, a thousand times slower, and its SYSCALL stays in ring 3,
 * which no user space survives. A guest that hangs for minutes and then dies says less than this.
 */
static int check_host(struct failure *f)
{
	if (host_has_virtualisation() && kvm_door_injected("virtualisation") == 0)
		return 0;
	return failed(f, -EOPNOTSUPP,
		"this host has no VMX or SVM, and without them no real kernel runs: use one that has, or turn nesting "
		"on");
}

static int create_interrupt_controllers(struct machine *m, struct failure *f)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	uint64_t identity_map = X86_IDENTITY_MAP;
	int r = kvm_ask(m->vm.fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map);

	if (r == 0)
		r = kvm_ask_value(m->vm.fd, KVM_SET_TSS_ADDR, X86_TSS_PAGES);
	if (r < 0)
		return failed_errno(f, r, "KVM does not take its pages");
	r = kvm_ask_value(m->vm.fd, KVM_CREATE_IRQCHIP, 0);
	if (r < 0)
		return failed_errno(f, r, "KVM_CREATE_IRQCHIP failed");
	r = kvm_ask(m->vm.fd, KVM_CREATE_PIT2, &pit);
	return r < 0 ? failed_errno(f, r, "KVM_CREATE_PIT2 failed") : 0;
}

/* A flat guest does without: HLT is then ours (exit 5), and it sleeps at the nap port. */
int arch_before_vcpus(struct machine *m, struct failure *f)
{
	int r = x86_load_kernel(m, &kernel, f);

	if (r < 0 || kernel.flat)
		return r;
	r = check_host(f);
	return r == 0 ? create_interrupt_controllers(m, f) : r;
}

/* 0.3 ms on a slow host: asked for once, fitted for each. */
static int set_cpuids(struct machine *m, struct failure *f)
{
	static union {
		struct kvm_cpuid2 head;
		uint8_t room[sizeof(struct kvm_cpuid2) + CPUID_ENTRIES * sizeof(struct kvm_cpuid_entry2)];
	} table;
	bool tsc_deadline = kvm_vm_capability(m->vm, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
	int r;

	table.head.nent = CPUID_ENTRIES;
	r = kvm_ask(m->system.fd, KVM_GET_SUPPORTED_CPUID, &table.head);
	if (r < 0)
		return failed_errno(f, r, "KVM_GET_SUPPORTED_CPUID failed");
	for (unsigned i = 0; i < m->vcpu_count; i++) {
		x86_fit_cpuid(&table.head, CPUID_ENTRIES, i, m->vcpu_count, tsc_deadline);
		r = kvm_ask(m->vcpu[i].kvm.fd, KVM_SET_CPUID2, &table.head);
		if (r < 0)
			return failed_errno(f, r, "KVM_SET_CPUID2 failed for vCPU %u", i);
	}
	return 0;
}

/*
 * As firmware leaves them: memory is write-back unless page tables say otherwise, without which Linux leaves its own
 * attributes (PAT) alone, and string instructions are fast. KVM stops at the first one that it does not take, and a
 * guest does without it as well.
 */
static int set_msrs(struct machine *m, struct failure *f)
{
	static const struct kvm_msr_entry wanted[] = {
		{ .index = 0x2ff, .data = 1 << 11 | 6 }, /* MTRR default type: enabled, write-back */
		{ .index = 0x1a0, .data = 1 },           /* MISC_ENABLE: fast strings */
	};
	union {
		struct kvm_msrs head;
		uint8_t room[sizeof(struct kvm_msrs) + sizeof(wanted)];
	} msrs = { .head.nmsrs = sizeof(wanted) / sizeof(wanted[0]) };

	memcpy(msrs.head.entries, wanted, sizeof(wanted));
	for (unsigned i = 0; i < m->vcpu_count; i++) {
		int r = kvm_ask(m->vcpu[i].kvm.fd, KVM_SET_MSRS, &msrs.head);

		if (r < 0)
			return failed_errno(f, r, "KVM_SET_MSRS failed for vCPU %u", i);
	}
	return 0;
}

int arch_after_vcpus(struct machine *m, struct failure *f)
{
	int r;

	if (kernel.flat)
		return 0;
	machine_connect_line(m, &m->devices.serial.irq, X86_IRQ_SERIAL);
	machine_connect_line(m, &m->devices.pm1.irq, X86_IRQ_SCI);
	r = set_cpuids(m, f);
	return r == 0 ? set_msrs(m, f) : r;
}
