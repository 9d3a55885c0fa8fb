/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_CONSOLE_H
#define LIFECYCLE_CONSOLE_H

/* What the guest said. Part of lifecycle.h: include that. */

#include <stdint.h>
#include <sys/types.h>
#include <lifecycle/connection.h>

#ifdef __cplusplus
extern "C" {
#endif

struct lifecycle_console;

/* The console of the VM's life, or of its last one. -ENXIO: the VM has none. */
int lifecycle_console_open(struct lifecycle *l, const char *name, struct lifecycle_console **ret);
struct lifecycle_console *lifecycle_console_ref(struct lifecycle_console *c);
struct lifecycle_console *lifecycle_console_unref(struct lifecycle_console *c);

/*
 * Never waits. The bytes read, 0 if there are none yet; begins at the oldest byte that is kept. *ret_lost, if not NULL,
 * counts the bytes before them that the guest had overwritten already.
 */
ssize_t lifecycle_console_read(struct lifecycle_console *c, void *buffer, size_t size, uint64_t *ret_lost);
/* Waits for more than was read: 0, -ETIMEDOUT or -EINTR. */
int lifecycle_console_wait(struct lifecycle_console *c, int milliseconds);
uint64_t lifecycle_console_position(const struct lifecycle_console *c); /* bytes of the guest's output read or lost */

#ifdef __cplusplus
}
#endif

#endif
