/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/arch/arm64/arm64.h"

#include <elf.h>
#include <errno.h>
#include <libfdt.h>
#include <sys/random.h>

#include "vmm/arch/arch.h"
#include "vmm/arch/arm64/fdt.h"
#include "vmm/boot/boot.h"

/*
 * From the bottom of memory: the kernel; from the top: device tree, initrd (arch/arm64/booting.rst). A kernel learns of
 * its command line and initrd from the tree. One that is flat looks at nothing, and gets no tree unless it brings one.
 */

#define MIB           (1ull << 20)
#define PAGE          4096ull
#define DTB_ALIGNMENT (2 * MIB)
#define WINDOW        (32ull << 30) /* kernel and initrd lie in one this large */

unsigned arch_memory_pieces(uint64_t size, struct memory_piece ret[MEMORY_PIECES_MAX])
{
	ret[0] = (struct memory_piece) { .gpa = ARM64_RAM, .offset = 0, .size = size };
	return 1;
}

static int load_kernel(struct machine *m, struct boot_image *ret, struct failure *f)
{
	const struct boot_limits limits = {
		.elf_machine = EM_AARCH64,
		.lowest = ARM64_RAM,
		.memory_base = ARM64_RAM,
		.image = true,
	};

	return boot_kernel_from(&m->memory, m->definition.kernel, &limits, ret, f);
}

/* Takes `size` bytes from the end of what is free, which is [low, *high). */
static int take(uint64_t low, uint64_t *high, uint64_t size, uint64_t alignment, const char *what, struct failure *f)
{
	if (size > *high - low || ((*high - size) & ~(alignment - 1)) < low)
		return failed(f, -ENOSPC,
			"%s has %llu KiB and does not fit behind the kernel: give the guest more memory", what,
			(unsigned long long)(size + 1023) >> 10);
	*high = (*high - size) & ~(alignment - 1);
	return 0;
}

static int load_initrd(struct machine *m, uint64_t low, uint64_t *high, struct fdt_chosen *chosen, struct failure *f)
{
	struct boot_file file;
	int r;

	if (!m->definition.initrd[0])
		return 0;
	r = boot_open(&file, "initrd", m->definition.initrd, BOOT_INITRD_MAX, f);
	if (r < 0)
		return r;
	r = take(low, high, file.size, PAGE, "the initrd", f);
	if (r == 0)
		r = boot_copy(&m->memory, &file, 0, *high, file.size, f);
	chosen->initrd = *high;
	chosen->initrd_end = *high + file.size;
	boot_close(&file);
	return r;
}

static int describe(struct machine *m, struct fdt_board *ret, struct failure *f)
{
	ret->memory_size = m->memory.size;
	ret->gic_version = m->gic.version;
	ret->cpu_count = m->vcpu_count;
	if (!m->gic.version)
		return failed(f, -ENODEV,
			"this host's KVM has no interrupt controller for guests, GICv3 nor GICv2: "
			"only test guests run without");
	for (unsigned i = 0; i < m->vcpu_count; i++)
		ret->mpidr[i] = m->vcpu[i].power.mpidr;
	return 0;
}

/* The machine's own tree, at `at`. */
static int make_dtb(struct machine *m, uint64_t at, struct fdt_chosen *chosen, struct failure *f)
{
	uint8_t seed[FDT_SEED_SIZE];
	struct fdt_board board;
	void *fdt;
	int r = describe(m, &board, f);

	if (r < 0)
		return r;
	if (getrandom(seed, sizeof(seed), GRND_NONBLOCK) == sizeof(seed))
		chosen->seed = seed;
	r = memory_range(&m->memory, at, FDT_BOARD_MAX, &fdt);
	if (r < 0)
		return failed_errno(f, r, "no memory for the device tree");
	r = fdt_make(fdt, FDT_BOARD_MAX, &board);
	if (r == 0)
		r = fdt_choose(fdt, FDT_BOARD_MAX, chosen);
	return r == 0 ? 0 : failed(f, -ENOSPC, "the device tree cannot be made: %s", fdt_strerror(r));
}

/* The definition's tree wins; command line and initrd are said in it, everything else is its own affair. */
static int load_dtb(struct machine *m, const struct boot_file *file, uint64_t at, const struct fdt_chosen *chosen,
	struct failure *f)
{
	uint64_t size = file->size + FDT_CHOSEN_MAX;
	void *fdt;
	int r = memory_range(&m->memory, at, size, &fdt);

	if (r < 0)
		return failed_errno(f, r, "no memory for the dtb");
	r = boot_copy(&m->memory, file, 0, at, file->size, f);
	if (r < 0)
		return r;
	r = fdt_check_foreign(fdt, file->size);
	if (r == 0)
		r = fdt_choose(fdt, size, chosen);
	return r == 0 ? 0
		      : failed(f, -EINVAL, "dtb %s is not a sound device tree: %s", path_tail(file->path),
				fdt_strerror(r));
}

static int load_definitions_dtb(struct machine *m, uint64_t low, uint64_t high, uint64_t *ret, struct failure *f)
{
	struct fdt_chosen chosen = { .cmdline = m->definition.cmdline };
	struct boot_file file;
	int r = boot_open(&file, "dtb", m->definition.dtb, BOOT_DTB_MAX, f);

	if (r < 0)
		return r;
	r = take(low, &high, file.size + FDT_CHOSEN_MAX, DTB_ALIGNMENT, "the dtb", f);
	*ret = high;
	if (r == 0)
		r = load_initrd(m, low, &high, &chosen, f);
	if (r == 0)
		r = load_dtb(m, &file, *ret, &chosen, f);
	boot_close(&file);
	return r;
}

static int load_own_dtb(struct machine *m, uint64_t low, uint64_t high, uint64_t *ret, struct failure *f)
{
	struct fdt_chosen chosen = { .cmdline = m->definition.cmdline };
	int r = take(low, &high, FDT_BOARD_MAX, DTB_ALIGNMENT, "the device tree", f);

	*ret = high;
	if (r == 0)
		r = load_initrd(m, low, &high, &chosen, f);
	return r == 0 ? make_dtb(m, *ret, &chosen, f) : r;
}

int arch_boot(struct machine *m, struct failure *f)
{
	uint64_t high = ARM64_RAM + (m->memory.size < WINDOW ? m->memory.size : WINDOW), dtb = 0;
	struct boot_image kernel;
	int r = load_kernel(m, &kernel, f);

	if (r == 0 && m->definition.dtb[0])
		r = load_definitions_dtb(m, kernel.high, high, &dtb, f);
	else if (r == 0 && !kernel.flat)
		r = load_own_dtb(m, kernel.high, high, &dtb, f);
	return r == 0 ? arm64_set_registers(&m->vcpu[0], kernel.entry, dtb, f) : r;
}
