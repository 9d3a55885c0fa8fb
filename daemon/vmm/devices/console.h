/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The writer's end of the console ring (proto/vmm-link.h): never waits, never faults, drops what cannot be
 * kept. */

#include <stddef.h>
#include <stdint.h>

#include "proto/vmm-link.h"

struct console {
	struct console_ring *ring; /* NULL: output goes nowhere */
	uint8_t *data;
	uint64_t head;
	uint32_t size;
	uint32_t ready; /* bytes of data whose pages are known to exist: a full tmpfs must not become a SIGBUS
			 */
};

/* Maps fd and fills the ring's header, or goes on behind what is there. -EINVAL: not sized as a ring. */
int console_open(struct console *c, int fd);
void console_write(struct console *c, const uint8_t *bytes, size_t count);
