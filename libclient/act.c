/* SPDX-License-Identifier: Apache-2.0 */

/* What changes something. */

#include <errno.h>
#include <string.h>

#include "connection.h"

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
};

static int append_act(sd_bus_message *request, const char *name, uint64_t life, const char *option)
{
	if (!option)
		return sd_bus_message_append(request, "sta{sv}", name, life, 0);
	return sd_bus_message_append(request, "sta{sv}", name, life, 1, option, "b", 1);
}

int lifecycle_act(struct lifecycle *l, enum lifecycle_verb verb, const char *name, uint64_t life, uint64_t *ret_seq)
{
	struct call_target target = { BUS_PATH, BUS_MANAGER, NULL };
	_cleanup_(message_unrefp) sd_bus_message *request = NULL, *reply = NULL;
	uint64_t seq;
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
	r = connection_call(l, util_take(&request), &reply);
	if (r < 0)
		return r;
	r = sd_bus_message_read(reply, "t", &seq);
	if (r < 0)
		return connection_bad_reply(l, r, target.method);
	if (ret_seq)
		*ret_seq = seq;
	return 0;
}

static int read_defined(sd_bus_message *reply, char **ret_name, uint64_t *ret_seq)
{
	_cleanup_(util_freep) char *name = NULL;
	const char *path;
	uint64_t seq;
	int r = sd_bus_message_read(reply, "ot", &path, &seq);

	if (r < 0)
		return r;
	r = sd_bus_path_decode(path, BUS_VM_PREFIX, &name);
	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	if (ret_name)
		*ret_name = util_take(&name);
	if (ret_seq)
		*ret_seq = seq;
	return 0;
}

int lifecycle_define(struct lifecycle *l, const char *text, const char *source, char **ret_name, uint64_t *ret_seq)
{
	struct call_target target = { BUS_PATH, BUS_MANAGER, "Define" };
	_cleanup_(message_unrefp) sd_bus_message *request = NULL, *reply = NULL;
	int r = connection_prepare(l, &target, &request);

	if (r < 0)
		return r;
	r = sd_bus_message_append(request, "ssa{sv}", text, source ? source : "-", 0);
	if (r == -EINVAL) /* sd-bus takes no string that is not UTF-8 */
		return connection_refuse(l, LIFECYCLE_REFUSED_INVALID_DEFINITION, "%s: not UTF-8 text", source ? source : "-");
	if (r < 0)
		return connection_fail(l, r, "Define");
	r = connection_call(l, util_take(&request), &reply);
	if (r < 0)
		return r;
	r = read_defined(reply, ret_name, ret_seq);
	return r < 0 ? connection_bad_reply(l, r, "Define") : 0;
}
