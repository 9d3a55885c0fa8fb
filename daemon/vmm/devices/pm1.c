/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/devices/pm1.h"

#define POWER_BUTTON (1u << 8) /* in status and enable */
#define GLOBAL_LOCK  (1u << 5) /* never raised, but ACPI's own code wants to enable it */
#define SCI_ENABLED  (1u << 0) /* in control: ACPI mode */
#define SLEEP        (1u << 13)

#define ENABLE_AT 2

static void update_line(struct pm1 *p)
{
	irq_line_set(&p->irq, p->status & p->enable & POWER_BUTTON);
}

uint32_t pm1_event_read(const struct pm1 *p, unsigned offset)
{
	return (p->status | (uint32_t)p->enable << 16) >> 8 * offset;
}

/* Status bits are cleared by writing ones. */
void pm1_event_write(struct pm1 *p, unsigned offset, uint32_t value)
{
	if (offset == 0)
		p->status &= (uint16_t)~value;
	if (offset == ENABLE_AT)
		p->enable = (uint16_t)value & (POWER_BUTTON | GLOBAL_LOCK);
	update_line(p);
}

uint32_t pm1_control_read(const struct pm1 *p)
{
	return SCI_ENABLED;
}

/* Whichever state it asks for: off is the only one that our tables offer. */
bool pm1_control_write(struct pm1 *p, uint32_t value)
{
	return value & SLEEP;
}

bool pm1_press_power_key(struct pm1 *p)
{
	if (!(p->enable & POWER_BUTTON))
		return false;
	p->status |= POWER_BUTTON;
	update_line(p);
	return true;
}
