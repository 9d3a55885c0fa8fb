/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "vmm/boot/gzip.h"

int boot_open(struct boot_file *ret, const char *what, const char *path, uint64_t max, struct failure *f)
{
	/* O_NONBLOCK: a FIFO in the file's place must not hold the VMM. */
	_cleanup_(close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return failed_errno(f, -errno, "%s %s cannot be opened", what, path_tail(path));
	if (fstat(fd, &st) < 0)
		return failed_errno(f, -errno, "%s %s cannot be read", what, path_tail(path));
	if (!S_ISREG(st.st_mode))
		return failed(f, -EINVAL, "%s %s is not a regular file", what, path_tail(path));
	if (st.st_size == 0)
		return failed(f, -EINVAL, "%s %s is empty", what, path_tail(path));
	if ((uint64_t)st.st_size > max)
		return failed(f, -EFBIG, "%s %s has %lld bytes, more than the %llu allowed", what, path_tail(path),
			(long long)st.st_size, (unsigned long long)max);
	*ret = (struct boot_file) { .size = (uint64_t)st.st_size, .what = what, .path = path };
	ret->fd = take_fd(&fd);
	return 0;
}

void boot_close(struct boot_file *file)
{
	close_fdp(&file->fd);
	file->fd = -1;
}

int boot_copy(const struct guest_memory *m, const struct boot_file *file, uint64_t offset, uint64_t gpa,
	uint64_t length, struct failure *f)
{
	uint64_t done = 0;
	void *at;
	int r = memory_range(m, gpa, length, &at);

	if (r == -ERANGE)
		return failed(f, r, "%s %s does not fit guest memory: 0x%llx bytes at 0x%llx", file->what,
			path_tail(file->path), (unsigned long long)length, (unsigned long long)gpa);
	if (r < 0)
		return failed_errno(f, r, "no memory to load %s %s", file->what, path_tail(file->path));
	while (done < length) {
		ssize_t n = pread(file->fd, (uint8_t *)at + done, length - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return failed_errno(f, -errno, "%s %s cannot be read", file->what, path_tail(file->path));
		if (n == 0)
			return failed(f, -ENODATA, "%s %s ends too early", file->what, path_tail(file->path));
		done += (uint64_t)n;
	}
	return 0;
}

/* By its magic. */
static int load_plain(const struct guest_memory *m, const struct boot_file *file, const uint8_t *head,
	const struct boot_limits *limits, struct boot_image *ret, struct failure *f)
{
	uint32_t magic;

	memcpy(&magic, head + 56, sizeof(magic));
	if (memcmp(head, "\177ELF", 4) == 0)
		return elf_load(m, file, limits, ret, f);
	if (limits->image && magic == IMAGE_MAGIC)
		return image_load(m, file, limits, ret, f);
	if (limits->bzimage && bzimage_is(file))
		return bzimage_load(m, file, limits, ret, f);
	return failed(f, -ENOEXEC, "kernel %s is not %s", path_tail(file->path),
		limits->image ? "an ELF or an arm64 Image" : "an ELF (vmlinux) or a bzImage");
}

static int read_head(const struct boot_file *file, uint8_t head[IMAGE_HEADER], struct failure *f)
{
	memset(head, 0, IMAGE_HEADER);
	if (pread(file->fd, head, IMAGE_HEADER, 0) < 0)
		return failed_errno(f, -errno, "kernel %s cannot be read", path_tail(file->path));
	return 0;
}

int boot_kernel(const struct guest_memory *m, const struct boot_file *file, const struct boot_limits *limits,
	struct boot_image *ret, struct failure *f)
{
	struct boot_file plain = { .fd = -1 };
	uint8_t head[IMAGE_HEADER];
	int r = read_head(file, head, f);

	if (r < 0)
		return r;
	if (gzip_is_packed(head))
		r = gzip_unpack(file, 0, file->size, m->size, &plain, f);
	else if (zboot_is(head))
		r = zboot_unpack(file, head, m->size, &plain, f);
	else
		return load_plain(m, file, head, limits, ret, f);
	if (r == 0)
		r = read_head(&plain, head, f);
	if (r == 0)
		r = load_plain(m, &plain, head, limits, ret, f);
	boot_close(&plain);
	return r;
}

int boot_kernel_from(const struct guest_memory *m, const char *path, const struct boot_limits *limits,
	struct boot_image *ret, struct failure *f)
{
	struct boot_file file = { .fd = -1 };
	int r = boot_open(&file, "kernel", path, BOOT_KERNEL_MAX, f);

	if (r < 0)
		return r;
	r = boot_kernel(m, &file, limits, ret, f);
	boot_close(&file);
	return r;
}
