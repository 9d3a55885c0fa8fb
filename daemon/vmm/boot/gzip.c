/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot/gzip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "base/cleanup.h"

#define WINDOW_AND_GZIP (15 + 16) /* the largest window; a gzip header and its CRC are wanted */
#define CHUNK           (64u << 10)

/* Not on the stack: it has 64 KiB (vcpu.c). */
struct unpacking {
	const struct boot_file *file;
	struct failure *failure;
	uint64_t at, end; /* what of the file is still to be read */
	uint64_t size, max;
	int to;
	z_stream z;
	uint8_t in[CHUNK], out[CHUNK];
};

static int refuse(const struct boot_file *file, struct failure *f, const char *why)
{
	return failed(f, -EBADMSG, "%s %s %s: copy it again", file->what, path_tail(file->path), why);
}

static int read_more(struct unpacking *u)
{
	uint64_t left = u->end - u->at;
	ssize_t n;

	do
		n = pread(u->file->fd, u->in, left < CHUNK ? left : CHUNK, (off_t)u->at);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return failed_errno(
			u->failure, -errno, "%s %s cannot be read", u->file->what, path_tail(u->file->path));
	if (n == 0)
		return refuse(u->file, u->failure, "is packed with gzip and ends too early");
	u->at += (uint64_t)n;
	u->z.next_in = u->in;
	u->z.avail_in = (uInt)n;
	return 0;
}

static int write_out(struct unpacking *u)
{
	size_t count = CHUNK - u->z.avail_out;

	if (count > u->max - u->size)
		return failed(u->failure, -EFBIG,
			"%s %s is larger than guest memory once it is unpacked (%llu MiB): give the guest more memory",
			u->file->what, path_tail(u->file->path), (unsigned long long)u->max >> 20);
	for (size_t done = 0; done < count;) {
		ssize_t n = write(u->to, u->out + done, count - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return failed_errno(u->failure, -errno, "no memory to unpack %s %s", u->file->what,
				path_tail(u->file->path));
		done += (size_t)n;
	}
	u->size += count;
	return 0;
}

static int end(struct unpacking *u)
{
	if (u->z.avail_in > 0 || u->at < u->end)
		return refuse(u->file, u->failure, "has bytes behind its packed content");
	if (u->size == 0)
		return refuse(u->file, u->failure, "is packed with gzip and empty");
	return 0;
}

/* Each round takes input or gives output, so it ends: input is finite, and output is bounded. */
static int unpack(struct unpacking *u)
{
	for (;;) {
		int r = u->z.avail_in ? 0 : read_more(u);
		int z;

		if (r < 0)
			return r;
		u->z.next_out = u->out;
		u->z.avail_out = CHUNK;
		z = inflate(&u->z, Z_NO_FLUSH);
		if (z == Z_MEM_ERROR)
			return failed_errno(u->failure, -ENOMEM, "%s %s cannot be unpacked", u->file->what,
				path_tail(u->file->path));
		if (z != Z_OK && z != Z_STREAM_END && z != Z_BUF_ERROR)
			return refuse(u->file, u->failure, "is packed with gzip and damaged");
		r = write_out(u);
		if (r < 0 || z == Z_STREAM_END)
			return r < 0 ? r : end(u);
	}
}

static int unpack_into(struct unpacking *u)
{
	int r;

	if (inflateInit2(&u->z, WINDOW_AND_GZIP) != Z_OK)
		return failed_errno(
			u->failure, -ENOMEM, "%s %s cannot be unpacked", u->file->what, path_tail(u->file->path));
	r = unpack(u);
	(void)inflateEnd(&u->z);
	return r;
}

int gzip_unpack(const struct boot_file *file, uint64_t offset, uint64_t length, uint64_t max, struct boot_file *ret,
	struct failure *f)
{
	_cleanup_(close_fdp) int to = memfd_create("kernel", MFD_CLOEXEC);
	struct unpacking *u = calloc(1, sizeof(*u));
	uint64_t size = 0;
	int r;

	if (to < 0 || !u) {
		free(u);
		return failed_errno(f, -ENOMEM, "%s %s cannot be unpacked", file->what, path_tail(file->path));
	}
	u->file = file;
	u->failure = f;
	u->at = offset;
	u->end = offset + length;
	u->max = max;
	u->to = to;
	r = unpack_into(u);
	size = u->size;
	free(u);
	if (r < 0)
		return r;
	*ret = (struct boot_file) { .size = size, .what = file->what, .path = file->path };
	ret->fd = take_fd(&to);
	return 0;
}

bool gzip_is_packed(const uint8_t *head)
{
	return head[0] == 0x1f && head[1] == 0x8b;
}

/* Offsets in the header of a zboot image. */
enum zboot {
	ZBOOT_MAGIC = 4,
	ZBOOT_OFFSET = 8,
	ZBOOT_SIZE = 12,
	ZBOOT_PACKED_WITH = 24,
};

bool zboot_is(const uint8_t *head)
{
	return memcmp(head, "MZ", 2) == 0 && memcmp(head + ZBOOT_MAGIC, "zimg", 4) == 0;
}

int zboot_unpack(
	const struct boot_file *file, const uint8_t *head, uint64_t max, struct boot_file *ret, struct failure *f)
{
	const char *packed_with = (const char *)head + ZBOOT_PACKED_WITH;
	uint32_t offset, size;

	memcpy(&offset, head + ZBOOT_OFFSET, sizeof(offset));
	memcpy(&size, head + ZBOOT_SIZE, sizeof(size));
	if (strncmp(packed_with, "gzip", 5) != 0)
		return failed(f, -ENOEXEC,
			"%s %s is an EFI zboot image that is not packed with gzip: unpack it, or build it with "
			"CONFIG_KERNEL_GZIP",
			file->what, path_tail(file->path));
	if (offset > file->size || size > file->size - offset)
		return refuse(file, f, "is an EFI zboot image and ends too early");
	return gzip_unpack(file, offset, size, max, ret, f);
}
