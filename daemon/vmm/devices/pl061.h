/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Eight GPIO lines (Arm DDI0190, PL061), inputs alone, of which one is used: the power key. A key is a line that is
 * high while it is pressed; a guest that listens has unmasked its interrupt.
 */

#include <stdbool.h>
#include <stdint.h>

#include "vmm/devices/line.h"

#define PL061_POWER_KEY 3

struct pl061 {
	struct irq_line irq;
	uint8_t inputs;                                     /* the levels */
	uint8_t direction, sense, both, event, mask, afsel; /* GPIODIR, IS, IBE, IEV, IE, AFSEL */
	uint8_t edges;                                      /* seen, not cleared */
	uint64_t release_at;                                /* 0: not pressed; else CLOCK_MONOTONIC ns */
};

uint32_t pl061_read(struct pl061 *p, unsigned offset, uint64_t now);
void pl061_write(struct pl061 *p, unsigned offset, uint32_t value);

/* False: nobody listens. */
bool pl061_press_power_key(struct pl061 *p, uint64_t now);

/* Lets the key go once it is time. */
void pl061_tick(struct pl061 *p, uint64_t now);
