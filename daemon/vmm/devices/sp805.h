/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A watchdog (Arm DDI0270, SP805): a counter that the guest's driver sets back again and again. The first time that it
 * reaches zero is an interrupt; the second time the machine would be reset: the guest hangs, and is over. Nothing
 * ticks: when the next zero comes follows from when the counter began.
 */

#include <stdbool.h>
#include <stdint.h>

#include "vmm/devices/line.h"

#define SP805_HZ 24000000u

struct sp805 {
	struct irq_line irq;
	uint32_t load;
	uint8_t control;
	bool open;      /* writes are let in: 0x1ACCE551 was written to the lock */
	bool raised;    /* reached zero, and nobody has set it back */
	uint64_t begun; /* when the counter was last at `load`, CLOCK_MONOTONIC ns */
};

void sp805_init(struct sp805 *s);
uint32_t sp805_read(const struct sp805 *s, unsigned offset, uint64_t now);
void sp805_write(struct sp805 *s, unsigned offset, uint32_t word, uint64_t now);

/* When something is due; 0: nothing is. */
uint64_t sp805_deadline(const struct sp805 *s);

/* Does what is due; true: the guest is to be reset. */
bool sp805_tick(struct sp805 *s, uint64_t now);
