/* SPDX-License-Identifier: Apache-2.0 */

/* D-Bus errors become refusals: the daemon's own by the table in proto/errors.h, the bus's by what they mean for a caller. */

#include <errno.h>
#include <string.h>

#include "connection.h"

struct bus_error {
	const char *name;
	int refusal;
};

static const struct bus_error bus_errors[] = {
	{ SD_BUS_ERROR_SERVICE_UNKNOWN, LIFECYCLE_UNREACHABLE },
	{ SD_BUS_ERROR_NAME_HAS_NO_OWNER, LIFECYCLE_UNREACHABLE },
	{ SD_BUS_ERROR_DISCONNECTED, LIFECYCLE_UNREACHABLE },
	{ SD_BUS_ERROR_NO_SERVER, LIFECYCLE_UNREACHABLE },
	{ "org.freedesktop.DBus.Error.Spawn.Failed", LIFECYCLE_UNREACHABLE },
	{ "org.freedesktop.DBus.Error.Spawn.ChildExited", LIFECYCLE_UNREACHABLE },
	{ "org.freedesktop.DBus.Error.Spawn.ChildSignaled", LIFECYCLE_UNREACHABLE },
	{ "org.freedesktop.DBus.Error.Spawn.ExecFailed", LIFECYCLE_UNREACHABLE },
	{ "org.freedesktop.systemd1.NoSuchUnit", LIFECYCLE_UNREACHABLE },
	{ "org.freedesktop.systemd1.UnitMasked", LIFECYCLE_UNREACHABLE },
	{ SD_BUS_ERROR_NO_REPLY, LIFECYCLE_NO_ANSWER },
	{ SD_BUS_ERROR_TIMEOUT, LIFECYCLE_NO_ANSWER },
	{ "org.freedesktop.DBus.Error.TimedOut", LIFECYCLE_NO_ANSWER },
	{ SD_BUS_ERROR_ACCESS_DENIED, LIFECYCLE_REFUSED_ACCESS },
	{ SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, LIFECYCLE_REFUSED_ACCESS },
	{ SD_BUS_ERROR_INVALID_ARGS, LIFECYCLE_REFUSED_INVALID_ARGUMENT },
	{ SD_BUS_ERROR_LIMITS_EXCEEDED, LIFECYCLE_REFUSED_LIMIT },
	{ SD_BUS_ERROR_UNKNOWN_OBJECT, LIFECYCLE_REFUSED_NO_SUCH_VM },
};

int error_to_refusal(const char *name)
{
	size_t prefix = sizeof(BUS_ERROR_PREFIX) - 1;

	if (name && strncmp(name, BUS_ERROR_PREFIX, prefix) == 0) {
		int refusal = lifecycle_refusal_from_name(name + prefix);

		return refusal > 0 ? refusal : LIFECYCLE_LOCAL;
	}
	for (size_t i = 0; name && i < sizeof(bus_errors) / sizeof(*bus_errors); i++)
		if (strcmp(bus_errors[i].name, name) == 0)
			return bus_errors[i].refusal;
	return LIFECYCLE_LOCAL;
}
