/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/definition.h"
#include "vmm/arch/x86_64/acpi.h"
#include "vmm/arch/x86_64/map.h"
#include "vmm/arch/x86_64/params.h"
#include "vmm/devices/pm1.h"

/* What an x86-64 kernel is told, read back as it reads it: numbers are those of the specifications. */

static uint64_t get(const uint8_t *at, unsigned size)
{
	uint64_t value = 0;

	memcpy(&value, at, size);
	return value;
}

/* ---- parameters ---- */

static uint8_t low[X86_LOW_END];

static const struct guest_memory memory = {
	.size = 4ull << 30,
	.piece_count = 2,
	.piece = { { .gpa = 0, .size = 3ull << 30 }, { .gpa = 4ull << 30, .offset = 3ull << 30, .size = 1ull << 30 } },
};

static struct params some(const struct boot_setup *setup)
{
	memset(low, 0xee, sizeof(low));
	return (struct params) {
		.memory = &memory,
		.setup = setup,
		.cmdline = "console=ttyS0",
		.initrd = 0x12345000,
		.initrd_size = 0x6789,
		.acpi = true,
	};
}

/* The ranges are the same for both protocols; an entry differs in size. */
static void expect_ranges(const uint8_t *table, unsigned entry_size, uint64_t count)
{
	static const uint64_t ranges[][3] = {
		{ 0, 0x9fc00, 1 },
		{ 0xe0000, 0x20000, 2 },
		{ 0x100000, (3ull << 30) - 0x100000, 1 },
		{ 4ull << 30, 1ull << 30, 1 },
	};

	assert_int_equal(count, 4);
	for (unsigned i = 0; i < count; i++, table += entry_size) {
		assert_int_equal(get(table, 8), ranges[i][0]);
		assert_int_equal(get(table + 8, 8), ranges[i][1]);
		assert_int_equal(get(table + 16, 4), ranges[i][2]);
	}
}

static void tells_linux_what_the_header_said(void **state)
{
	struct boot_setup setup = { .size = 0x7b };
	struct params p = some(&setup);
	const uint8_t *page = low + X86_PARAMS;

	memset(setup.bytes, 0x11, setup.size);
	params_write_linux(low, &p);
	for (unsigned i = 0; i < 0x1f1; i++)
		if (i != 0x1e8 && (i < 0x70 || i >= 0x78))
			assert_int_equal(page[i], 0);
	assert_int_equal(page[0x1f1], 0x11);
	assert_int_equal(page[0x1f1 + 0x7b - 1], 0x11);
	assert_int_equal(page[0x1f1 + 0x7b], 0);
	assert_int_equal(page[0x210], 0xff);
	assert_int_equal(get(page + 0x70, 8), X86_ACPI);
	assert_int_equal(get(page + 0x218, 4), 0x12345000);
	assert_int_equal(get(page + 0x21c, 4), 0x6789);
	assert_string_equal((const char *)low + get(page + 0x228, 4), "console=ttyS0");
	expect_ranges(page + 0x2d0, 20, page[0x1e8]);
	assert_int_equal(low[X86_PARAMS + 4096], 0xee);
}

static void tells_a_flat_guest_no_more_than_it_is_promised(void **state)
{
	struct boot_setup none = { 0 };
	struct params p = some(&none);
	const uint8_t *page = low + X86_PARAMS;

	p.acpi = false;
	params_write_linux(low, &p);
	assert_int_equal(page[0x1e8], 3);
	assert_int_equal(get(page + 0x70, 8), 0);
	assert_int_equal(get(page + 0x1fe, 2), 0xaa55);
	assert_memory_equal(page + 0x202, "HdrS", 4);
	assert_int_equal(get(page + 0x238, 4), VM_CMDLINE_MAX);
}

static void tells_pvh_by_a_start_info(void **state)
{
	struct boot_setup none = { 0 };
	struct params p = some(&none);
	const uint8_t *page = low + X86_PARAMS, *module;

	params_write_pvh(low, &p);
	assert_int_equal(get(page, 4), 0x336ec578);
	assert_int_equal(get(page + 4, 4), 1);
	assert_int_equal(get(page + 12, 4), 1);
	module = low + get(page + 16, 8);
	assert_int_equal(get(module, 8), 0x12345000);
	assert_int_equal(get(module + 8, 8), 0x6789);
	assert_string_equal((const char *)low + get(page + 24, 8), "console=ttyS0");
	assert_int_equal(get(page + 32, 8), X86_ACPI);
	expect_ranges(low + get(page + 40, 8), 24, get(page + 48, 4));
	p.initrd_size = 0;
	params_write_pvh(low, &p);
	assert_int_equal(get(page + 12, 4), 0);
	assert_int_equal(get(page + 16, 8), 0);
}

static void knows_a_kernels_limits(void **state)
{
	struct boot_setup setup = { .size = 0x7b }, none = { 0 };
	uint32_t initrd_max = 0x7fffffff, cmdline_max = 2047;

	memcpy(setup.bytes + (0x22c - 0x1f1), &initrd_max, 4);
	memcpy(setup.bytes + (0x238 - 0x1f1), &cmdline_max, 4);
	assert_int_equal(params_initrd_end(&setup, &memory), 0x80000000);
	assert_int_equal(params_cmdline_max(&setup), 2047);
	memset(setup.bytes + (0x22c - 0x1f1), 0xff, 4);
	assert_int_equal(params_initrd_end(&setup, &memory), 3ull << 30);
	assert_int_equal(params_initrd_end(&none, &memory), 0x38000000);
	assert_int_equal(params_cmdline_max(&none), VM_CMDLINE_MAX);
}

/* ---- ACPI ---- */

static uint8_t page[X86_ACPI_SIZE];

static const uint8_t *table_at(uint64_t address, const char *signature)
{
	const uint8_t *table;
	uint8_t sum = 0;

	assert_in_range(address, X86_ACPI, X86_ACPI + X86_ACPI_SIZE - 36);
	table = page + (address - X86_ACPI);
	assert_memory_equal(table, signature, 4);
	assert_true(address - X86_ACPI + get(table + 4, 4) <= X86_ACPI_SIZE);
	for (unsigned i = 0; strcmp(signature, "FACS") && i < get(table + 4, 4); i++)
		sum += table[i];
	assert_int_equal(sum, 0);
	return table;
}

static const uint8_t *find_xsdt(void)
{
	uint8_t sum = 0, extended = 0;

	assert_memory_equal(page, "RSD PTR ", 8);
	for (unsigned i = 0; i < 36; i++) {
		sum += i < 20 ? page[i] : 0;
		extended += page[i];
	}
	assert_int_equal(sum, 0);
	assert_int_equal(extended, 0);
	return table_at(get(page + 24, 8), "XSDT");
}

static void says_how_to_power_off_and_reset(void **state)
{
	const uint8_t *fadt;

	acpi_write(page, 1);
	fadt = table_at(get(find_xsdt() + 36, 8), "FACP");
	table_at(get(fadt + 36, 4), "FACS");
	assert_int_equal(get(fadt + 36, 4) % 64, 0);
	assert_int_equal(get(fadt + 40, 4), get(fadt + 140, 8));
	assert_non_null(memmem(table_at(get(fadt + 140, 8), "DSDT"), 256, "\x08_S5_\x12\x08\x04\x0a\x05", 10));
	assert_int_equal(get(fadt + 46, 2), 9);
	assert_int_equal(get(fadt + 56, 4), 0x600);
	assert_int_equal(get(fadt + 152, 8), 0x600);
	assert_int_equal(get(fadt + 64, 4), 0x604);
	assert_int_equal(get(fadt + 176, 8), 0x604);
	assert_int_equal(get(fadt + 112, 4) & 1 << 4, 0); /* a power button in PM1 */
	assert_true(get(fadt + 112, 4) & 1 << 10);        /* a reset register */
	assert_int_equal(get(fadt + 120, 8), 0xcf9);
	assert_int_equal(fadt[128], 6);
}

static void lists_every_cpu_and_the_interrupt_controller(void **state)
{
	for (unsigned count = 1; count <= VM_VCPU_MAX; count++) {
		const uint8_t *madt, *at, *end;
		unsigned cpus = 0, others = 0;

		acpi_write(page, count);
		madt = table_at(get(find_xsdt() + 44, 8), "APIC");
		assert_int_equal(get(madt + 36, 4), 0xfee00000);
		end = madt + get(madt + 4, 4);
		for (at = madt + 44; at < end; at += at[1]) {
			assert_true(at[1] >= 8);
			if (at[0] == 0) {
				assert_int_equal(at[3], cpus++);
				assert_int_equal(get(at + 4, 4), 1);
			} else {
				others |= 1u << at[0];
			}
		}
		assert_ptr_equal(at, end);
		assert_int_equal(cpus, count);
		assert_int_equal(others, 1 << 1 | 1 << 2); /* IOAPIC, one interrupt that differs */
	}
}

/* ---- PM1 ---- */

static void count_edges(void *controller, uint32_t irq, bool level)
{
	++*(unsigned *)controller;
}

static void raises_an_interrupt_for_who_listens(void **state)
{
	unsigned edges = 0;
	struct pm1 p = { .irq = { .set = count_edges, .controller = &edges } };

	assert_false(pm1_press_power_key(&p));
	pm1_event_write(&p, 2, 0xffff);
	assert_int_equal(pm1_event_read(&p, 2), 1 << 8 | 1 << 5);
	assert_int_equal(edges, 0);
	assert_true(pm1_press_power_key(&p));
	assert_true(p.irq.level);
	assert_int_equal(pm1_event_read(&p, 0) & 0xffff, 1 << 8);
	assert_int_equal(pm1_event_read(&p, 1) & 0xff, 1);
	pm1_event_write(&p, 0, 1 << 5); /* another bit */
	assert_true(p.irq.level);
	pm1_event_write(&p, 0, 1 << 8);
	assert_false(p.irq.level);
	assert_int_equal(edges, 2);
	assert_true(pm1_press_power_key(&p));
	pm1_event_write(&p, 2, 0);
	assert_false(p.irq.level);
	assert_false(pm1_press_power_key(&p));
}

static void powers_off_when_told_to_sleep(void **state)
{
	struct pm1 p = { 0 };

	assert_int_equal(pm1_control_read(&p), 1);
	assert_false(pm1_control_write(&p, 5 << 10));
	assert_true(pm1_control_write(&p, 5 << 10 | 1 << 13));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_linux_what_the_header_said),
		cmocka_unit_test(tells_a_flat_guest_no_more_than_it_is_promised),
		cmocka_unit_test(tells_pvh_by_a_start_info),
		cmocka_unit_test(knows_a_kernels_limits),
		cmocka_unit_test(says_how_to_power_off_and_reset),
		cmocka_unit_test(lists_every_cpu_and_the_interrupt_controller),
		cmocka_unit_test(raises_an_interrupt_for_who_listens),
		cmocka_unit_test(powers_off_when_told_to_sleep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
