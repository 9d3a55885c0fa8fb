/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/devices/pl031.h"

#include "vmm/devices/primecell.h"

enum {
	REG_DATA = 0x00,
	REG_MATCH = 0x04,
	REG_LOAD = 0x08,
	REG_CONTROL = 0x0c, /* it always runs */
};

#define PART     0x031
#define REVISION 0

uint32_t pl031_read(const struct pl031 *p, unsigned offset, uint32_t host_seconds)
{
	if (offset >= PRIMECELL_ID)
		return primecell_id(PART, REVISION, offset);
	switch (offset) {
	case REG_DATA:
		return host_seconds + p->offset;
	case REG_MATCH:
		return p->match;
	case REG_LOAD:
		return p->load;
	case REG_CONTROL:
		return 1;
	}
	return 0;
}

void pl031_write(struct pl031 *p, unsigned offset, uint32_t value, uint32_t host_seconds)
{
	switch (offset) {
	case REG_MATCH:
		p->match = value;
		break;
	case REG_LOAD:
		p->load = value;
		p->offset = value - host_seconds;
		break;
	}
}
