/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/arch/arm64/arm64.h"

#include <elf.h>
#include <errno.h>

#include "base/log.h"
#include "vmm/arch/arch.h"
#include "vmm/boot/boot.h"

#define DTB_ALIGNMENT (2ull << 20)

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
	struct boot_file file;
	int r = boot_open(&file, "kernel", m->definition.kernel, BOOT_KERNEL_MAX, f);

	if (r < 0)
		return r;
	r = boot_kernel(&m->memory, &file, &limits, ret, f);
	boot_close(&file);
	return r;
}

/*
 * At the last 2 MiB boundary below the end of memory where it fits, outside of the image (arch/arm64/booting.rst).
 */
static int load_dtb(struct machine *m, const struct boot_image *kernel, uint64_t *ret, struct failure *f)
{
	uint64_t end = ARM64_RAM + m->memory.size;
	struct boot_file file;
	int r;

	if (!m->definition.dtb[0])
		return 0;
	r = boot_open(&file, "dtb", m->definition.dtb, BOOT_DTB_MAX, f);
	if (r < 0)
		return r;
	*ret = (end - file.size) & ~(DTB_ALIGNMENT - 1);
	if (*ret < kernel->high)
		r = failed(f, -ENOSPC, "dtb %s does not fit behind the kernel: give the guest more memory",
			path_tail(file.path));
	if (r == 0)
		r = boot_copy(&m->memory, &file, 0, *ret, file.size, f);
	boot_close(&file);
	return r;
}

/*
 * Here the kernel learns of its command line and initrd from the device tree, which is the
 * definition's own.
 */
int arch_boot(struct machine *m, struct failure *f)
{
	struct boot_image kernel;
	uint64_t dtb = 0;
	int r;

	if (m->definition.initrd[0])
		return failed(f, -EOPNOTSUPP, "initrd: not supported on arm64 yet, build it into the kernel");
	if (m->definition.cmdline[0])
		log_warning("the command line is left out: on arm64 it comes from the dtb");
	r = load_kernel(m, &kernel, f);
	if (r == 0)
		r = load_dtb(m, &kernel, &dtb, f);
	/* The others are off until the guest starts them, which sets their registers. */
	return r == 0 ? arm64_set_registers(&m->vcpu[0], kernel.entry, dtb, f) : r;
}
