/* SPDX-License-Identifier: Apache-2.0 */
#include "device/migration_drive.h"

static bool hand_out(struct migration_set *s, const struct migration_handle *handle, uint64_t now)
{
	struct migration_answer refused = { 0 };
	struct migration_order order;
	int r;

	if (!migration_set_take(s, &order))
		return false;
	r = handle[order.device].ops->submit(handle[order.device].device, &order, now);
	if (r < 0) {
		refused.number = order.number;
		refused.error = -r;
		(void)migration_set_answer(s, &refused, now);
	}
	return true;
}

/* Late answers, too: they are taken from the device, and the set does not mind them. */
static bool collect(struct migration_set *s, const struct migration_handle *handle, uint64_t now)
{
	struct migration_answer answer;
	bool any = false;

	for (unsigned i = 0; i < s->count; i++)
		while (handle[i].ops->answered(handle[i].device, now, &answer)) {
			(void)migration_set_answer(s, &answer, now);
			any = true;
		}
	return any;
}

void migration_drive(struct migration_set *s, const struct migration_handle *handle, uint64_t now)
{
	bool more = true;

	/* What was answered in time counts, however late this is called. */
	while (more) {
		more = collect(s, handle, now);
		migration_set_tick(s, now);
		more |= hand_out(s, handle, now);
	}
}

uint64_t migration_drive_deadline(const struct migration_set *s, const struct migration_handle *handle)
{
	const struct migration_order *out = migration_set_waits(s);
	uint64_t at = out ? out->until : UINT64_MAX;

	for (unsigned i = 0; i < s->count; i++) {
		uint64_t next = handle[i].ops->next(handle[i].device);

		if (next < at)
			at = next;
	}
	return at;
}
