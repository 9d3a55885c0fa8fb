/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot/boot.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/*
 * x86-64 `bzImage` (arch/x86/boot.rst): a real-mode part that is not run here, but for its header, and behind it the
 * 64-bit program that unpacks the kernel. That goes where the header prefers it, or where there is room.
 */

#define HEAD        (SETUP_AT + SETUP_MAX) /* of the file: all that is read here, and no real file is shorter */
#define SECTOR      512ul
#define VERSION     0x20cu /* the first with a 64-bit entry point: Linux 3.8 */
#define ENTRY_64    0x200  /* behind the start of the 64-bit part */
#define BOOT_FLAG   0xaa55
#define LOAD_HIGH   0x01 /* loadflags */
#define HAS_64      0x01 /* xloadflags */
#define ALIGN_LEAST 4096u

/* Offsets in the file and in boot_params alike. */
enum {
	SETUP_SECTORS = 0x1f1,
	SETUP_BOOT_FLAG = 0x1fe,
	SETUP_JUMP = 0x201, /* the second byte of a jump over the header: how much of it there is behind 0x202 */
	SETUP_MAGIC = 0x202,
	SETUP_VERSION = 0x206,
	SETUP_LOADFLAGS = 0x211,
	SETUP_ALIGNMENT = 0x230,
	SETUP_RELOCATABLE = 0x234,
	SETUP_XLOADFLAGS = 0x236,
	SETUP_PREFERRED = 0x258,
	SETUP_INIT_SIZE = 0x260,
};

#define FIELD(head, offset, type)                                                                                      \
	({                                                                                                             \
		type value_;                                                                                           \
		memcpy(&value_, (head) + (offset), sizeof(value_));                                                    \
		value_;                                                                                                \
	})

static int refuse(const struct boot_file *file, struct failure *f, const char *why)
{
	return failed(f, -ENOEXEC, "%s %s is a bzImage %s", file->what, path_tail(file->path), why);
}

bool bzimage_is(const struct boot_file *file)
{
	char magic[4];

	return pread(file->fd, magic, sizeof(magic), SETUP_MAGIC) == sizeof(magic) && memcmp(magic, "HdrS", 4) == 0;
}

/* The header's own length, and not a byte more: what follows in boot_params is not the file's to fill. */
static unsigned setup_end(const uint8_t *head)
{
	return SETUP_MAGIC + head[SETUP_JUMP];
}

static int check_header(const struct boot_file *file, const uint8_t *head, struct failure *f)
{
	uint32_t alignment = FIELD(head, SETUP_ALIGNMENT, uint32_t);

	if (FIELD(head, SETUP_BOOT_FLAG, uint16_t) != BOOT_FLAG)
		return refuse(file, f, "without a boot flag: copy it again");
	if (FIELD(head, SETUP_VERSION, uint16_t) < VERSION)
		return refuse(file, f, "older than Linux 3.8: use a newer kernel");
	if (!(head[SETUP_LOADFLAGS] & LOAD_HIGH) || !(FIELD(head, SETUP_XLOADFLAGS, uint16_t) & HAS_64))
		return refuse(file, f, "without a 64-bit entry point: use a 64-bit kernel");
	if (setup_end(head) < SETUP_INIT_SIZE + sizeof(uint32_t) || alignment & (alignment - 1))
		return refuse(file, f, "whose header makes no sense: copy it again");
	return 0;
}

static void take_setup(const uint8_t *head, struct boot_setup *ret)
{
	unsigned size = setup_end(head) - SETUP_AT;

	ret->size = (uint8_t)(size < SETUP_MAX ? size : SETUP_MAX);
	memcpy(ret->bytes, head + SETUP_AT, ret->size);
}

/* Where `size` bytes may lie: 0 if nowhere. */
static uint64_t place(
	const struct guest_memory *m, const uint8_t *head, const struct boot_limits *limits, uint64_t size)
{
	uint64_t preferred = FIELD(head, SETUP_PREFERRED, uint64_t);
	uint64_t alignment = FIELD(head, SETUP_ALIGNMENT, uint32_t);
	uint64_t lowest;

	if (preferred >= limits->lowest && memory_at(m, preferred, size))
		return preferred;
	if (!head[SETUP_RELOCATABLE])
		return 0;
	if (alignment < ALIGN_LEAST)
		alignment = ALIGN_LEAST;
	lowest = (limits->lowest + alignment - 1) & ~(alignment - 1);
	return memory_at(m, lowest, size) ? lowest : 0;
}

int bzimage_load(const struct guest_memory *m, const struct boot_file *file, const struct boot_limits *limits,
	struct boot_image *ret, struct failure *f)
{
	uint8_t head[HEAD];
	uint64_t start, length, size, at;
	int r;

	if (pread(file->fd, head, sizeof(head), 0) != sizeof(head))
		return refuse(file, f, "that ends inside its header: copy it again");
	r = check_header(file, head, f);
	if (r < 0)
		return r;
	start = ((head[SETUP_SECTORS] ? head[SETUP_SECTORS] : 4) + 1u) * SECTOR; /* 0 stands for 4 */
	if (start + ENTRY_64 >= file->size)
		return refuse(file, f, "that ends before its 64-bit part: copy it again");
	length = file->size - start;
	size = FIELD(head, SETUP_INIT_SIZE, uint32_t);
	if (size < length)
		size = length;
	at = place(m, head, limits, size);
	if (!at)
		return failed(f, -ERANGE,
			"%s %s needs %llu MiB to unpack itself, more than fit: give the guest more memory", file->what,
			path_tail(file->path), (unsigned long long)(size + (1u << 20) - 1) >> 20);
	r = boot_copy(m, file, start, at, length, f);
	if (r < 0)
		return r;
	*ret = (struct boot_image) { .entry = at + ENTRY_64, .low = at, .high = at + size };
	take_setup(head, &ret->setup);
	return 0;
}
