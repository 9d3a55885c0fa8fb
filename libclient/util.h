/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The library's own few helpers; nothing here is installed. */

#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))

static inline void util_freep(void *p)
{
	free(*(void **)p);
}

static inline void util_closep(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline int util_take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#define util_take(p)                                                                                                   \
	({                                                                                                             \
		__typeof__(*(p)) taken_ = *(p);                                                                        \
		*(p) = NULL;                                                                                           \
		taken_;                                                                                                \
	})

/* A destructor for a cleanup variable: UTIL_UNREFP(lifecycle_page) defines lifecycle_page_unrefp. */
#define UTIL_UNREFP(type)                                                                                              \
	static inline void type##_unrefp(struct type **p)                                                              \
	{                                                                                                              \
		type##_unref(*p);                                                                                      \
	}

static inline uint64_t util_monotonic_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* When a wait of so many milliseconds is over; negative: never. */
static inline uint64_t util_deadline(int milliseconds)
{
	return milliseconds < 0 ? UINT64_MAX : util_monotonic_ns() + (uint64_t)milliseconds * 1000000u;
}

/* FUTEX_WAIT on the low half of a 64-bit word of a shared mapping: 0 (look again), -ETIMEDOUT, -EINTR or an errno. */
int util_futex_wait(const uint64_t *word, uint32_t seen_low, uint64_t nanoseconds);
