/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Ownership in the type: acquire into a cleanup variable, build, move out on the last line. */

#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))

static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline void close_fdp(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* Moves an fd out of a cleanup variable. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* Moves a pointer out of a cleanup variable: take_ptr(&p). */
#define take_ptr(p)                                                                                                    \
	({                                                                                                             \
		__typeof__(*(p)) taken_ = *(p);                                                                        \
		*(p) = NULL;                                                                                           \
		taken_;                                                                                                \
	})
