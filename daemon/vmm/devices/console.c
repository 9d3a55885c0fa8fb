/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/devices/console.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/memory.h"

#define RING_MIN 4096u
#define RING_MAX (1u << 30)

int console_open(struct console *c, int fd)
{
	struct console_ring *ring;
	struct stat st;
	uint64_t size;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < CONSOLE_RING_DATA + (off_t)RING_MIN)
		return -EINVAL;
	size = (uint64_t)st.st_size - CONSOLE_RING_DATA;
	if (size > RING_MAX || (size & (size - 1)))
		return -EINVAL;
	ring = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (ring == MAP_FAILED)
		return -errno;
	r = memory_populate(ring, CONSOLE_RING_DATA);
	if (r < 0) {
		munmap(ring, (size_t)st.st_size);
		return r;
	}
	*c = (struct console) {
		.ring = ring, .data = (uint8_t *)ring + CONSOLE_RING_DATA, .size = (uint32_t)size
	};
	if (ring->magic == CONSOLE_RING_MAGIC && ring->size == size) {
		c->head = ring->head;
		return 0;
	}
	ring->size = (uint32_t)size;
	__atomic_store_n(&ring->head, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&ring->magic, CONSOLE_RING_MAGIC, __ATOMIC_RELEASE);
	return 0;
}

/*
 * Pages come into being one by one, as output reaches them: an idle guest's ring costs its first page
 * alone.
 */
static int make_ready(struct console *c, uint32_t at)
{
	while (at >= c->ready) {
		if (memory_populate(c->data + c->ready, RING_MIN) < 0)
			return -ENOSPC;
		c->ready += RING_MIN;
	}
	return 0;
}

/* The low half of a 64-bit counter, which is what a futex can wait on. */
static uint32_t *low_half(uint64_t *word)
{
	return (uint32_t *)word + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
}

void console_write(struct console *c, const uint8_t *bytes, size_t count)
{
	if (!c->ring)
		return;
	for (size_t i = 0; i < count; i++) {
		uint32_t at = (uint32_t)c->head & (c->size - 1);

		if (make_ready(c, at) < 0)
			return;
		__atomic_store_n(&c->data[at], bytes[i], __ATOMIC_RELAXED);
		c->head++;
	}
	__atomic_store_n(&c->ring->head, c->head, __ATOMIC_RELEASE);
	(void)syscall(SYS_futex, low_half(&c->ring->head), FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}
