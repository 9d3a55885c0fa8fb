/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/arch/x86_64/x86.h"

#define ROOM 16

static union {
	struct kvm_cpuid2 head;
	uint8_t room[sizeof(struct kvm_cpuid2) + ROOM * sizeof(struct kvm_cpuid_entry2)];
} table;

static void add(uint32_t leaf, uint32_t index, uint32_t eax, uint32_t ebx, uint32_t ecx, uint32_t edx)
{
	table.head.entries[table.head.nent++] = (struct kvm_cpuid_entry2) {
		.function = leaf, .index = index, .eax = eax, .ebx = ebx, .ecx = ecx, .edx = edx
	};
}

/* A host's CPU 5 of 8, with threads. */
static void fill(void)
{
	memset(&table, 0, sizeof(table));
	add(0, 0, 0x1f, 1, 2, 3);
	add(1, 0, 0x806f8, 0x05100800, 1 << 24, 1 << 28 | 1);
	add(4, 0, 0x3c004121, 0x02c0003f, 63, 0); /* L1, shared by 2 */
	add(4, 3, 0x3c01c163, 0x02c0003f, 63, 4); /* L3, shared by 8 */
	add(0xb, 0, 1, 2, 0x100, 5);
	add(0xb, 1, 3, 8, 0x201, 5);
	add(0x1f, 0, 1, 2, 0x100, 5);
	add(0x80000008, 0, 0x3030, 0, 0x3007, 0);
	add(0x8000001e, 0, 5, 0x102, 1, 0);
}

static const struct kvm_cpuid_entry2 *find(uint32_t leaf, uint32_t index)
{
	for (unsigned i = 0; i < table.head.nent; i++)
		if (table.head.entries[i].function == leaf && table.head.entries[i].index == index)
			return &table.head.entries[i];
	return NULL;
}

static void says_which_cpu_it_is(void **state)
{
	fill();
	x86_fit_cpuid(&table.head, ROOM, 2, 3, true);
	assert_int_equal(find(0, 0)->eax, 0x1f);
	assert_int_equal(find(1, 0)->eax, 0x806f8);
	assert_int_equal(find(1, 0)->ebx, 0x02030800);
	assert_int_equal(find(1, 0)->ecx, 1u << 31 | 1 << 24);
	assert_int_equal(find(1, 0)->edx, 1 << 28 | 1);
	assert_int_equal(find(0xb, 0)->edx, 2);
	assert_int_equal(find(0x8000001e, 0)->eax, 2);
}

static void makes_cores_of_one_thread_that_share_the_last_cache(void **state)
{
	fill();
	x86_fit_cpuid(&table.head, ROOM, 0, 3, false);
	assert_int_equal(find(4, 0)->eax, 2 << 26 | 0x0121);
	assert_int_equal(find(4, 3)->eax, 2 << 26 | 2 << 14 | 0x0163);
	assert_int_equal(find(0xb, 0)->eax, 0);
	assert_int_equal(find(0xb, 0)->ebx, 1);
	assert_int_equal(find(0xb, 0)->ecx, 0x100);
	assert_int_equal(find(0xb, 1)->eax, 2);
	assert_int_equal(find(0xb, 1)->ebx, 3);
	assert_int_equal(find(0xb, 1)->ecx, 0x201);
	assert_int_equal(find(0xb, 2)->ebx, 0);
	assert_null(find(0x1f, 0));
	assert_int_equal(find(0x80000008, 0)->ecx, 0x2002);
	assert_int_equal(find(0x8000001e, 0)->ebx, 0);
	assert_int_equal(find(0x8000001e, 0)->ecx, 0);
	assert_int_equal(find(1, 0)->ecx & 1 << 24, 0);
}

static void is_alone(void **state)
{
	fill();
	x86_fit_cpuid(&table.head, ROOM, 0, 1, false);
	assert_int_equal(find(1, 0)->ebx, 0x00010800);
	assert_int_equal(find(1, 0)->edx, 1);
	assert_int_equal(find(0xb, 1)->eax, 0);
	assert_int_equal(find(0xb, 1)->ebx, 1);
}

/* One table serves all vCPUs, one after the other. */
static void fits_what_was_fitted(void **state)
{
	unsigned count;

	fill();
	x86_fit_cpuid(&table.head, ROOM, 0, 2, true);
	count = table.head.nent;
	x86_fit_cpuid(&table.head, ROOM, 1, 2, true);
	assert_int_equal(table.head.nent, count);
	assert_int_equal(find(0xb, 1)->edx, 1);
	assert_int_equal(find(1, 0)->ebx >> 24, 1);
}

static void stays_within_its_room(void **state)
{
	fill();
	x86_fit_cpuid(&table.head, 7, 0, 2, true);
	assert_int_equal(table.head.nent, 7);
	assert_int_equal(table.head.entries[7].function, 0x80000008); /* as it was */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_which_cpu_it_is),
		cmocka_unit_test(makes_cores_of_one_thread_that_share_the_last_cache),
		cmocka_unit_test(is_alone),
		cmocka_unit_test(fits_what_was_fitted),
		cmocka_unit_test(stays_within_its_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
