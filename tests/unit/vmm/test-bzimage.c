/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/boot/boot.h"

#define MIB       (1ull << 20)
#define FILE_SIZE (2048u + 8192u) /* 3 sectors of setup behind the first; the rest is the 64-bit part */
#define START     2048u

static struct guest_memory memory = {
	.size = 32 * MIB,
	.piece_count = 1,
	.piece = { { .gpa = 0, .offset = 0, .size = 32 * MIB } },
};

static const struct boot_limits limits = { .elf_machine = EM_X86_64, .lowest = MIB, .bzimage = true };
static struct failure why;

static int map_memory(void **state)
{
	memory.base = mmap(NULL, memory.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return memory.base == MAP_FAILED;
}

static int unmap_memory(void **state)
{
	return munmap(memory.base, memory.size);
}

static void put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

/* As the header of Linux 6.1 is: version 2.15, 0x6c bytes behind the jump. */
static uint8_t *good(void)
{
	static uint8_t file[FILE_SIZE];

	memset(file, 0, START);
	for (unsigned i = START; i < FILE_SIZE; i++)
		file[i] = (uint8_t)(i * 7);
	file[0x1f1] = 3;
	memcpy(file + 0x1fe, "\x55\xaa\xeb\x6aHdrS\x0f\x02", 10);
	file[0x211] = 0x01;
	put32(file + 0x22c, 0x7fffffff);
	put32(file + 0x230, 2 * MIB);
	file[0x234] = 1;
	file[0x236] = 0x7f;
	put32(file + 0x238, 2047);
	put32(file + 0x258, 16 * MIB);
	put32(file + 0x260, 4 * MIB);
	file[0x26c] = 0x99; /* behind the header: not ours to hand on */
	return file;
}

static int load(const uint8_t *bytes, size_t size, struct boot_image *ret)
{
	int fd = memfd_create("kernel", MFD_CLOEXEC), r;
	struct boot_file file = { .fd = fd, .size = size, .what = "kernel", .path = "/boot/vmlinuz" };

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	memset(&why, 0, sizeof(why));
	r = boot_kernel(&memory, &file, &limits, ret, &why);
	close(fd);
	assert_int_equal(why.error, r);
	return r;
}

static void loads_it_where_it_prefers_to_be(void **state)
{
	uint8_t *file = good();
	struct boot_image image;

	assert_int_equal(load(file, FILE_SIZE, &image), 0);
	assert_int_equal(image.low, 16 * MIB);
	assert_int_equal(image.entry, 16 * MIB + 0x200);
	assert_int_equal(image.high, 20 * MIB);
	assert_false(image.flat);
	assert_int_equal(image.pvh_entry, 0);
	assert_memory_equal(memory.base + 16 * MIB, file + START, FILE_SIZE - START);
	assert_int_equal(image.setup.size, 0x202 + 0x6a - 0x1f1);
	assert_memory_equal(image.setup.bytes, file + 0x1f1, image.setup.size);
}

static void loads_it_elsewhere_if_it_may(void **state)
{
	uint8_t *file = good();
	struct boot_image image;

	put32(file + 0x258, 30 * MIB); /* 4 MiB do not fit there */
	assert_int_equal(load(file, FILE_SIZE, &image), 0);
	assert_int_equal(image.low, 2 * MIB);
	assert_memory_equal(memory.base + 2 * MIB, file + START, FILE_SIZE - START);
	put32(file + 0x230, 0);
	put32(file + 0x258, 0); /* below what is ours */
	assert_int_equal(load(file, FILE_SIZE, &image), 0);
	assert_int_equal(image.low, MIB);
	file[0x234] = 0;
	assert_int_equal(load(file, FILE_SIZE, &image), -ERANGE);
	assert_non_null(strstr(why.text, "4 MiB"));
	assert_non_null(strstr(why.text, "more memory"));
}

/* Some kernels say less than they have. */
static void makes_room_for_all_of_the_file(void **state)
{
	uint8_t *file = good();
	struct boot_image image;

	put32(file + 0x260, 0);
	assert_int_equal(load(file, FILE_SIZE, &image), 0);
	assert_int_equal(image.high, 16 * MIB + FILE_SIZE - START);
}

static void takes_no_sectors_for_four(void **state)
{
	uint8_t *file = good();
	struct boot_image image;

	file[0x1f1] = 0;
	assert_int_equal(load(file, FILE_SIZE, &image), 0);
	assert_memory_equal(memory.base + 16 * MIB, file + 5 * 512, FILE_SIZE - 5 * 512);
}

static void refuses_what_it_cannot_enter(void **state)
{
	static const struct {
		unsigned at;
		uint8_t value;
		const char *word;
	} bad[] = {
		{ 0x1fe, 0x54, "boot flag" },
		{ 0x206, 0x0b, "older than Linux 3.8" },
		{ 0x211, 0x00, "64-bit kernel" },
		{ 0x236, 0x7e, "64-bit kernel" },
		{ 0x230, 0x01, "header makes no sense" },
		{ 0x201, 0x61, "header makes no sense" },
		{ 0x1f1, 0xff, "ends before its 64-bit part" },
		{ 0x202, 'h', "not an ELF (vmlinux) or a bzImage" },
	};
	struct boot_image image;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint8_t *file = good();

		file[bad[i].at] = bad[i].value;
		assert_int_equal(load(file, FILE_SIZE, &image), -ENOEXEC);
		assert_non_null(strstr(why.text, bad[i].word));
		assert_non_null(strstr(why.text, "kernel /boot/vmlinuz"));
	}
}

/* Whatever a file says, what it takes is inside of memory, and its header inside of its place. */
static void survives_every_cut_and_every_flip(void **state)
{
	struct boot_image image;
	uint8_t *file = good();

	for (size_t n = 1; n < FILE_SIZE; n += n < 0x300 ? 1 : 97)
		assert_int_equal(load(file, n, &image) == 0, n > START + 0x200);
	for (size_t i = 0x1f1; i < 0x280; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			file[i] ^= (uint8_t)(1 << bit);
			if (load(file, FILE_SIZE, &image) == 0) {
				assert_non_null(memory_at(&memory, image.low, image.high - image.low));
				assert_true(image.low >= MIB && image.entry < image.high);
				assert_true(image.setup.size <= SETUP_MAX);
			}
			file[i] ^= (uint8_t)(1 << bit);
		}
}

/* The longest header there can be is cut, not copied over what lies behind it. */
static void cuts_a_header_that_is_too_long(void **state)
{
	uint8_t *file = good();
	struct boot_image image;

	file[0x201] = 0xff;
	assert_int_equal(load(file, FILE_SIZE, &image), 0);
	assert_int_equal(image.setup.size, SETUP_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_it_where_it_prefers_to_be),
		cmocka_unit_test(loads_it_elsewhere_if_it_may),
		cmocka_unit_test(makes_room_for_all_of_the_file),
		cmocka_unit_test(takes_no_sectors_for_four),
		cmocka_unit_test(refuses_what_it_cannot_enter),
		cmocka_unit_test(survives_every_cut_and_every_flip),
		cmocka_unit_test(cuts_a_header_that_is_too_long),
	};

	return cmocka_run_group_tests(tests, map_memory, unmap_memory);
}
