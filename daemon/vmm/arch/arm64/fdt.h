/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The guest's device tree (Devicetree Specification 0.4; bindings in the kernel's Documentation/devicetree). Written
 * for arm64 and compiled everywhere, for it is text about a machine and needs none.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/definition.h"

/* What the boot loader tells a kernel, in /chosen. */
struct fdt_chosen {
	const char *cmdline;         /* "": none */
	uint64_t initrd, initrd_end; /* equal: none */
	const uint8_t *seed;         /* FDT_SEED_SIZE random bytes; NULL: none */
};

#define FDT_SEED_SIZE 72 /* 64 for rng-seed, 8 for kaslr-seed */

struct fdt_board {
	uint64_t memory_size;
	unsigned gic_version; /* 2 or 3 */
	unsigned cpu_count;
	uint64_t mpidr[VM_VCPU_MAX];
};

#define FDT_BOARD_MAX  (32u << 10)             /* bytes that a board's tree may take, /chosen included */
#define FDT_CHOSEN_MAX (VM_CMDLINE_MAX + 513u) /* bytes by which fdt_choose makes a tree larger at most */

/* Whether a tree from elsewhere can be read at all. 0, or libfdt's error, as below. */
int fdt_check_foreign(const void *fdt, size_t size);

/* Both write to `fdt`, of `size` bytes, and return 0 or libfdt's error (negative; fdt_strerror names it). */
int fdt_make(void *fdt, size_t size, const struct fdt_board *board);

/* Adds to a tree that is there, its /chosen kept as far as it is not said anew. */
int fdt_choose(void *fdt, size_t size, const struct fdt_chosen *chosen);
