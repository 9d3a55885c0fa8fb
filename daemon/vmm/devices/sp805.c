/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/devices/sp805.h"

#include "vmm/devices/primecell.h"

enum {
	REG_LOAD = 0x000,
	REG_VALUE = 0x004,
	REG_CONTROL = 0x008,
	REG_CLEAR = 0x00c,
	REG_RAW = 0x010,
	REG_MASKED = 0x014,
	REG_LOCK = 0xc00,
};

#define PART     0x805
#define REVISION 1

#define CONTROL_RUN   0x1 /* counts, and interrupts at zero */
#define CONTROL_RESET 0x2 /* resets at the next zero */
#define CONTROL_ALL   0x3
#define LOCK_OPEN     0x1ACCE551u
#define LOAD_AT_RESET 0xffffffffu

#define NS_PER_S 1000000000ull

void sp805_init(struct sp805 *s)
{
	*s = (struct sp805) { .load = LOAD_AT_RESET, .open = true };
}

static uint64_t period(const struct sp805 *s)
{
	return s->load * (NS_PER_S / 1000) / (SP805_HZ / 1000);
}

static bool runs(const struct sp805 *s)
{
	return s->control & CONTROL_RUN;
}

static uint32_t value(const struct sp805 *s, uint64_t now)
{
	uint64_t passed = now > s->begun ? now - s->begun : 0;
	uint64_t ticks = passed / 1000 * (SP805_HZ / 1000000);

	if (!runs(s))
		return s->load;
	return ticks < s->load ? s->load - (uint32_t)ticks : 0;
}

uint32_t sp805_read(const struct sp805 *s, unsigned offset, uint64_t now)
{
	if (offset >= PRIMECELL_ID)
		return primecell_id(PART, REVISION, offset);
	switch (offset) {
	case REG_LOAD:
		return s->load;
	case REG_VALUE:
		return value(s, now);
	case REG_CONTROL:
		return s->control;
	case REG_RAW:
		return s->raised;
	case REG_MASKED:
		return s->raised && runs(s);
	case REG_LOCK:
		return !s->open;
	}
	return 0;
}

static void write_control(struct sp805 *s, uint32_t bits, uint64_t now)
{
	if (bits & CONTROL_RUN && !runs(s))
		s->begun = now;
	s->control = bits & CONTROL_ALL;
}

void sp805_write(struct sp805 *s, unsigned offset, uint32_t word, uint64_t now)
{
	if (offset == REG_LOCK)
		s->open = word == LOCK_OPEN;
	if (!s->open)
		return;
	switch (offset) {
	case REG_LOAD:
		s->load = word;
		s->begun = now;
		break;
	case REG_CONTROL:
		write_control(s, word, now);
		break;
	case REG_CLEAR:
		s->raised = false;
		s->begun = now;
		break;
	}
	irq_line_set(&s->irq, s->raised && runs(s));
}

/* Once raised, a watchdog that may not reset has nothing more to say. */
uint64_t sp805_deadline(const struct sp805 *s)
{
	if (!runs(s) || (s->raised && !(s->control & CONTROL_RESET)))
		return 0;
	return s->begun + period(s);
}

bool sp805_tick(struct sp805 *s, uint64_t now)
{
	uint64_t due = sp805_deadline(s);

	if (!due || now < due)
		return false;
	if (s->raised) {
		s->control = 0; /* it bites once */
		return true;
	}
	s->raised = true;
	s->begun = now; /* a host that was away does not count against the guest */
	irq_line_set(&s->irq, true);
	return false;
}
