/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <libfdt.h>

#include "vmm/arch/arm64/fdt.h"

/* The device tree, read back by libfdt as a kernel reads it. */

static uint8_t fdt[FDT_BOARD_MAX];

static void make(unsigned gic_version, unsigned cpus)
{
	struct fdt_board board = { .memory_size = 6ull << 30, .gic_version = gic_version, .cpu_count = cpus };

	for (unsigned i = 0; i < cpus; i++)
		board.mpidr[i] = 0x80000000u | (i & 15) | (i >> 4) << 8;
	assert_int_equal(fdt_make(fdt, sizeof(fdt), &board), 0);
	assert_int_equal(fdt_check_full(fdt, sizeof(fdt)), 0);
}

static const void *property(const char *path, const char *name, int size)
{
	int length, node = fdt_path_offset(fdt, path);
	const void *value;

	if (node < 0)
		fail_msg("there is no %s", path);
	value = fdt_getprop(fdt, node, name, &length);
	if (!value || length != size)
		fail_msg("%s: %s has %d bytes, not %d", path, name, length, size);
	return value;
}

static void has_cells(const char *path, const char *name, const uint32_t *cells, unsigned count)
{
	const fdt32_t *value = property(path, name, (int)(count * 4));

	for (unsigned i = 0; i < count; i++)
		assert_int_equal(fdt32_to_cpu(value[i]), cells[i]);
}

#define HAS_CELLS(path, name, ...)                                                                                     \
	has_cells(path, name, (const uint32_t[]) { __VA_ARGS__ },                                                      \
		sizeof((const uint32_t[]) { __VA_ARGS__ }) / sizeof(uint32_t))
#define HAS_TEXT(path, name, text) assert_memory_equal(property(path, name, sizeof(text)), text, sizeof(text))

static void describes_cpus_and_memory(void **state)
{
	make(3, 64);
	HAS_CELLS("/memory@40000000", "reg", 0, 0x40000000, 1, 0x80000000);
	HAS_TEXT("/memory@40000000", "device_type", "memory");
	HAS_CELLS("/cpus/cpu@0", "reg", 0);
	HAS_CELLS("/cpus/cpu@f", "reg", 0xf);
	HAS_CELLS("/cpus/cpu@100", "reg", 0x100);
	HAS_CELLS("/cpus/cpu@30f", "reg", 0x30f);
	HAS_TEXT("/cpus/cpu@30f", "enable-method", "psci");
	HAS_TEXT("/psci", "method", "hvc");
	assert_true(fdt_path_offset(fdt, "/cpus/cpu@400") < 0);
}

static void describes_either_interrupt_controller(void **state)
{
	make(3, 2);
	HAS_TEXT("/interrupt-controller@8000000", "compatible", "arm,gic-v3");
	HAS_CELLS("/interrupt-controller@8000000", "reg", 0, 0x8000000, 0, 0x10000, 0, 0x80a0000, 0, 0x40000);
	HAS_CELLS("/timer", "interrupts", 1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4);
	make(2, 2);
	HAS_TEXT("/interrupt-controller@8000000", "compatible", "arm,cortex-a15-gic");
	HAS_CELLS("/interrupt-controller@8000000", "reg", 0, 0x8000000, 0, 0x1000, 0, 0x8010000, 0, 0x2000);
	HAS_CELLS("/timer", "interrupts", 1, 13, 0x304, 1, 14, 0x304, 1, 11, 0x304, 1, 10, 0x304);
}

/* Each device where the machine's table has it, each phandle that is referred to there. */
static void describes_devices(void **state)
{
	const fdt32_t *gpios;

	make(3, 1);
	HAS_CELLS("/serial@9000000", "interrupts", 0, 1, 4);
	HAS_TEXT("/serial@9000000", "compatible", "ns16550a");
	HAS_TEXT("/rtc@9010000", "compatible", "arm,pl031\0arm,primecell");
	HAS_TEXT("/pvpanic@9020000", "compatible", "qemu,pvpanic-mmio");
	HAS_CELLS("/gpio@9030000", "interrupts", 0, 7, 4);
	HAS_TEXT("/watchdog@9040000", "clock-names", "wdog_clk\0apb_pclk");
	HAS_CELLS("/gpio-keys/power", "linux,code", 116);
	gpios = property("/gpio-keys/power", "gpios", 12);
	assert_int_equal(
		fdt_node_offset_by_phandle(fdt, fdt32_to_cpu(gpios[0])), fdt_path_offset(fdt, "/gpio@9030000"));
	assert_int_equal(fdt32_to_cpu(gpios[1]), 3);
	assert_int_equal(
		fdt_node_offset_by_phandle(fdt, fdt32_to_cpu(*(const fdt32_t *)property("/", "interrupt-parent", 4))),
		fdt_path_offset(fdt, "/interrupt-controller@8000000"));
	assert_int_equal(
		fdt_node_offset_by_phandle(fdt, fdt32_to_cpu(*(const fdt32_t *)property("/rtc@9010000", "clocks", 4))),
		fdt_path_offset(fdt, "/apb-pclk"));
	gpios = property("/leds/led-panic", "gpios", 12);
	assert_int_equal(fdt32_to_cpu(gpios[1]), 4);
	assert_non_null(property("/leds/led-panic", "panic-indicator", 0));
	HAS_TEXT("/chosen", "stdout-path", "/serial@9000000:115200n8");
}

static void tells_the_kernel_what_was_chosen(void **state)
{
	uint8_t seed[FDT_SEED_SIZE];
	struct fdt_chosen chosen = {
		.cmdline = "quiet x=1", .initrd = 0x48000000, .initrd_end = 0x123456789a, .seed = seed
	};

	memset(seed, 7, sizeof(seed));
	make(3, 1);
	assert_int_equal(fdt_choose(fdt, sizeof(fdt), &chosen), 0);
	assert_int_equal(fdt_check_full(fdt, sizeof(fdt)), 0);
	HAS_TEXT("/chosen", "bootargs", "quiet x=1");
	HAS_CELLS("/chosen", "linux,initrd-start", 0, 0x48000000);
	HAS_CELLS("/chosen", "linux,initrd-end", 0x12, 0x3456789a);
	assert_memory_equal(property("/chosen", "rng-seed", 64), seed, 64);
	assert_memory_equal(property("/chosen", "kaslr-seed", 8), seed, 8);
	HAS_TEXT("/chosen", "stdout-path", "/serial@9000000:115200n8"); /* kept */
}

/* A tree that somebody else made: without /chosen, packed to the last byte. */
static void adds_to_a_tree_that_is_there(void **state)
{
	char cmdline[VM_CMDLINE_MAX + 1];
	struct fdt_chosen chosen = { .cmdline = cmdline, .initrd = 1, .initrd_end = 2 };
	uint32_t before;

	memset(cmdline, 'c', sizeof(cmdline) - 1);
	cmdline[sizeof(cmdline) - 1] = '\0';
	assert_int_equal(fdt_create_empty_tree(fdt, sizeof(fdt)), 0);
	assert_int_equal(fdt_pack(fdt), 0);
	before = fdt_totalsize(fdt);
	assert_int_equal(fdt_choose(fdt, before, &chosen), -FDT_ERR_NOSPACE);
	assert_int_equal(fdt_create_empty_tree(fdt, sizeof(fdt)), 0);
	assert_int_equal(fdt_pack(fdt), 0);
	assert_int_equal(fdt_choose(fdt, before + FDT_CHOSEN_MAX, &chosen), 0);
	assert_memory_equal(property("/chosen", "bootargs", VM_CMDLINE_MAX + 1), cmdline, sizeof(cmdline));
	assert_true(fdt_totalsize(fdt) <= before + FDT_CHOSEN_MAX);
	assert_int_equal(fdt_getprop_namelen(fdt, fdt_path_offset(fdt, "/chosen"), "rng-seed", 8, NULL) == NULL, 1);
}

static void nothing_chosen_changes_nothing(void **state)
{
	struct fdt_chosen chosen = { .cmdline = "" };

	make(3, 1);
	assert_int_equal(fdt_choose(fdt, sizeof(fdt), &chosen), 0);
	assert_null(fdt_getprop(fdt, fdt_path_offset(fdt, "/chosen"), "bootargs", NULL));
	assert_null(fdt_getprop(fdt, fdt_path_offset(fdt, "/chosen"), "linux,initrd-start", NULL));
}

static void says_when_it_does_not_fit(void **state)
{
	struct fdt_board board = { .memory_size = 1 << 20, .gic_version = 3, .cpu_count = 1 };

	for (size_t size = 0; size < 1024; size += 64)
		assert_true(fdt_make(fdt, size, &board) < 0);
}

static void refuses_a_tree_of_an_old_version(void **state)
{
	static uint8_t old[72] = { 0xd0, 0x0d, 0xfe, 0xed, 0, 0, 0, 0x48, 0, 0, 0, 0x38, 0, 0, 0, 0x48, 0, 0, 0, 0x28, 0, 0, 0, 2,
		[39] = 0x10, [41] = 0x7f, [59] = 1, [67] = 2, [71] = 9 };

	assert_int_equal(fdt_check_foreign(old, sizeof(old)), -FDT_ERR_BADVERSION);
	assert_int_equal(fdt_check_foreign(old, 20), -FDT_ERR_TRUNCATED);
	old[0] = 0;
	assert_int_equal(fdt_check_foreign(old, sizeof(old)), -FDT_ERR_BADMAGIC);
	make(2, 3);
	assert_int_equal(fdt_check_foreign(fdt, sizeof(fdt)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(describes_cpus_and_memory),
		cmocka_unit_test(describes_either_interrupt_controller),
		cmocka_unit_test(describes_devices),
		cmocka_unit_test(tells_the_kernel_what_was_chosen),
		cmocka_unit_test(adds_to_a_tree_that_is_there),
		cmocka_unit_test(nothing_chosen_changes_nothing),
		cmocka_unit_test(says_when_it_does_not_fit),
		cmocka_unit_test(refuses_a_tree_of_an_old_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
