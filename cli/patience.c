/* SPDX-License-Identifier: Apache-2.0 */
#include "patience.h"

#include "output.h"

static uint64_t whole(const struct cli *c)
{
	if (c->timeout_ms < 0)
		return PATIENCE_MS;
	return c->timeout_ms > PATIENCE_LEAST_MS ? (uint64_t)c->timeout_ms : PATIENCE_LEAST_MS;
}

uint64_t patience_deadline(const struct cli *c)
{
	return c->timeout_ms < 0 ? UINT64_MAX : monotonic_now() + (uint64_t)c->timeout_ms * 1000000u;
}

void patience_whole(const struct cli *c)
{
	lifecycle_set_timeout(c->l, whole(c));
}

bool patience_until(const struct cli *c, uint64_t deadline)
{
	uint64_t now = monotonic_now(), left = deadline > now ? (deadline - now + 999999) / 1000000u : 0;

	if (!left)
		return false;
	lifecycle_set_timeout(c->l, left < whole(c) ? left : whole(c));
	return true;
}

bool patience_short(const struct cli *c, uint64_t deadline)
{
	uint64_t soon = monotonic_now() + PATIENCE_SHORT_NS;

	return patience_until(c, soon < deadline ? soon : deadline);
}
