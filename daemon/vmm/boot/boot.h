/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Loading: files into guest memory, every length and address of theirs checked against it. Both formats are
 * compiled for both architectures, for a loader is a decoder and needs no CPU.
 */

#include <stdbool.h>
#include <stdint.h>

#include "vmm/failure.h"
#include "vmm/memory.h"

struct boot_file {
	int fd;
	uint64_t size;
	const char *what; /* "kernel", "initrd", "dtb": for the error's text */
	const char *path;
};

/* The setup header of a bzImage, from file offset SETUP_AT on, which its boot_params begin with. */
#define SETUP_AT  0x1f1
#define SETUP_MAX 0x9f

struct boot_setup {
	uint8_t size; /* 0: not a bzImage */
	uint8_t bytes[SETUP_MAX];
};

struct boot_image {
	uint64_t entry;
	uint64_t low, high; /* what it takes of guest memory, BSS included: [low, high) */
	bool flat;          /* an ELF note says that it is one of our test guests: it never looks at CPUID */
	uint64_t pvh_entry; /* x86-64: where the PVH note says to enter it; 0: no such note */
	struct boot_setup setup;
};

/* What the architecture can start. */
struct boot_limits {
	uint16_t elf_machine; /* EM_X86_64 or EM_AARCH64 */
	uint64_t lowest;      /* images stay above this address */
	uint64_t memory_base; /* start of the memory in which an Image is placed */
	bool image;           /* arm64 `Image` files as well */
	bool bzimage;         /* x86-64 `bzImage` files as well */
};

/* Opens a regular file of 1 to `max` bytes. */
int boot_open(struct boot_file *ret, const char *what, const char *path, uint64_t max, struct failure *f);
void boot_close(struct boot_file *file);

/* Copies file bytes [offset, offset + length) to gpa. */
int boot_copy(const struct guest_memory *m, const struct boot_file *file, uint64_t offset, uint64_t gpa,
	uint64_t length, struct failure *f);

/* An ELF, an Image or a bzImage, by its magic; also packed (gzip.h). */
int boot_kernel(const struct guest_memory *m, const struct boot_file *file, const struct boot_limits *limits,
	struct boot_image *ret, struct failure *f);

/* The same from the file's path: opens it and closes it again. */
int boot_kernel_from(const struct guest_memory *m, const char *path, const struct boot_limits *limits,
	struct boot_image *ret, struct failure *f);

int elf_load(const struct guest_memory *m, const struct boot_file *file, const struct boot_limits *limits,
	struct boot_image *ret, struct failure *f);
int image_load(const struct guest_memory *m, const struct boot_file *file, const struct boot_limits *limits,
	struct boot_image *ret, struct failure *f);

int bzimage_load(const struct guest_memory *m, const struct boot_file *file, const struct boot_limits *limits,
	struct boot_image *ret, struct failure *f);
bool bzimage_is(const struct boot_file *file);

#define BOOT_KERNEL_MAX (1ull << 30)
#define BOOT_INITRD_MAX (4ull << 30)
#define BOOT_DTB_MAX    (2ull << 20)

#define IMAGE_MAGIC  0x644d5241u /* "ARM\x64" at offset 56 (arch/arm64/booting.rst) */
#define IMAGE_HEADER 64

/* The note by which a test guest tells that it is flat: name "lifecycled", type 1, no content
 * (tests/guests/README.md). */
#define FLAT_NOTE_NAME "lifecycled"
#define FLAT_NOTE_TYPE 1

/* The note with the address at which a kernel is entered as Xen's PVH does: name "Xen", XEN_ELFNOTE_PHYS32_ENTRY
 * (Xen, docs/misc/pvh.pandoc). */
#define PVH_NOTE_NAME "Xen"
#define PVH_NOTE_TYPE 18
