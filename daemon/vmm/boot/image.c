/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot/boot.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* arm64 `Image` (arch/arm64/booting.rst): placed at a 2 MiB aligned base plus text_offset, entered at its first
 * byte. */

#define OLD_TEXT_OFFSET 0x80000u /* assumed when image_size is 0 */
#define ALIGNMENT       (2ull << 20)
#define FLAG_BIG_ENDIAN 1u

static uint64_t field(const uint8_t *head, unsigned offset)
{
	uint64_t value;

	memcpy(&value, head + offset, sizeof(value));
	return value;
}

int image_load(const struct guest_memory *m, const struct boot_file *file, const struct boot_limits *limits,
	struct boot_image *ret, struct failure *f)
{
	uint8_t head[IMAGE_HEADER];
	uint64_t text_offset, size, at;
	int r;

	if (pread(file->fd, head, sizeof(head), 0) != sizeof(head))
		return failed(f, -ENOEXEC, "kernel %s ends inside its Image header", path_tail(file->path));
	text_offset = field(head, 8);
	size = field(head, 16);
	if (field(head, 24) & FLAG_BIG_ENDIAN)
		return failed(f, -ENOEXEC, "kernel %s is big-endian, which is not supported",
			path_tail(file->path));
	if (size == 0) {
		text_offset = OLD_TEXT_OFFSET;
		size = file->size;
	}
	at = ((limits->memory_base + ALIGNMENT - 1) & ~(ALIGNMENT - 1)) + text_offset;
	if (text_offset >= m->size || size < file->size || !memory_at(m, at, size))
		return failed(f, -ERANGE,
			"kernel %s needs 0x%llx bytes at 0x%llx, outside of guest memory (%llu MiB): give it "
			"more",
			path_tail(file->path), (unsigned long long)size, (unsigned long long)at,
			(unsigned long long)m->size >> 20);
	r = boot_copy(m, file, 0, at, file->size, f);
	if (r < 0)
		return r;
	*ret = (struct boot_image) { .entry = at, .low = at, .high = at + size };
	return 0;
}
