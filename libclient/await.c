/* SPDX-License-Identifier: Apache-2.0 */

/* Waiting for a VM by a call that the daemon answers late: no descriptor is needed, so it also works from another host. */

#include <errno.h>
#include <string.h>

#include "connection.h"
#include "fields.h"

static int append_states(sd_bus_message *request, const char *const *states)
{
	int r = sd_bus_message_open_container(request, 'a', "s");

	for (size_t i = 0; r >= 0 && states && states[i]; i++)
		r = sd_bus_message_append(request, "s", states[i]);
	return r < 0 ? r : sd_bus_message_close_container(request);
}

static int read_awaited(sd_bus_message *reply, struct lifecycle_awaited *a)
{
	static const char *const results[] = { "reached", "over", "gone", "timed-out" };
	const char *result;
	int r = sd_bus_message_read(reply, "st", &result, &a->life);

	if (r >= 0)
		r = read_state(reply, &a->state);
	if (r >= 0)
		r = read_substate(reply, &a->substate);
	if (r >= 0)
		r = read_cause(reply, &a->cause);
	if (r >= 0)
		r = sd_bus_message_read(reply, "t", &a->seq);
	a->result = LIFECYCLE_UNKNOWN;
	for (int i = 0; r >= 0 && i < (int)(sizeof(results) / sizeof(*results)); i++)
		if (strcmp(results[i], result) == 0)
			a->result = i;
	return r;
}

/* So long the daemon may wait, and then answers as any call. */
static uint64_t patience(const struct lifecycle *l, sd_bus_message *request, int milliseconds)
{
	uint64_t usec = connection_patience(l, request), waits = milliseconds < 0 ? UINT64_MAX : (uint64_t)milliseconds * 1000;

	return waits > UINT64_MAX - usec ? UINT64_MAX : usec + waits;
}

int lifecycle_await(struct lifecycle *l, const char *name, uint64_t life, const char *const *states, int milliseconds,
	struct lifecycle_awaited *ret)
{
	struct call_target target = { BUS_PATH, BUS_MANAGER, "WaitState" };
	_cleanup_(message_unrefp) sd_bus_message *request = NULL, *reply = NULL;
	struct lifecycle_awaited full = { .size = sizeof(full) };
	uint64_t usec;
	int r;

	if (ret->size < sizeof(ret->size))
		return connection_refuse(l, LIFECYCLE_REFUSED_INVALID_ARGUMENT, "WaitState: the result has no size");
	r = connection_prepare(l, &target, &request);
	if (r < 0)
		return r;
	r = sd_bus_message_append(request, "st", name, life);
	if (r >= 0)
		r = append_states(request, states);
	if (r >= 0)
		r = sd_bus_message_append(request, "ta{sv}", milliseconds < 0 ? (uint64_t)0 : milliseconds ? (uint64_t)milliseconds : 1, 0);
	if (r < 0)
		return connection_bad_name(l, r, target.method);
	usec = patience(l, request, milliseconds);
	r = connection_call_for(l, util_take(&request), usec, &reply);
	if (r < 0)
		return r;
	r = read_awaited(reply, &full);
	if (r < 0)
		return connection_bad_reply(l, r, target.method);
	full.size = ret->size < sizeof(full) ? ret->size : sizeof(full);
	memcpy(ret, &full, full.size);
	return 0;
}
