/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/arch/x86_64/x86.h"

#include <assert.h>
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "vmm/arch/arch.h"
#include "vmm/boot/boot.h"

#define MIB                (1ull << 20)
#define PAGE               4096ull
#define LOW_RAM_END        0x9fc00u
#define INITRD_HIGHEST     0x37ffffffu /* initrd_addr_max of older kernels */
#define PAGE_PRESENT_WRITE 3ull
#define PAGE_LARGE         0x83ull
#define E820_RAM           1

/* struct boot_params, as far as it is used (arch/x86/boot.rst); by offset, for the fields are not aligned. */
enum boot_param {
	BP_E820_ENTRIES = 0x1e8,
	BP_BOOT_FLAG = 0x1fe,
	BP_MAGIC = 0x202,
	BP_VERSION = 0x206,
	BP_TYPE_OF_LOADER = 0x210,
	BP_LOADFLAGS = 0x211,
	BP_RAMDISK = 0x218,
	BP_RAMDISK_SIZE = 0x21c,
	BP_CMDLINE = 0x228,
	BP_CMDLINE_SIZE = 0x238,
	BP_E820_TABLE = 0x2d0,
};

struct e820_entry {
	uint64_t address, size;
	uint32_t type;
} __attribute__((packed));
static_assert(sizeof(struct e820_entry) == 20, "");

unsigned arch_memory_pieces(uint64_t size, struct memory_piece ret[MEMORY_PIECES_MAX])
{
	uint64_t low = size < X86_HOLE ? size : X86_HOLE;

	ret[0] = (struct memory_piece) { .gpa = 0, .offset = 0, .size = low };
	if (low == size)
		return 1;
	ret[1] = (struct memory_piece) { .gpa = X86_HIGH, .offset = low, .size = size - low };
	return 2;
}

/* The first 2 MiB of `low` are host memory of the guest's first pages. */
static void write_page_tables(uint8_t *low)
{
	uint64_t *pml4 = (uint64_t *)(low + X86_PAGE_TABLES);
	uint64_t *pdpt = pml4 + 512, *directory = pdpt + 512;

	pml4[0] = (X86_PAGE_TABLES + PAGE) | PAGE_PRESENT_WRITE;
	for (uint64_t i = 0; i < 4; i++)
		pdpt[i] = (X86_PAGE_TABLES + (2 + i) * PAGE) | PAGE_PRESENT_WRITE;
	for (uint64_t i = 0; i < 4 * 512; i++)
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

static void put16(uint8_t *at, uint16_t value)
{
	memcpy(at, &value, sizeof(value));
}

static void put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

static void add_e820(uint8_t *params, uint64_t address, uint64_t end)
{
	struct e820_entry entry = { .address = address, .size = end - address, .type = E820_RAM };

	memcpy(params + BP_E820_TABLE + params[BP_E820_ENTRIES]++ * sizeof(entry), &entry, sizeof(entry));
}

static void write_boot_params(uint8_t *low, const struct guest_memory *m, const char *cmdline,
	uint64_t initrd, uint64_t initrd_size)
{
	uint8_t *p = low + X86_BOOT_PARAMS;

	memset(p, 0, PAGE);
	put16(p + BP_BOOT_FLAG, 0xaa55);
	memcpy(p + BP_MAGIC, "HdrS", 4);
	put16(p + BP_VERSION, 0x20c);
	p[BP_TYPE_OF_LOADER] = 0xff;
	p[BP_LOADFLAGS] = 1;
	put32(p + BP_RAMDISK, (uint32_t)initrd);
	put32(p + BP_RAMDISK_SIZE, (uint32_t)initrd_size);
	put32(p + BP_CMDLINE, X86_CMDLINE);
	put32(p + BP_CMDLINE_SIZE, VM_CMDLINE_MAX);
	add_e820(p, 0, LOW_RAM_END);
	add_e820(p, MIB, m->piece[0].size);
	if (m->piece_count > 1)
		add_e820(p, m->piece[1].gpa, m->piece[1].gpa + m->piece[1].size);
	strcpy((char *)low + X86_CMDLINE, cmdline);
}

/* As high as it may lie, behind the kernel. */
static int load_initrd(struct machine *m, const struct boot_image *kernel, uint64_t *ret_at,
	uint64_t *ret_size, struct failure *f)
{
	struct boot_file file = { .fd = -1 };
	uint64_t top = m->memory.piece[0].size;
	int r;

	if (!m->definition.initrd[0])
		return 0;
	r = boot_open(&file, "initrd", m->definition.initrd, BOOT_INITRD_MAX, f);
	if (r < 0)
		return r;
	if (top > INITRD_HIGHEST)
		top = INITRD_HIGHEST + 1ull;
	if (file.size >= top || ((top - file.size) & ~(PAGE - 1)) < kernel->high)
		r = failed(f, -ENOSPC,
			"initrd %s has %llu MiB, too large behind the kernel: give the guest more memory",
			path_tail(file.path), (unsigned long long)file.size >> 20);
	*ret_at = (top - file.size) & ~(PAGE - 1);
	*ret_size = file.size;
	if (r == 0)
		r = boot_copy(&m->memory, &file, 0, *ret_at, file.size, f);
	boot_close(&file);
	return r;
}

static int load_kernel(struct machine *m, struct boot_image *ret, struct failure *f)
{
	const struct boot_limits limits = { .elf_machine = EM_X86_64, .lowest = X86_IMAGE_LOWEST };
	struct boot_file file;
	int r = boot_open(&file, "kernel", m->definition.kernel, BOOT_KERNEL_MAX, f);

	if (r < 0)
		return r;
	r = boot_kernel(&m->memory, &file, &limits, ret, f);
	boot_close(&file);
	return r;
}

int arch_boot(struct machine *m, struct failure *f)
{
	uint64_t initrd = 0, initrd_size = 0;
	struct boot_image kernel;
	void *low;
	int r = load_kernel(m, &kernel, f);

	if (r == 0)
		r = load_initrd(m, &kernel, &initrd, &initrd_size, f);
	if (r < 0)
		return r;
	r = memory_range(&m->memory, 0, X86_LOW_END, &low);
	if (r < 0)
		return failed_errno(f, r, "no memory for the guest's first pages");
	write_page_tables(low);
	write_gdt(low);
	write_boot_params(low, &m->memory, m->definition.cmdline, initrd, initrd_size);
	for (unsigned i = 0; i < m->vcpu_count && r == 0; i++) {
		r = kernel.flat ? 0 : x86_set_cpuid(&m->vcpu[i], f);
		if (r == 0)
			r = x86_set_registers(&m->vcpu[i], kernel.entry, f);
	}
	return r;
}
