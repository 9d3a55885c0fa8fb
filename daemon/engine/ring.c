/* SPDX-License-Identifier: Apache-2.0 */
/* The last EVENT_RING_SIZE events, in order of their numbers, for those who come later. */
#include "engine/rows.h"

#include <stdlib.h>
#include <string.h>

struct ring {
	size_t first, count; /* of `event`, modulo its size */
	uint64_t lost;       /* the last number that fell out, or was never in */
	struct event_record event[EVENT_RING_SIZE];
};

struct ring *ring_new(void)
{
	return calloc(1, sizeof(struct ring));
}

struct ring *ring_free(struct ring *r)
{
	free(r);
	return NULL;
}

void ring_begin_at(struct ring *r, uint64_t seq)
{
	r->lost = seq;
	r->count = 0;
}

static const struct event_record *at(const struct ring *r, size_t i)
{
	return &r->event[(r->first + i) % EVENT_RING_SIZE];
}

void ring_put(struct ring *r, const struct event_record *e)
{
	if (r->count == EVENT_RING_SIZE) {
		r->lost = at(r, 0)->seq;
		r->first = (r->first + 1) % EVENT_RING_SIZE;
		r->count--;
	}
	r->event[(r->first + r->count++) % EVENT_RING_SIZE] = *e;
}

uint64_t ring_last(const struct ring *r)
{
	return r->count ? at(r, r->count - 1)->seq : r->lost;
}

const struct event_record *ring_after(const struct ring *r, uint64_t seq, bool *ret_gap)
{
	size_t low = 0, high = r->count;

	*ret_gap = seq < r->lost;
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (at(r, middle)->seq <= seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low < r->count ? at(r, low) : NULL;
}

uint64_t ring_last_of(const struct ring *r, const char *name, uint64_t seq)
{
	for (size_t i = r->count; i > 0 && at(r, i - 1)->seq > seq; i--)
		if (!*name || strncmp(at(r, i - 1)->name, name, sizeof(at(r, 0)->name)) == 0)
			return at(r, i - 1)->seq;
	return seq;
}
