/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * An 8250 UART (National Semiconductor 16550), output only: the transmitter is always empty, nothing is ever received, and
 * no interrupt is raised. Enough for a driver that polls, and for earlyprintk.
 */

#include <stdint.h>

#include "vmm/devices/console.h"

#define SERIAL_REGISTERS 8

struct serial {
	struct console *out;
	uint8_t ier, lcr, mcr, scratch;
	uint8_t divisor[2];
};

uint8_t serial_read(const struct serial *s, unsigned reg);
void serial_write(struct serial *s, unsigned reg, uint8_t value);
