/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/devices/serial.h"

#define LCR_DLAB  0x80 /* registers 0 and 1 are the divisor */
#define MCR_LOOP  0x10 /* what is sent is not sent out */
#define IIR_NONE  0x01 /* no interrupt pending; no FIFO bits: an 8250, not a 16550 */
#define LSR_IDLE  0x60 /* holding and shift register empty */
#define MSR_READY 0xb0 /* carrier, data set ready, clear to send */

uint8_t serial_read(const struct serial *s, unsigned reg)
{
	switch (reg) {
	case 0:
		return s->lcr & LCR_DLAB ? s->divisor[0] : 0;
	case 1:
		return s->lcr & LCR_DLAB ? s->divisor[1] : s->ier;
	case 2:
		return IIR_NONE;
	case 3:
		return s->lcr;
	case 4:
		return s->mcr;
	case 5:
		return LSR_IDLE;
	case 6:
		return MSR_READY;
	case 7:
		return s->scratch;
	}
	return 0xff;
}

static void transmit(const struct serial *s, uint8_t value)
{
	if (!(s->mcr & MCR_LOOP))
		console_write(s->out, &value, 1);
}

void serial_write(struct serial *s, unsigned reg, uint8_t value)
{
	switch (reg) {
	case 0:
	case 1:
		if (s->lcr & LCR_DLAB)
			s->divisor[reg] = value;
		else if (reg == 1)
			s->ier = value & 0x0f;
		else
			transmit(s, value);
		break;
	case 3:
		s->lcr = value;
		break;
	case 4:
		s->mcr = value & 0x1f;
		break;
	case 7:
		s->scratch = value;
		break;
	}
}
