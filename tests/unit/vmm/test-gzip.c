/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <cmocka.h>

#include "vmm/boot/gzip.h"

#define MIB         (1ull << 20)
#define MEMORY_SIZE (4 * MIB)
#define PACKED_MAX  (8 * MIB)

static struct guest_memory memory = {
	.size = MEMORY_SIZE,
	.piece_count = 1,
	.piece = { { .gpa = 2 * MIB, .offset = 0, .size = MEMORY_SIZE } },
};

static const struct boot_limits arm = { .elf_machine = EM_AARCH64, .lowest = MIB, .memory_base = MIB, .image = true };

static uint8_t image[MIB / 8], packed[PACKED_MAX];

/* An arm64 Image with contents that do not pack to nothing. */
static int make_image(void **state)
{
	uint64_t size = sizeof(image);
	uint32_t x = 1;

	for (size_t i = 0; i < sizeof(image); i++) {
		x = x * 1664525 + 1013904223;
		image[i] = (uint8_t)(x >> 29);
	}
	memset(image, 0, IMAGE_HEADER);
	memcpy(image + 16, &size, sizeof(size));
	memcpy(image + 56, "ARM\x64", 4);
	memory.base = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return memory.base == MAP_FAILED;
}

static int unmap_memory(void **state)
{
	return munmap(memory.base, MEMORY_SIZE);
}

static size_t pack(const void *bytes, size_t size, uint8_t *to)
{
	z_stream z = {
		.next_in = (void *)(uintptr_t)bytes, .avail_in = (uInt)size, .next_out = to, .avail_out = PACKED_MAX
	};

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	size = z.total_out;
	assert_int_equal(deflateEnd(&z), Z_OK);
	return size;
}

static struct failure why;

static int load(const void *bytes, size_t size, struct boot_image *ret)
{
	int fd = memfd_create("packed", MFD_CLOEXEC), r;
	struct boot_file file = { .fd = fd, .size = size, .what = "kernel", .path = "/boot/vmlinuz" };

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	memset(&why, 0, sizeof(why));
	r = boot_kernel(&memory, &file, &arm, ret, &why);
	close(fd);
	assert_int_equal(why.error, r);
	return r;
}

static int open_files(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

static void loads_a_packed_image(void **state)
{
	size_t size = pack(image, sizeof(image), packed);
	struct boot_image got;
	int before = open_files();

	assert_int_equal(load(packed, size, &got), 0);
	assert_int_equal(got.entry, 2 * MIB);
	assert_int_equal(got.high, 2 * MIB + sizeof(image));
	assert_memory_equal(memory.base, image, sizeof(image));
	assert_int_equal(open_files(), before);
}

static void refuses_a_file_that_was_cut(void **state)
{
	size_t size = pack(image, sizeof(image), packed);
	struct boot_image got;
	int before = open_files();

	for (size_t n = 2; n < size; n += n < 64 || n + 64 > size ? 1 : 9973) {
		assert_int_equal(load(packed, n, &got), -EBADMSG);
		assert_non_null(strstr(why.text, "vmlinuz is packed with gzip and ends too early"));
	}
	assert_int_equal(open_files(), before);
}

/* Every byte is either covered by the CRC, or its change is no matter: name, time, system of the packer. */
static void refuses_a_file_that_is_damaged(void **state)
{
	size_t size = pack(image, sizeof(image), packed);
	struct boot_image got;

	for (size_t i = 10; i < size; i += i < 64 || i + 64 > size ? 1 : 99991) {
		packed[i] ^= 0x10;
		assert_int_equal(load(packed, size, &got), -EBADMSG);
		packed[i] ^= 0x10;
	}
	packed[size - 8] ^= 1;
	assert_int_equal(load(packed, size, &got), -EBADMSG);
	assert_non_null(strstr(why.text, "damaged"));
}

static void refuses_bytes_behind_the_end(void **state)
{
	size_t size = pack(image, sizeof(image), packed);
	struct boot_image got;

	packed[size] = 0;
	assert_int_equal(load(packed, size + 1, &got), -EBADMSG);
	assert_non_null(strstr(why.text, "bytes behind"));
	memset(packed + size, 0x5a, 200000);
	assert_int_equal(load(packed, size + 200000, &got), -EBADMSG);
}

/* Makes a packed file longer by an extra field (RFC 1952, 2.3.1), so that it ends where `multiple` does. */
static size_t stretch(uint8_t *file, size_t size, size_t multiple)
{
	size_t extra = multiple - (size + 2) % multiple;

	memmove(file + 12 + extra, file + 10, size - 10);
	file[3] |= 4; /* FEXTRA */
	file[10] = (uint8_t)extra;
	file[11] = (uint8_t)(extra >> 8);
	memset(file + 12, 0, extra);
	return size + 2 + extra;
}

/* The last read brought the last byte of the content and none of what is behind it. */
static void refuses_bytes_that_the_last_read_did_not_bring(void **state)
{
	size_t size = stretch(packed, pack(image, sizeof(image), packed), 64 << 10);
	struct boot_image got;

	assert_int_equal(load(packed, size, &got), 0);
	packed[size] = 0;
	assert_int_equal(load(packed, size + 1, &got), -EBADMSG);
	assert_non_null(strstr(why.text, "bytes behind"));
}

/* 16 MiB of zeros in 16 KiB: refused before more than guest memory has been written. */
static void refuses_a_bomb(void **state)
{
	size_t size = 16 * MIB;
	void *zeros = calloc(1, size);
	struct boot_image got;

	assert_non_null(zeros);
	size = pack(zeros, size, packed);
	free(zeros);
	assert_true(size < 32 << 10);
	assert_int_equal(load(packed, size, &got), -EFBIG);
	assert_non_null(strstr(why.text, "4 MiB"));
	assert_non_null(strstr(why.text, "more memory"));
}

static void unpacks_to_the_last_byte_allowed(void **state)
{
	size_t size = pack(image, sizeof(image), packed);
	struct boot_file file = {
		.fd = memfd_create("packed", MFD_CLOEXEC), .size = size, .what = "kernel", .path = "/k"
	};
	struct boot_file plain;

	assert_int_equal(write(file.fd, packed, size), size);
	assert_int_equal(gzip_unpack(&file, 0, size, sizeof(image) - 1, &plain, &why), -EFBIG);
	assert_int_equal(gzip_unpack(&file, 0, size, sizeof(image), &plain, &why), 0);
	assert_int_equal(plain.size, sizeof(image));
	boot_close(&plain);
	boot_close(&file);
}

static void refuses_nothing_packed(void **state)
{
	size_t size = pack("", 0, packed);
	struct boot_image got;

	assert_int_equal(load(packed, size, &got), -EBADMSG);
	assert_non_null(strstr(why.text, "empty"));
}

static void refuses_what_is_no_kernel(void **state)
{
	struct boot_image got;
	size_t size = pack("hello", 5, packed);

	assert_int_equal(load(packed, size, &got), -ENOEXEC);
	size = pack(packed, size, packed + 4 * MIB);
	assert_int_equal(load(packed + 4 * MIB, size, &got), -ENOEXEC);
	assert_int_equal(load("\x1f\x8a", 2, &got), -ENOEXEC);
	assert_int_equal(load("\x1f", 1, &got), -ENOEXEC);
}

static size_t make_zboot(const char *packed_with, uint32_t offset, uint32_t more)
{
	uint32_t size = (uint32_t)pack(image, sizeof(image), packed + offset);
	uint32_t told = size + more;

	memset(packed, 0, offset);
	memcpy(packed, "MZ\0\0zimg", 8);
	memcpy(packed + 8, &offset, 4);
	memcpy(packed + 12, &told, 4);
	strcpy((char *)packed + 24, packed_with);
	return offset + size;
}

static void takes_the_kernel_out_of_a_zboot_image(void **state)
{
	struct boot_image got;
	size_t size = make_zboot("gzip", 4096, 0);

	memset(memory.base, 0, sizeof(image));
	packed[size] = 0x77; /* the rest of the EFI program */
	assert_int_equal(load(packed, size + 1, &got), 0);
	assert_memory_equal(memory.base, image, sizeof(image));
	size = make_zboot("zstd22", 4096, 0);
	assert_int_equal(load(packed, size, &got), -ENOEXEC);
	assert_non_null(strstr(why.text, "CONFIG_KERNEL_GZIP"));
	size = make_zboot("gzip", 4096, 1);
	assert_int_equal(load(packed, size, &got), -EBADMSG);
	assert_int_equal(load(packed, 4095, &got), -EBADMSG);
	size = make_zboot("gzip", 4096, UINT32_MAX);
	assert_int_equal(load(packed, size, &got), -EBADMSG);
	memset(packed + 24, 'g', 40);
	assert_int_equal(load(packed, size, &got), -ENOEXEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_a_packed_image),
		cmocka_unit_test(refuses_a_file_that_was_cut),
		cmocka_unit_test(refuses_a_file_that_is_damaged),
		cmocka_unit_test(refuses_bytes_behind_the_end),
		cmocka_unit_test(refuses_bytes_that_the_last_read_did_not_bring),
		cmocka_unit_test(refuses_a_bomb),
		cmocka_unit_test(unpacks_to_the_last_byte_allowed),
		cmocka_unit_test(refuses_nothing_packed),
		cmocka_unit_test(refuses_what_is_no_kernel),
		cmocka_unit_test(takes_the_kernel_out_of_a_zboot_image),
	};

	return cmocka_run_group_tests(tests, make_image, unmap_memory);
}
