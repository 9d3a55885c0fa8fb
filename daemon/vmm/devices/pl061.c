/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/devices/pl061.h"

#include "vmm/devices/primecell.h"

enum {
	REG_DATA_END = 0x400, /* below: the data, of the lines that address bits 9:2 name */
	REG_DIRECTION = 0x400,
	REG_SENSE = 0x404,
	REG_BOTH = 0x408,
	REG_EVENT = 0x40c,
	REG_MASK = 0x410,
	REG_RAW = 0x414,
	REG_MASKED = 0x418,
	REG_CLEAR = 0x41c,
	REG_AFSEL = 0x420,
};

#define PART     0x061
#define REVISION 0

#define KEY (1u << PL061_POWER_KEY)
#define MS  1000000ull

/*
 * Drivers look at the line some time after its interrupt, when it has stopped bouncing: a key that is up again by then
 * was never pressed. So it is held until the guest has looked, and for a person's while after that.
 */
#define HELD_UNSEEN (5000 * MS)
#define HELD_SEEN   (100 * MS)

static uint8_t raw(const struct pl061 *p)
{
	uint8_t levels = (uint8_t) ~(p->inputs ^ p->event) & p->sense;

	return levels | (p->edges & (uint8_t)~p->sense);
}

static void update_line(struct pl061 *p)
{
	irq_line_set(&p->irq, raw(p) & p->mask);
}

static void set_input(struct pl061 *p, uint8_t bit, bool level)
{
	if (!!(p->inputs & bit) == level)
		return;
	p->inputs ^= bit;
	if (p->both & bit || !!(p->event & bit) == level)
		p->edges |= bit;
	update_line(p);
}

static uint8_t read_data(struct pl061 *p, uint8_t lines, uint64_t now)
{
	if (p->release_at > now + HELD_SEEN && lines & KEY)
		p->release_at = now + HELD_SEEN;
	return ((p->outputs & p->direction) | (p->inputs & (uint8_t)~p->direction)) & lines;
}

uint32_t pl061_read(struct pl061 *p, unsigned offset, uint64_t now)
{
	if (offset < REG_DATA_END)
		return read_data(p, (uint8_t)(offset >> 2), now);
	if (offset >= PRIMECELL_ID)
		return primecell_id(PART, REVISION, offset);
	switch (offset) {
	case REG_DIRECTION:
		return p->direction;
	case REG_SENSE:
		return p->sense;
	case REG_BOTH:
		return p->both;
	case REG_EVENT:
		return p->event;
	case REG_MASK:
		return p->mask;
	case REG_RAW:
		return raw(p);
	case REG_MASKED:
		return raw(p) & p->mask;
	case REG_AFSEL:
		return p->afsel;
	}
	return 0;
}

void pl061_write(struct pl061 *p, unsigned offset, uint32_t value)
{
	uint8_t byte = (uint8_t)value, lines = (uint8_t)(offset >> 2);

	if (offset < REG_DATA_END)
		p->outputs = (uint8_t)((p->outputs & ~lines) | (byte & lines));
	switch (offset) {
	case REG_DIRECTION:
		p->direction = byte;
		break;
	case REG_SENSE:
		p->sense = byte;
		break;
	case REG_BOTH:
		p->both = byte;
		break;
	case REG_EVENT:
		p->event = byte;
		break;
	case REG_MASK:
		p->mask = byte;
		break;
	case REG_CLEAR:
		p->edges &= (uint8_t)~byte;
		break;
	case REG_AFSEL:
		p->afsel = byte;
		break;
	}
	update_line(p);
}

bool pl061_panic_light(const struct pl061 *p)
{
	return p->outputs & p->direction & 1u << PL061_PANIC_LIGHT;
}

bool pl061_press_power_key(struct pl061 *p, uint64_t now)
{
	if (!(p->mask & KEY))
		return false;
	if (p->release_at)
		return true;
	p->release_at = now + HELD_UNSEEN;
	set_input(p, KEY, true);
	return true;
}

void pl061_tick(struct pl061 *p, uint64_t now)
{
	if (!p->release_at || now < p->release_at)
		return;
	p->release_at = 0;
	set_input(p, KEY, false);
}
