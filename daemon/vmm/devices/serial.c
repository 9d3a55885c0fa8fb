/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/devices/serial.h"

/* Registers; 0 and 1 are the divisor while LCR_DLAB is set. */
enum {
	REG_DATA = 0,
	REG_IER = 1,
	REG_IIR = 2, /* written, it is the FIFO control */
	REG_LCR = 3,
	REG_MCR = 4,
	REG_LSR = 5,
	REG_MSR = 6,
	REG_SCRATCH = 7,
};

#define IER_RECEIVED 0x01
#define IER_REFILL   0x02
#define IER_ALL      0x0f
#define IIR_NONE     0x01
#define IIR_REFILL   0x02
#define IIR_RECEIVED 0x04
#define IIR_FIFO     0xc0
#define FCR_ENABLE   0x01
#define FCR_CLEAR_RX 0x02
#define LCR_DLAB     0x80
#define MCR_RTS      0x02
#define MCR_LOOP     0x10 /* what is sent is not sent out, and comes back */
#define MCR_ALL      0x1f
#define LSR_RECEIVED 0x01
#define LSR_IDLE     0x60 /* holding and shift register empty */
#define MSR_READY    0xb0 /* carrier, data set ready, clear to send */

/* The reason that counts most (PC16550D, table IV); line errors and modem changes do not happen here. */
static uint8_t reason(const struct serial *s)
{
	if (s->has_byte && s->ier & IER_RECEIVED)
		return IIR_RECEIVED;
	if (s->may_refill && s->ier & IER_REFILL)
		return IIR_REFILL;
	return IIR_NONE;
}

static void update_line(struct serial *s)
{
	irq_line_set(&s->irq, reason(s) != IIR_NONE);
}

static uint8_t read_data(struct serial *s)
{
	uint8_t value = s->has_byte ? s->received : 0;

	s->has_byte = false;
	update_line(s);
	return value;
}

/* Reading that it may refill is how a driver is told. */
static uint8_t read_reason(struct serial *s)
{
	uint8_t value = reason(s);

	if (value == IIR_REFILL) {
		s->may_refill = false;
		update_line(s);
	}
	return value | (s->fifo ? IIR_FIFO : 0);
}

/* In loop mode the modem's four inputs are our own outputs: RTS, DTR, OUT1, OUT2. */
static uint8_t modem_status(const struct serial *s)
{
	if (!(s->mcr & MCR_LOOP))
		return MSR_READY;
	return (uint8_t)((s->mcr & MCR_RTS) << 3 | (s->mcr & 0x01) << 5 | (s->mcr & 0x0c) << 4);
}

uint8_t serial_read(struct serial *s, unsigned reg)
{
	if (reg <= REG_IER && s->lcr & LCR_DLAB)
		return s->divisor[reg];
	switch (reg) {
	case REG_DATA:
		return read_data(s);
	case REG_IER:
		return s->ier;
	case REG_IIR:
		return read_reason(s);
	case REG_LCR:
		return s->lcr;
	case REG_MCR:
		return s->mcr;
	case REG_LSR:
		return LSR_IDLE | (s->has_byte ? LSR_RECEIVED : 0);
	case REG_MSR:
		return modem_status(s);
	case REG_SCRATCH:
		return s->scratch;
	}
	return 0xff;
}

/* It is empty again at once, which is news. */
static void transmit(struct serial *s, uint8_t value)
{
	if (s->mcr & MCR_LOOP) {
		s->received = value;
		s->has_byte = true;
	} else {
		console_write(s->out, &value, 1);
	}
	s->may_refill = true;
}

/* Turned on while the transmitter is empty, that interrupt comes at once: drivers begin to send by it. */
static void write_ier(struct serial *s, uint8_t value)
{
	if (value & IER_REFILL && !(s->ier & IER_REFILL))
		s->may_refill = true;
	s->ier = value & IER_ALL;
}

static void write_fcr(struct serial *s, uint8_t value)
{
	s->fifo = value & FCR_ENABLE;
	if (value & FCR_CLEAR_RX)
		s->has_byte = false;
}

void serial_write(struct serial *s, unsigned reg, uint8_t value)
{
	if (reg <= REG_IER && s->lcr & LCR_DLAB) {
		s->divisor[reg] = value;
		return;
	}
	switch (reg) {
	case REG_DATA:
		transmit(s, value);
		break;
	case REG_IER:
		write_ier(s, value);
		break;
	case REG_IIR:
		write_fcr(s, value);
		break;
	case REG_LCR:
		s->lcr = value;
		break;
	case REG_MCR:
		s->mcr = value & MCR_ALL;
		break;
	case REG_SCRATCH:
		s->scratch = value;
		break;
	}
	update_line(s);
}
