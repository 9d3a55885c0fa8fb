/* SPDX-License-Identifier: Apache-2.0 */
#include "util.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>

int util_futex_wait(const uint64_t *word, uint32_t seen_low, uint64_t nanoseconds)
{
	const uint32_t *low = (const uint32_t *)word + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
	struct timespec t = {
		.tv_sec = (time_t)(nanoseconds / 1000000000u),
		.tv_nsec = (long)(nanoseconds % 1000000000u),
	};

	if (syscall(SYS_futex, low, FUTEX_WAIT, seen_low, nanoseconds == UINT64_MAX ? NULL : &t, NULL, 0) < 0 &&
		errno != EAGAIN)
		return -errno;
	return 0;
}
