/* SPDX-License-Identifier: Apache-2.0 */

/* What the daemon logs: org.freedesktop.LogControl1. */

#include <errno.h>
#include <string.h>

#include "connection.h"

#define LOG_PATH "/org/freedesktop/LogControl1"
#define LOG_CONTROL "org.freedesktop.LogControl1"

static const char *const levels[] = { "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug" };
#define LEVELS ((int)(sizeof(levels) / sizeof(*levels)))

const char *lifecycle_log_level_name(int level)
{
	return level >= 0 && level < LEVELS ? levels[level] : "unknown";
}

int lifecycle_log_level_from_name(const char *name)
{
	for (int i = 0; name && i < LEVELS; i++)
		if (strcmp(levels[i], name) == 0)
			return i;
	return -EINVAL;
}

int lifecycle_log_level(struct lifecycle *l, int *ret)
{
	struct call_target target = { LOG_PATH, BUS_PROPERTIES, "Get" };
	_cleanup_(message_unrefp) sd_bus_message *request = NULL, *reply = NULL;
	const char *word;
	int level, r = connection_prepare(l, &target, &request);

	if (r < 0)
		return r;
	r = sd_bus_message_append(request, "ss", LOG_CONTROL, "LogLevel");
	if (r < 0)
		return connection_fail(l, r, "LogLevel");
	r = connection_call(l, util_take(&request), &reply);
	if (r < 0)
		return r;
	r = sd_bus_message_read(reply, "v", "s", &word);
	if (r < 0)
		return connection_bad_reply(l, r, "LogLevel");
	level = lifecycle_log_level_from_name(word);
	if (level < 0)
		return connection_bad_reply(l, -EBADMSG, "LogLevel");
	*ret = level;
	return 0;
}

int lifecycle_set_log_level(struct lifecycle *l, int level)
{
	struct call_target target = { LOG_PATH, BUS_PROPERTIES, "Set", .changes = true };
	_cleanup_(message_unrefp) sd_bus_message *request = NULL, *reply = NULL;
	int r;

	if (level < 0 || level >= LEVELS)
		return connection_refuse(l, LIFECYCLE_REFUSED_INVALID_ARGUMENT, "no such log level: %d", level);
	r = connection_prepare(l, &target, &request);
	if (r < 0)
		return r;
	r = sd_bus_message_append(request, "ssv", LOG_CONTROL, "LogLevel", "s", levels[level]);
	if (r < 0)
		return connection_fail(l, r, "LogLevel");
	return connection_call(l, util_take(&request), &reply);
}
