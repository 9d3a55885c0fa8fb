/* SPDX-License-Identifier: Apache-2.0 */

/* What changes something. */

#include <errno.h>
#include <string.h>

#include "act.h"

static const struct {
	const char *method, *option; /* one that is true; NULL: none is */
} verbs[] = {
	[LIFECYCLE_START] = { "Start", NULL },
	[LIFECYCLE_ABORT] = { "Abort", NULL },
	[LIFECYCLE_RESTART] = { "Restart", NULL },
	[LIFECYCLE_DESTROY] = { "Destroy", NULL },
	[LIFECYCLE_STOP] = { "Stop", NULL },
	[LIFECYCLE_PAUSE] = { "Pause", NULL },
	[LIFECYCLE_RESUME] = { "Resume", NULL },
	[LIFECYCLE_PRESERVE] = { "Abort", "Preserve" },
	[LIFECYCLE_CANCEL] = { "Cancel", NULL },
};

static int append_act(sd_bus_message *request, const char *name, uint64_t life, const char *option)
{
	if (!option)
		return sd_bus_message_append(request, "sta{sv}", name, life, 0);
	return sd_bus_message_append(request, "sta{sv}", name, life, 1, option, "b", 1);
}

const char *act_method(enum lifecycle_verb verb)
{
	return verbs[verb].method;
}

int act_prepare(struct lifecycle *l, enum lifecycle_verb verb, const char *name, uint64_t life, sd_bus_message **ret)
{
	struct call_target target = { BUS_PATH, BUS_MANAGER, NULL, .changes = true };
	_cleanup_(message_unrefp) sd_bus_message *request = NULL;
	int r;

	if ((unsigned)verb >= sizeof(verbs) / sizeof(*verbs))
		return connection_refuse(l, LIFECYCLE_REFUSED_INVALID_ARGUMENT, "no such verb: %d", (int)verb);
	target.method = verbs[verb].method;
	r = connection_prepare(l, &target, &request);
	if (r < 0)
		return r;
	r = append_act(request, name, life, verbs[verb].option);
	if (r < 0)
		return connection_bad_name(l, r, target.method);
	*ret = util_take(&request);
	return 0;
}

int lifecycle_act(struct lifecycle *l, enum lifecycle_verb verb, const char *name, uint64_t life, uint64_t *ret_seq)
{
	sd_bus_message *request;
	int r = act_prepare(l, verb, name, life, &request);

	return r < 0 ? r : connection_change(l, request, act_method(verb), ret_seq);
}

int lifecycle_shutdown(struct lifecycle *l, bool host, uint64_t *ret_seq)
{
	struct call_target target = { BUS_PATH, BUS_MANAGER, "Shutdown", .changes = true };
	_cleanup_(message_unrefp) sd_bus_message *request = NULL;
	int r = connection_prepare(l, &target, &request);

	if (r < 0)
		return r;
	r = sd_bus_message_append(request, "a{sv}", 1, "Host", "b", (int)host);
	if (r < 0)
		return connection_fail(l, r, target.method);
	return connection_change(l, util_take(&request), target.method, ret_seq);
}
