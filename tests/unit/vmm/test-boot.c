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

/* Two pieces with a hole, as on x86-64, but small: [1 MiB, 2 MiB) and [4 MiB, 5 MiB). */
#define MIB (1ull << 20)

static struct guest_memory memory = {
	.size = 2 * MIB,
	.piece_count = 2,
	.piece = { { .gpa = MIB, .offset = 0, .size = MIB }, { .gpa = 4 * MIB, .offset = MIB, .size = MIB } },
};

static const struct boot_limits x86 = { .elf_machine = EM_X86_64, .lowest = MIB };
static const struct boot_limits arm = { .elf_machine = EM_AARCH64, .lowest = MIB, .memory_base = MIB, .image = true };

static int map_memory(void **state)
{
	void *at = mmap(NULL, 2 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memory.base = at;
	return at == MAP_FAILED;
}

static int unmap_memory(void **state)
{
	return munmap(memory.base, 2 * MIB);
}

struct elf {
	Elf64_Ehdr header;
	Elf64_Phdr segment[2];
	struct {
		Elf64_Nhdr header;
		char name[12];
	} note;
	uint8_t code[256];
};

static struct elf good_elf(void)
{
	struct elf e = {
		.header = {
			.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = EV_CURRENT,
			.e_entry = MIB + 16, .e_phoff = offsetof(struct elf, segment),
			.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2,
		},
		.segment = {
			{ .p_type = PT_LOAD, .p_offset = offsetof(struct elf, code), .p_paddr = MIB, .p_filesz = 256, .p_memsz = 8192 },
			{ .p_type = PT_NOTE, .p_offset = offsetof(struct elf, note), .p_filesz = sizeof(e.note) },
		},
		.note = { .header = { .n_namesz = 11, .n_type = FLAT_NOTE_TYPE }, .name = "lifecycled" },
	};

	for (unsigned i = 0; i < 256; i++)
		e.code[i] = (uint8_t)(i + 1);
	return e;
}

static struct boot_file file_of(const void *bytes, size_t size)
{
	int fd = memfd_create("kernel", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	return (struct boot_file) { .fd = fd, .size = size, .what = "kernel", .path = "/boot/kernel" };
}

static int load(const void *bytes, size_t size, const struct boot_limits *limits, struct boot_image *ret)
{
	struct boot_file file = file_of(bytes, size);
	struct failure f = { 0 };
	int r = boot_kernel(&memory, &file, limits, ret, &f);

	boot_close(&file);
	assert_int_equal(f.error, r);
	assert_int_equal(r<0, strlen(f.text)> 0);
	return r;
}

static int load_elf(const struct elf *e)
{
	struct boot_image image;

	return load(e, sizeof(*e), &x86, &image);
}

static void loads_a_good_elf(void **state)
{
	struct elf e = good_elf();
	struct boot_image image;

	memset(memory.base, 0xee, 16384);
	assert_int_equal(load(&e, sizeof(e), &x86, &image), 0);
	assert_int_equal(image.entry, MIB + 16);
	assert_int_equal(image.low, MIB);
	assert_int_equal(image.high, MIB + 8192);
	assert_true(image.flat);
	assert_memory_equal(memory.base, e.code, 256);
	for (unsigned i = 256; i < 8192; i++)
		assert_int_equal(memory.base[i], 0);
	assert_int_equal(memory.base[8192], 0xee);
	e.note.name[0] = 'L';
	assert_int_equal(load(&e, sizeof(e), &x86, &image), 0);
	assert_false(image.flat);
	e.segment[0].p_paddr = 4 * MIB;
	e.header.e_entry = 4 * MIB;
	assert_int_equal(load(&e, sizeof(e), &x86, &image), 0);
	assert_memory_equal(memory.base + MIB, e.code, 256);
}

static void refuses_segments_outside_of_memory(void **state)
{
	static const struct {
		uint64_t at, size;
	} bad[] = {
		{ 0, 4096 },
		{ MIB - 1, 4096 },
		{ 2 * MIB - 4096, 8192 },
		{ 2 * MIB, 256 },
		{ 3 * MIB, 4096 },
		{ 4 * MIB - 1, 4096 },
		{ 5 * MIB, 256 },
		{ 5 * MIB - 4096, 4097 },
		{ MIB, 4 * MIB },
		{ UINT64_MAX - 4095, 4096 },
		{ UINT64_MAX, UINT64_MAX },
		{ MIB, UINT64_MAX },
		{ 1ull << 63, 4096 },
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct elf e = good_elf();

		e.segment[0].p_paddr = bad[i].at;
		e.segment[0].p_memsz = bad[i].size;
		e.header.e_entry = bad[i].at;
		assert_true(load_elf(&e) < 0);
	}
}

static void refuses_segments_outside_of_the_file(void **state)
{
	static const struct {
		uint64_t offset, size;
	} bad[] = {
		{ sizeof(struct elf), 1 },
		{ sizeof(struct elf) - 255, 256 },
		{ UINT64_MAX, 2 },
		{ UINT64_MAX - 1, 256 },
		{ 0, UINT64_MAX },
		{ 0, sizeof(struct elf) + 1 },
		{ 0, 8193 },
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct elf e = good_elf();

		e.segment[0].p_offset = bad[i].offset;
		e.segment[0].p_filesz = bad[i].size;
		assert_true(load_elf(&e) < 0);
	}
}

static void refuses_headers_that_make_no_sense(void **state)
{
	struct elf e;

#define WRONG(change) (e = good_elf(), change, assert_true(load_elf(&e) < 0))
	WRONG(e.header.e_ident[EI_CLASS] = ELFCLASS32);
	WRONG(e.header.e_ident[EI_DATA] = ELFDATA2MSB);
	WRONG(e.header.e_machine = EM_AARCH64);
	WRONG(e.header.e_type = ET_DYN);
	WRONG(e.header.e_phentsize--);
	WRONG(e.header.e_phnum = 0);
	WRONG(e.header.e_phnum = 65535);
	WRONG(e.header.e_phoff = sizeof(e));
	WRONG(e.header.e_phoff = UINT64_MAX);
	WRONG(e.header.e_phoff = sizeof(e) - sizeof(Elf64_Phdr));
	WRONG(e.header.e_entry = MIB - 1);
	WRONG(e.header.e_entry = MIB + 8192);
	WRONG(e.segment[0].p_type = PT_NULL);
	WRONG(e.header.e_ident[0] = 0);
#undef WRONG
}

/* Notes are advice: broken ones change nothing, and end. */
static void overlooks_broken_notes(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 3, 10, 12, 4096, 0x7fffffff, 0xfffffffd, 0xffffffff };

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct elf e = good_elf();

		e.note.header.n_namesz = sizes[i];
		assert_int_equal(load_elf(&e), 0);
		e.note.header.n_descsz = sizes[i];
		assert_int_equal(load_elf(&e), 0);
		e.segment[1].p_filesz = UINT64_MAX;
		assert_int_equal(load_elf(&e), 0);
		e.segment[1].p_offset = UINT64_MAX;
		assert_int_equal(load_elf(&e), 0);
	}
}

/* The note's content is 4 or 8 bytes; behind a name of 4. */
static int load_pvh(uint32_t size, uint64_t entry, struct boot_image *ret)
{
	struct elf e = good_elf();

	e.note.header = (Elf64_Nhdr) { .n_namesz = 4, .n_descsz = size, .n_type = PVH_NOTE_TYPE };
	memcpy(e.note.name, "Xen", 4);
	memcpy(e.note.name + 4, &entry, sizeof(entry));
	return load(&e, sizeof(e), &x86, ret);
}

static void finds_the_entry_of_pvh(void **state)
{
	struct boot_image image;

	assert_int_equal(load_pvh(4, MIB + 32, &image), 0);
	assert_int_equal(image.pvh_entry, MIB + 32);
	assert_int_equal(image.entry, MIB + 16);
	assert_false(image.flat);
	assert_int_equal(load_pvh(8, MIB + 32, &image), 0);
	assert_int_equal(image.pvh_entry, MIB + 32);
	assert_int_equal(load_pvh(2, MIB + 32, &image), 0);
	assert_int_equal(image.pvh_entry, 0);
	assert_int_equal(load_pvh(8, MIB + 8192, &image), -ENOEXEC);
	assert_int_equal(load_pvh(8, (1ull << 32) + MIB + 32, &image), -ENOEXEC);
}

/* No prefix and no single changed byte of a good file does worse than be refused. */
static void survives_every_cut_and_every_flip(void **state)
{
	struct elf e = good_elf();
	uint8_t *bytes = (uint8_t *)&e;
	struct boot_image image;

	for (size_t n = 1; n < sizeof(e); n++)
		(void)load(&e, n, &x86, &image);
	for (size_t i = 0; i < offsetof(struct elf, code); i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			bytes[i] ^= (uint8_t)(1 << bit);
			if (load(&e, sizeof(e), &x86, &image) == 0) {
				assert_true(image.entry >= image.low && image.entry < image.high);
				assert_non_null(memory_at(&memory, image.low, 1));
				assert_non_null(memory_at(&memory, image.high - 1, 1));
			}
			bytes[i] ^= (uint8_t)(1 << bit);
		}
}

static void put64(uint8_t *at, uint64_t value)
{
	memcpy(at, &value, sizeof(value));
}

static int load_image(
	uint64_t text_offset, uint64_t image_size, uint64_t flags, size_t file_size, struct boot_image *ret)
{
	static uint8_t image[65536];

	memset(image, 0, sizeof(image));
	put64(image + 8, text_offset);
	put64(image + 16, image_size);
	put64(image + 24, flags);
	memcpy(image + 56, "ARM\x64", 4);
	image[64] = 0x77;
	return load(image, file_size, &arm, ret);
}

static void places_an_image(void **state)
{
	struct boot_image image;

	/* The base is rounded up to 2 MiB, which is in the hole: memory must start lower for this one. */
	memory.piece[0].gpa = 2 * MIB;
	assert_int_equal(load_image(0, 65536, 0xa, 4096, &image), 0);
	assert_int_equal(image.entry, 2 * MIB);
	assert_int_equal(image.high, 2 * MIB + 65536);
	assert_int_equal(memory.base[64], 0x77);
	assert_int_equal(load_image(0x1000, 65536, 0xa, 4096, &image), 0);
	assert_int_equal(image.entry, 2 * MIB + 0x1000);
	assert_int_equal(load_image(0, 0, 0xa, 4096, &image), 0);
	assert_int_equal(image.entry, 2 * MIB + 0x80000);
	assert_true(load_image(0, MIB + 1, 0xa, 4096, &image) < 0);
	assert_true(load_image(MIB, 4096, 0xa, 4096, &image) < 0);
	assert_true(load_image(UINT64_MAX, 4096, 0xa, 4096, &image) < 0);
	assert_true(load_image(0, UINT64_MAX, 0xa, 4096, &image) < 0);
	assert_true(load_image(0, 4095, 0xa, 4096, &image) < 0);
	assert_true(load_image(0, 65536, 0xb, 4096, &image) < 0);
	assert_true(load_image(0, 65536, 0xa, 63, &image) < 0);
	memory.piece[0].gpa = MIB;
}

static void opens_regular_files_alone(void **state)
{
	struct boot_file file;
	struct failure f;

	assert_int_equal(boot_open(&file, "kernel", "/nonexistent", 1, &f), -ENOENT);
	assert_non_null(strstr(f.text, "kernel /nonexistent"));
	assert_true(boot_open(&file, "kernel", "/dev/null", 1, &f) < 0);
	assert_non_null(strstr(f.text, "not a regular file"));
	assert_true(boot_open(&file, "kernel", "/", 1, &f) < 0);
	assert_int_equal(boot_open(&file, "kernel", "/proc/self/exe", 1, &f), -EFBIG);
}

/* The reason must survive a path as long as they get. */
static void keeps_the_reason_behind_a_long_path(void **state)
{
	char path[VM_PATH_MAX + 1];
	struct boot_file file;
	struct failure f;

	memset(path, 'p', sizeof(path));
	path[0] = '/';
	path[VM_PATH_MAX] = '\0';
	assert_int_equal(boot_open(&file, "kernel", path, 1, &f), -ENOENT);
	assert_non_null(strstr(f.text, "No such file"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_a_good_elf),
		cmocka_unit_test(refuses_segments_outside_of_memory),
		cmocka_unit_test(refuses_segments_outside_of_the_file),
		cmocka_unit_test(refuses_headers_that_make_no_sense),
		cmocka_unit_test(overlooks_broken_notes),
		cmocka_unit_test(finds_the_entry_of_pvh),
		cmocka_unit_test(survives_every_cut_and_every_flip),
		cmocka_unit_test(places_an_image),
		cmocka_unit_test(opens_regular_files_alone),
		cmocka_unit_test(keeps_the_reason_behind_a_long_path),
	};

	return cmocka_run_group_tests(tests, map_memory, unmap_memory);
}
