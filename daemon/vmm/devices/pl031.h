/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The clock that goes on while nobody looks (Arm DDI0224, PL031): seconds since 1970. It shows the host's; setting it
 * moves it against the host's, for this life. It has no interrupt, so there is no alarm: the match register is kept
 * and means nothing.
 */

#include <stdint.h>

struct pl031 {
	uint32_t offset, match, load;
};

uint32_t pl031_read(const struct pl031 *p, unsigned offset, uint32_t host_seconds);
void pl031_write(struct pl031 *p, unsigned offset, uint32_t value, uint32_t host_seconds);
