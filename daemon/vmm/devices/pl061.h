/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Eight GPIO lines (Arm DDI0190, PL061), of which two are used. The power key is an input that is high while it is
 * pressed; a guest that listens has unmasked its interrupt. The panic light is an output that a kernel lights when it
 * has panicked (leds/leds-gpio.yaml, panic-indicator): so those tell, too, that have no driver for pvpanic.
 */

#include <stdbool.h>
#include <stdint.h>

#include "vmm/devices/line.h"

#define PL061_POWER_KEY   3
#define PL061_PANIC_LIGHT 4

struct pl061 {
	struct irq_line irq;
	uint8_t inputs, outputs;                            /* levels; an output is one where direction says so */
	uint8_t direction, sense, both, event, mask, afsel; /* GPIODIR, IS, IBE, IEV, IE, AFSEL */
	uint8_t edges;                                      /* seen, not cleared */
	uint64_t release_at;                                /* 0: not pressed; else CLOCK_MONOTONIC ns */
};

uint32_t pl061_read(struct pl061 *p, unsigned offset, uint64_t now);
void pl061_write(struct pl061 *p, unsigned offset, uint32_t value);
bool pl061_panic_light(const struct pl061 *p);

/* False: nobody listens. */
bool pl061_press_power_key(struct pl061 *p, uint64_t now);

/* Lets the key go once it is time. */
void pl061_tick(struct pl061 *p, uint64_t now);
