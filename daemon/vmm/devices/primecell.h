/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What Arm's PrimeCell devices share: the last eight registers name device and maker, a byte each. A driver for such a
 * device is chosen by them. */

#include <stdint.h>

#define PRIMECELL_ID 0xfe0

/* The register at `offset`; `part` is the device's number (0x061), `revision` the high half of the third byte. */
static inline uint8_t primecell_id(uint16_t part, uint8_t revision, unsigned offset)
{
	const uint8_t id[8] = {
		(uint8_t)part,
		(uint8_t)(0x10 | part >> 8), /* 0x41, ARM's JEP106 code, over two bytes */
		(uint8_t)(revision << 4 | 0x4),
		0x00,
		0x0d,
		0xf0,
		0x05,
		0xb1,
	};

	return id[(offset - PRIMECELL_ID) / 4 % 8];
}
