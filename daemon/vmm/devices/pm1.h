/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * ACPI's PM1 register blocks (ACPI 6.5, 4.8.3), of which this machine has the power button, its interrupt (the SCI),
 * and sleep control. It is in ACPI mode from the start.
 */

#include <stdbool.h>
#include <stdint.h>

#include "vmm/devices/line.h"

struct pm1 {
	struct irq_line irq;
	uint16_t status, enable;
};

/* The event block: status in bytes 0 and 1, enable in 2 and 3. */
uint32_t pm1_event_read(const struct pm1 *p, unsigned offset);
void pm1_event_write(struct pm1 *p, unsigned offset, uint32_t value);

uint32_t pm1_control_read(const struct pm1 *p);

/* True: the guest powers off. */
bool pm1_control_write(struct pm1 *p, uint32_t value);

/* False: nobody listens. */
bool pm1_press_power_key(struct pm1 *p);
