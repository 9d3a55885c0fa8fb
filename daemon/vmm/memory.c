/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/memory.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/arch/arch.h"

#define HUGE_PAGE (2ull << 20)

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/*
 * Huge pages need host and guest addresses that agree modulo 2 MiB: the mapping is then
 * laid over an aligned part of a reservation.
 */
static void *map_aligned(int fd, uint64_t size)
{
	uint8_t *hold =
		mmap(NULL, size + HUGE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uintptr_t at;

	if (hold == MAP_FAILED)
		return MAP_FAILED;
	at = ((uintptr_t)hold + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1);
	return mmap((void *)at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | MAP_FIXED, fd, 0);
}

int memory_map(struct guest_memory *m, int fd, uint64_t size, unsigned huge, struct failure *f)
{
	struct stat st;
	void *base;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size < size)
		return failed(f, -EINVAL, "the memory file is smaller than the %llu bytes defined",
			(unsigned long long)size);
	if (size % (uint64_t)sysconf(_SC_PAGESIZE))
		return failed(f, -EINVAL,
			"memory of %llu bytes is not a whole number of pages: make it a multiple of 2 MiB",
			(unsigned long long)size);
	if (huge == HUGE_PAGES_NEVER)
		base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	else
		base = map_aligned(fd, size);
	if (base == MAP_FAILED)
		return failed_errno(
			f, -errno, "cannot map %llu bytes of guest memory", (unsigned long long)size);
	/* Advice: a kernel without it loses nothing but a smaller core file or larger pages. */
	(void)madvise(base, size, MADV_DONTDUMP);
	(void)madvise(base, size, MADV_DONTFORK);
	if (huge == HUGE_PAGES_TRANSPARENT)
		(void)madvise(base, size, MADV_HUGEPAGE);
	m->base = base;
	m->size = size;
	m->piece_count = arch_memory_pieces(size, m->piece);
	return 0;
}

void *memory_at(const struct guest_memory *m, uint64_t gpa, uint64_t length)
{
	for (unsigned i = 0; i < m->piece_count; i++) {
		const struct memory_piece *p = &m->piece[i];

		if (gpa >= p->gpa && gpa - p->gpa <= p->size && length <= p->size - (gpa - p->gpa))
			return m->base + p->offset + (gpa - p->gpa);
	}
	return NULL;
}

int memory_populate(void *address, uint64_t length)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t first = (uintptr_t)address & ~(page - 1);
	uintptr_t last = ((uintptr_t)address + length + page - 1) & ~(page - 1);

	if (length == 0 || madvise((void *)first, last - first, MADV_POPULATE_WRITE) == 0)
		return 0;
	if (errno == EINVAL)
		return 0;
	/*
	 * EFAULT stands for the SIGBUS a store would have got: the file system is full, or the file
	 * was cut.
	 */
	return errno == EFAULT ? -ENOSPC : -errno;
}

int memory_range(const struct guest_memory *m, uint64_t gpa, uint64_t length, void **ret)
{
	void *at = memory_at(m, gpa, length);
	int r;

	if (!at)
		return -ERANGE;
	r = memory_populate(at, length);
	if (r < 0)
		return r;
	*ret = at;
	return 0;
}

uint64_t memory_end_of(const struct guest_memory *m, uint64_t gpa)
{
	for (unsigned i = 0; i < m->piece_count; i++)
		if (gpa >= m->piece[i].gpa && gpa - m->piece[i].gpa < m->piece[i].size)
			return m->piece[i].gpa + m->piece[i].size;
	return 0;
}
