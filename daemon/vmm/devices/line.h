/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The interrupt line of a device, level-triggered: it is high for as long as the device has a reason. A device sets
 * its own; the machine connects it to an interrupt controller, if there is one (machine_connect_line).
 */

#include <stdbool.h>
#include <stdint.h>

struct irq_line {
	bool level;
	void (*set)(void *controller, uint32_t irq, bool level); /* NULL: it ends nowhere */
	void *controller;
	uint32_t irq; /* in the controller's own numbers */
};

static inline void irq_line_set(struct irq_line *line, bool level)
{
	if (line->level == level)
		return;
	line->level = level;
	if (line->set)
		line->set(line->controller, line->irq, level);
}
