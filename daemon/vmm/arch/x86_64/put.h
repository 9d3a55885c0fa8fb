/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Numbers into tables of firmware: little endian, and aligned to nothing. */

#include <stdint.h>
#include <string.h>

static inline void put16(uint8_t *at, uint16_t value)
{
	memcpy(at, &value, sizeof(value));
}

static inline void put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

static inline void put64(uint8_t *at, uint64_t value)
{
	memcpy(at, &value, sizeof(value));
}
