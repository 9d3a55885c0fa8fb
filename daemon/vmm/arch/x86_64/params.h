/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What an x86-64 kernel is told at its start, in the page X86_PARAMS: Linux's boot_params (arch/x86/boot.rst,
 * zero-page.rst), or the hvm_start_info of PVH (Xen, docs/misc/pvh.pandoc).
 */

#include "vmm/boot/boot.h"

struct params {
	const struct guest_memory *memory;
	const struct boot_setup *setup; /* of a bzImage; its size is 0 for others */
	const char *cmdline;
	uint64_t initrd, initrd_size;
	bool acpi;
};

/* `low` are the first X86_LOW_END bytes of guest memory. */
void params_write_linux(uint8_t *low, const struct params *p);
void params_write_pvh(uint8_t *low, const struct params *p);

/* The highest address at which an initrd may end, and the longest command line. */
uint64_t params_initrd_end(const struct boot_setup *setup, const struct guest_memory *m);
uint32_t params_cmdline_max(const struct boot_setup *setup);
