/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/arch/x86_64/x86.h"

#include <stddef.h>
#include <string.h>

/*
 * CPUID as a guest's CPU tells it (Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E). What KVM supports is about
 * the host's CPU that was asked; here is which one the guest's is, and that its vCPUs are cores of one package with one
 * thread each, who share the last cache.
 */

struct cpu {
	unsigned index, count;
	bool tsc_deadline;
};

#define ECX_TSC_DEADLINE (1u << 24)
#define ECX_HYPERVISOR   (1u << 31)
#define EDX_MANY         (1u << 28) /* HTT: ebx says how many APIC ids a package has */

#define TOPOLOGY     0xbu
#define TOPOLOGY_V2  0x1fu
#define LEVEL_THREAD (1u << 8)
#define LEVEL_CORE   (2u << 8)
#define LAST_CACHE   3u

/* Bits of an APIC id that tell the cores of a package apart. */
static unsigned core_bits(unsigned count)
{
	unsigned bits = 0;

	while (1u << bits < count)
		bits++;
	return bits;
}

static void fit_features(struct kvm_cpuid_entry2 *e, const struct cpu *cpu)
{
	e->ebx = (e->ebx & 0xffff) | cpu->index << 24 | cpu->count << 16;
	e->ecx |= ECX_HYPERVISOR;
	e->ecx = cpu->tsc_deadline ? e->ecx | ECX_TSC_DEADLINE : e->ecx & ~ECX_TSC_DEADLINE;
	e->edx = cpu->count > 1 ? e->edx | EDX_MANY : e->edx & ~EDX_MANY;
}

/* How many CPUs share a cache: in bits 25:14, less one. */
static void fit_amd_cache(struct kvm_cpuid_entry2 *e, const struct cpu *cpu)
{
	unsigned level = e->eax >> 5 & 7;
	unsigned sharing = level < LAST_CACHE ? 1 : cpu->count;

	e->eax = (e->eax & ~(0xfffu << 14)) | (sharing - 1) << 14;
}

/* Bits 31:26 are the cores of the package, less one. */
static void fit_intel_cache(struct kvm_cpuid_entry2 *e, const struct cpu *cpu)
{
	fit_amd_cache(e, cpu);
	e->eax = (e->eax & ~(0x3fu << 26)) | (cpu->count - 1) << 26;
}

static void fit_amd_cores(struct kvm_cpuid_entry2 *e, const struct cpu *cpu)
{
	e->ecx = (e->ecx & ~0xf0ffu) | core_bits(cpu->count) << 12 | (cpu->count - 1);
}

static void fit_amd_topology(struct kvm_cpuid_entry2 *e, const struct cpu *cpu)
{
	e->eax = cpu->index; /* APIC id */
	e->ebx = cpu->index; /* core, of one thread */
	e->ecx = 0;          /* one node */
}

static const struct {
	uint32_t leaf;
	void (*fit)(struct kvm_cpuid_entry2 *e, const struct cpu *cpu);
} leaves[] = {
	{ 1, fit_features },
	{ 4, fit_intel_cache },
	{ 0x80000008, fit_amd_cores },
	{ 0x8000001d, fit_amd_cache },
	{ 0x8000001e, fit_amd_topology },
};

static void fit(struct kvm_cpuid_entry2 *e, const struct cpu *cpu)
{
	for (unsigned i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++)
		if (leaves[i].leaf == e->function)
			leaves[i].fit(e, cpu);
}

static void drop_topology(struct kvm_cpuid2 *table)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < table->nent; i++)
		if (table->entries[i].function != TOPOLOGY && table->entries[i].function != TOPOLOGY_V2)
			table->entries[kept++] = table->entries[i];
	table->nent = kept;
}

/* Threads, cores, and a level that says that there are no more. Without room the older leaves must do. */
static void add_topology(struct kvm_cpuid2 *table, unsigned room, const struct cpu *cpu)
{
	const struct kvm_cpuid_entry2 levels[] = {
		{ .index = 0, .eax = 0, .ebx = 1, .ecx = 0 | LEVEL_THREAD },
		{ .index = 1, .eax = core_bits(cpu->count), .ebx = cpu->count, .ecx = 1 | LEVEL_CORE },
		{ .index = 2, .ecx = 2 },
	};

	for (unsigned i = 0; i < sizeof(levels) / sizeof(levels[0]) && table->nent < room; i++) {
		struct kvm_cpuid_entry2 *e = &table->entries[table->nent++];

		*e = levels[i];
		e->function = TOPOLOGY;
		e->flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
		e->edx = cpu->index;
	}
}

void x86_fit_cpuid(struct kvm_cpuid2 *table, unsigned room, unsigned index, unsigned count, bool tsc_deadline)
{
	const struct cpu cpu = { .index = index, .count = count, .tsc_deadline = tsc_deadline };

	drop_topology(table);
	for (unsigned i = 0; i < table->nent; i++)
		fit(&table->entries[i], &cpu);
	add_topology(table, room, &cpu);
}
