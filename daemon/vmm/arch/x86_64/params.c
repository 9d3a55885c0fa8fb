/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/arch/x86_64/params.h"

#include <assert.h>
#include <string.h>

#include "proto/definition.h"
#include "vmm/arch/x86_64/map.h"
#include "vmm/arch/x86_64/put.h"

#define PAGE           4096u
#define MIB            (1ull << 20)
#define INITRD_HIGHEST 0x37ffffffu /* initrd_addr_max of older kernels, for who does not say */

/* By offset, for the fields are not aligned. */
enum boot_param {
	BP_ACPI_RSDP = 0x070,
	BP_E820_ENTRIES = 0x1e8,
	BP_BOOT_FLAG = 0x1fe,
	BP_MAGIC = 0x202,
	BP_VERSION = 0x206,
	BP_TYPE_OF_LOADER = 0x210,
	BP_LOADFLAGS = 0x211,
	BP_RAMDISK = 0x218,
	BP_RAMDISK_SIZE = 0x21c,
	BP_CMDLINE = 0x228,
	BP_INITRD_MAX = 0x22c,
	BP_CMDLINE_SIZE = 0x238,
	BP_E820_TABLE = 0x2d0,
};

#define LOADER_UNKNOWN 0xff

/* What the guest is told of its memory, with the numbers that e820 and PVH share. */
enum memory_type { MEMORY_RAM = 1, MEMORY_RESERVED = 2 };

struct range {
	uint64_t at, end;
	uint32_t type;
};

#define RANGES_MAX 4

static unsigned list_ranges(const struct params *p, struct range ret[RANGES_MAX])
{
	const struct guest_memory *m = p->memory;
	unsigned count = 0;

	ret[count++] = (struct range) { 0, X86_LOW_RAM_END, MEMORY_RAM };
	if (p->acpi)
		ret[count++] = (struct range) { X86_ACPI, MIB, MEMORY_RESERVED };
	ret[count++] = (struct range) { MIB, m->piece[0].size, MEMORY_RAM };
	if (m->piece_count > 1)
		ret[count++] = (struct range) { m->piece[1].gpa, m->piece[1].gpa + m->piece[1].size, MEMORY_RAM };
	return count;
}

static uint32_t get32(const struct boot_setup *setup, unsigned offset)
{
	uint32_t value;

	memcpy(&value, setup->bytes + (offset - SETUP_AT), sizeof(value));
	return value;
}

static void put_cmdline(uint8_t *low, const struct params *p)
{
	memcpy(low + X86_CMDLINE, p->cmdline, strlen(p->cmdline) + 1);
}

/* A kernel that is not a bzImage is told what the header of one would have said. */
static void write_setup(uint8_t *page, const struct boot_setup *setup)
{
	if (setup->size) {
		memcpy(page + SETUP_AT, setup->bytes, setup->size);
		return;
	}
	put16(page + BP_BOOT_FLAG, 0xaa55);
	memcpy(page + BP_MAGIC, "HdrS", 4);
	put16(page + BP_VERSION, 0x20c);
	page[BP_LOADFLAGS] = 1;
	put32(page + BP_CMDLINE_SIZE, VM_CMDLINE_MAX);
}

static void write_e820(uint8_t *page, const struct params *p)
{
	struct range range[RANGES_MAX];
	unsigned count = list_ranges(p, range);

	page[BP_E820_ENTRIES] = (uint8_t)count;
	for (unsigned i = 0; i < count; i++) {
		uint8_t *entry = page + BP_E820_TABLE + 20ul * i;

		put64(entry, range[i].at);
		put64(entry + 8, range[i].end - range[i].at);
		put32(entry + 16, range[i].type);
	}
}

void params_write_linux(uint8_t *low, const struct params *p)
{
	uint8_t *page = low + X86_PARAMS;

	memset(page, 0, PAGE);
	write_setup(page, p->setup);
	page[BP_TYPE_OF_LOADER] = LOADER_UNKNOWN;
	put32(page + BP_RAMDISK, (uint32_t)p->initrd);
	put32(page + BP_RAMDISK_SIZE, (uint32_t)p->initrd_size);
	put32(page + BP_CMDLINE, X86_CMDLINE);
	if (p->acpi)
		put64(page + BP_ACPI_RSDP, X86_ACPI);
	write_e820(page, p);
	put_cmdline(low, p);
}

/* struct hvm_start_info, version 1, and where in the page lies what it points to. */
enum {
	HVM_MAGIC = 0,
	HVM_VERSION = 4,
	HVM_MODULE_COUNT = 12,
	HVM_MODULES = 16,
	HVM_CMDLINE = 24,
	HVM_RSDP = 32,
	HVM_MEMORY_MAP = 40,
	HVM_MEMORY_MAP_COUNT = 48,
	AT_MODULE = 0x40,
	AT_MEMORY_MAP = 0x80,
};

static void write_module(uint8_t *page, const struct params *p)
{
	if (!p->initrd_size)
		return;
	put32(page + HVM_MODULE_COUNT, 1);
	put64(page + HVM_MODULES, X86_PARAMS + AT_MODULE);
	put64(page + AT_MODULE, p->initrd);
	put64(page + AT_MODULE + 8, p->initrd_size);
}

static void write_memory_map(uint8_t *page, const struct params *p)
{
	struct range range[RANGES_MAX];
	unsigned count = list_ranges(p, range);

	put64(page + HVM_MEMORY_MAP, X86_PARAMS + AT_MEMORY_MAP);
	put32(page + HVM_MEMORY_MAP_COUNT, count);
	for (unsigned i = 0; i < count; i++) {
		uint8_t *entry = page + AT_MEMORY_MAP + 24ul * i;

		put64(entry, range[i].at);
		put64(entry + 8, range[i].end - range[i].at);
		put32(entry + 16, range[i].type);
	}
}

void params_write_pvh(uint8_t *low, const struct params *p)
{
	uint8_t *page = low + X86_PARAMS;

	memset(page, 0, PAGE);
	put32(page + HVM_MAGIC, 0x336ec578);
	put32(page + HVM_VERSION, 1);
	put64(page + HVM_CMDLINE, X86_CMDLINE);
	if (p->acpi)
		put64(page + HVM_RSDP, X86_ACPI);
	write_module(page, p);
	write_memory_map(page, p);
	put_cmdline(low, p);
}

uint64_t params_initrd_end(const struct boot_setup *setup, const struct guest_memory *m)
{
	uint64_t end = (setup->size ? get32(setup, BP_INITRD_MAX) : INITRD_HIGHEST) + 1ull;

	return end < m->piece[0].size ? end : m->piece[0].size;
}

uint32_t params_cmdline_max(const struct boot_setup *setup)
{
	return setup->size ? get32(setup, BP_CMDLINE_SIZE) : VM_CMDLINE_MAX;
}
