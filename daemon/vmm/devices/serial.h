/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A 16550 UART (National Semiconductor PC16550D) whose transmitter is always empty and whose wire brings nothing in:
 * what is written is in the console at once. Its interrupt tells a driver that it may send more; one that polls needs
 * none. In loop mode, by which drivers probe it, what is sent is received.
 */

#include <stdint.h>

#include "vmm/devices/console.h"
#include "vmm/devices/line.h"

#define SERIAL_REGISTERS 8

struct serial {
	struct console *out;
	struct irq_line irq;
	uint8_t ier, lcr, mcr, scratch, received;
	uint8_t divisor[2];
	bool fifo;       /* drivers tell a 16550A by it; here it has no depth */
	bool has_byte;   /* `received` waits to be read */
	bool may_refill; /* the transmitter became empty, and the driver has not been told */
};

uint8_t serial_read(struct serial *s, unsigned reg);
void serial_write(struct serial *s, unsigned reg, uint8_t value);
