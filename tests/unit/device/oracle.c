/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/device/oracle.h"

#include <stddef.h>

#define S(state) VFIO_DEVICE_STATE_##state

/* `all`: flags that a device must have for the arc; `none`: those it must not have. */
static const struct {
	unsigned from, to, all, none;
	bool fd;
} arcs[] = {
	{ S(RESUMING), S(STOP), 1, 0, false },
	{ S(STOP), S(RESUMING), 1, 0, true },
	{ S(STOP), S(STOP_COPY), 1, 0, true },
	{ S(STOP_COPY), S(STOP), 1, 0, false },
	/* without P2P */
	{ S(RUNNING), S(STOP), 1, 2, false },
	{ S(STOP), S(RUNNING), 1, 2, false },
	/* with P2P */
	{ S(RUNNING), S(RUNNING_P2P), 3, 0, false },
	{ S(RUNNING_P2P), S(RUNNING), 3, 0, false },
	{ S(RUNNING_P2P), S(STOP), 3, 0, false },
	{ S(STOP), S(RUNNING_P2P), 3, 0, false },
	/* with PRE_COPY, and with both */
	{ S(RUNNING), S(PRE_COPY), 5, 0, true },
	{ S(PRE_COPY), S(RUNNING), 5, 0, false },
	{ S(PRE_COPY), S(STOP_COPY), 5, 2, false },
	{ S(RUNNING_P2P), S(PRE_COPY_P2P), 7, 0, true },
	{ S(PRE_COPY_P2P), S(RUNNING_P2P), 7, 0, false },
	{ S(PRE_COPY), S(PRE_COPY_P2P), 7, 0, false },
	{ S(PRE_COPY_P2P), S(PRE_COPY), 7, 0, false },
	{ S(PRE_COPY_P2P), S(STOP_COPY), 7, 0, false },
};

#define ARCS (sizeof(arcs) / sizeof(*arcs))

bool oracle_arc(unsigned from, unsigned to, unsigned flags, bool *ret_fd)
{
	for (size_t i = 0; i < ARCS; i++)
		if (arcs[i].from == from && arcs[i].to == to && (flags & arcs[i].all) == arcs[i].all &&
			!(flags & arcs[i].none)) {
			*ret_fd = arcs[i].fd;
			return true;
		}
	return false;
}

static bool is_saving(unsigned state)
{
	return state == S(STOP_COPY) || state == S(PRE_COPY) || state == S(PRE_COPY_P2P);
}

struct search {
	unsigned to, flags, found, first;
	bool may_pass_saving; /* the path begins and ends in the saving group, and must stay there */
};

/* All paths of exactly `left` more arcs. */
static void walk(struct search *s, unsigned at, unsigned left, unsigned first)
{
	bool fd;

	if (left == 0) {
		if (at == s->to && s->found++ == 0)
			s->first = first;
		return;
	}
	for (unsigned next = 0; next < VFIO_DEVICE_STATE_COUNT; next++) {
		if (!oracle_arc(at, next, s->flags, &fd))
			continue;
		if (left > 1 && is_saving(next) && !s->may_pass_saving)
			continue;
		walk(s, next, left - 1, first == VFIO_DEVICE_STATE_COUNT ? next : first);
	}
}

unsigned oracle_paths(unsigned from, unsigned to, unsigned flags, unsigned *ret_length, unsigned *ret_next)
{
	struct search s = { .to = to, .flags = flags, .may_pass_saving = is_saving(from) && is_saving(to) };

	/* By decree: a save that stopped the device is not made a running one again. */
	if (from == S(STOP_COPY) && (to == S(PRE_COPY) || to == S(PRE_COPY_P2P)))
		return 0;
	for (unsigned length = 1; length < VFIO_DEVICE_STATE_COUNT && !s.found; length++) {
		walk(&s, from, length, VFIO_DEVICE_STATE_COUNT);
		*ret_length = length;
	}
	*ret_next = s.first;
	return s.found;
}
