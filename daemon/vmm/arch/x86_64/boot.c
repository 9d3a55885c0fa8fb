/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/arch/x86_64/x86.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "vmm/arch/arch.h"
#include "vmm/arch/x86_64/acpi.h"
#include "vmm/arch/x86_64/params.h"

/*
 * What a guest finds at its start. A flat guest gets page tables, segments and boot_params, and no more is touched for
 * it; any other gets ACPI tables as well, and is entered as its file wants: by the 64-bit protocol, or as PVH.
 */

#define PAGE               4096ull
#define PAGE_PRESENT_WRITE 3ull
#define PAGE_LARGE         0x83ull

unsigned arch_memory_pieces(uint64_t size, struct memory_piece ret[MEMORY_PIECES_MAX])
{
	uint64_t low = size < X86_HOLE ? size : X86_HOLE;

	ret[0] = (struct memory_piece) { .gpa = 0, .offset = 0, .size = low };
	if (low == size)
		return 1;
	ret[1] = (struct memory_piece) { .gpa = X86_HIGH, .offset = low, .size = size - low };
	return 2;
}

static void write_page_tables(uint8_t *low)
{
	uint64_t *pml4 = (uint64_t *)(low + X86_PAGE_TABLES);
	uint64_t *pdpt = pml4 + 512, *directory = pdpt + 512;

	pml4[0] = (X86_PAGE_TABLES + PAGE) | PAGE_PRESENT_WRITE;
	for (uint64_t i = 0; i < 4; i++)
		pdpt[i] = (X86_PAGE_TABLES + (2 + i) * PAGE) | PAGE_PRESENT_WRITE;
	for (uint64_t i = 0; i < 4ul * 512; i++)
		directory[i] = i << 21 | PAGE_LARGE;
}

static void write_gdt(uint8_t *low)
{
	static const uint64_t gdt[6] = {
		[X86_CODE / 8] = 0x00af9b000000ffff,
		[X86_DATA / 8] = 0x00cf93000000ffff,
		[X86_TSS / 8] = 0x008f8b000000ffff,
	};

	memcpy(low + X86_GDT, gdt, sizeof(gdt));
}

int x86_load_kernel(struct machine *m, struct boot_image *ret, struct failure *f)
{
	const struct boot_limits limits = {
		.elf_machine = EM_X86_64,
		.lowest = X86_IMAGE_LOWEST,
		.bzimage = true,
	};

	return boot_kernel_from(&m->memory, m->definition.kernel, &limits, ret, f);
}

/* As high as it may lie, behind the kernel. */
static int load_initrd(struct machine *m, const struct boot_image *kernel, struct params *p, struct failure *f)
{
	uint64_t top = params_initrd_end(&kernel->setup, &m->memory);
	struct boot_file file;
	int r;

	if (!m->definition.initrd[0])
		return 0;
	r = boot_open(&file, "initrd", m->definition.initrd, BOOT_INITRD_MAX, f);
	if (r < 0)
		return r;
	if (file.size >= top || ((top - file.size) & ~(PAGE - 1)) < kernel->high)
		r = failed(f, -ENOSPC,
			"initrd %s has %llu MiB, too large behind the kernel: give the guest more memory",
			path_tail(file.path), (unsigned long long)file.size >> 20);
	p->initrd = (top - file.size) & ~(PAGE - 1);
	p->initrd_size = file.size;
	if (r == 0)
		r = boot_copy(&m->memory, &file, 0, p->initrd, file.size, f);
	boot_close(&file);
	return r;
}

static int check_cmdline(const struct machine *m, const struct boot_image *kernel, struct failure *f)
{
	size_t length = strlen(m->definition.cmdline), max = params_cmdline_max(&kernel->setup);

	if (length <= max)
		return 0;
	return failed(f, -E2BIG, "cmdline has %zu bytes, and this kernel takes %zu: shorten it", length, max);
}

static int write_acpi(struct machine *m, struct failure *f)
{
	void *page;
	int r = memory_range(&m->memory, X86_ACPI, X86_ACPI_SIZE, &page);

	if (r < 0)
		return failed_errno(f, r, "no memory for the ACPI tables");
	acpi_write(page, m->vcpu_count);
	return 0;
}

static int write_low_memory(
	struct machine *m, const struct boot_image *kernel, const struct params *p, struct failure *f)
{
	void *low;
	int r = memory_range(&m->memory, 0, X86_LOW_END, &low);

	if (r < 0)
		return failed_errno(f, r, "no memory for the guest's first pages");
	write_page_tables(low);
	write_gdt(low);
	if (kernel->pvh_entry)
		params_write_pvh(low, p);
	else
		params_write_linux(low, p);
	return p->acpi ? write_acpi(m, f) : 0;
}

/* Of flat guests all, for nothing wakes the others; else the guest starts them (INIT, SIPI). */
static int set_vcpus(struct machine *m, const struct boot_image *kernel, struct failure *f)
{
	int r = 0;

	if (!kernel->flat)
		return x86_enter_kernel(&m->vcpu[0], kernel, f);
	for (unsigned i = 0; i < m->vcpu_count && r == 0; i++)
		r = x86_enter_flat(&m->vcpu[i], kernel, f);
	return r;
}

int arch_boot(struct machine *m, struct failure *f)
{
	const struct boot_image *kernel = x86_kernel(m);
	struct params params = {
		.memory = &m->memory,
		.setup = &kernel->setup,
		.cmdline = m->definition.cmdline,
		.acpi = !kernel->flat,
	};
	int r = check_cmdline(m, kernel, f);

	if (r == 0)
		r = load_initrd(m, kernel, &params, f);
	if (r == 0)
		r = write_low_memory(m, kernel, &params, f);
	return r == 0 ? set_vcpus(m, kernel, f) : r;
}
