/* SPDX-License-Identifier: Apache-2.0 */
/* A definition's device tree, of any content: it is refused, or stays sound with the command line and the initrd said in it. */
#include "fuzz.h"

#include <libfdt.h>

#include "vmm/arch/arm64/fdt.h"

const struct fuzz_format fuzz_format = { 0 };

static const char cmdline[] = "console=ttyAMA0 quiet";

void fuzz_begin(void)
{
	static uint8_t tree[FDT_BOARD_MAX];
	const struct fdt_board board = { .memory_size = 1ull << 30, .gic_version = 3, .cpu_count = 2, .mpidr = { 0, 1 } };
	const struct fdt_chosen chosen = { .cmdline = "quiet", .initrd = 4096, .initrd_end = 8192 };

	PROMISE(fdt_create_empty_tree(tree, sizeof(tree)) == 0 && fdt_pack(tree) == 0);
	fuzz_seed(tree, fdt_totalsize(tree));
	PROMISE(fdt_make(tree, sizeof(tree), &board) == 0 && fdt_choose(tree, sizeof(tree), &chosen) == 0 && fdt_pack(tree) == 0);
	fuzz_seed(tree, fdt_totalsize(tree));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct fdt_chosen chosen = { .cmdline = cmdline, .initrd = 0x4000000, .initrd_end = 0x5000000 };
	size_t room = size + FDT_CHOSEN_MAX;
	uint8_t *tree = calloc(1, room); /* as the loader has it, in the guest's memory */
	const char *said;
	int node;

	PROMISE(tree);
	memcpy(tree, data, size);
	if (fdt_check_foreign(tree, size) == 0 && fdt_choose(tree, room, &chosen) == 0) {
		PROMISE(fdt_check_full(tree, room) == 0);
		node = fdt_path_offset(tree, "/chosen");
		said = node < 0 ? NULL : fdt_getprop(tree, node, "bootargs", NULL);
		PROMISE(said && strcmp(said, cmdline) == 0);
	}
	free(tree);
	return 0;
}
