/* SPDX-License-Identifier: Apache-2.0 */

/* D-Bus errors become refusals: the daemon's own by the table in proto/errors.h, the bus's by what they mean for a caller. */

#include <errno.h>
#include <limits.h>
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

/* The numbers that mean something of their own here; the rest is libc's. */
static const struct {
	int error;
	const char *text;
} texts[] = {
	{ EACCES, "not allowed: that is for root, and for whom polkit lets" },
	{ EAGAIN, "nothing yet" },
	{ EBADMSG, "it cannot be read: the definition, or what the other side said, is not of a form known here" },
	{ EBUSY, "the VM's state does not allow that" },
	{ EDQUOT, "there are too many already" },
	{ EEXIST, "another VM has that name, UUID or FF-A id" },
	{ EHOSTDOWN, "the daemon is gone, and what it left is stale" },
	{ ELOOP, "the order of VMs leads back to this one" },
	{ ENODATA, "the daemon hung up: subscribe again" },
	{ ENODEV, "there are not enough huge pages" },
	{ ENOENT, "there is no such VM, or nothing in that place" },
	{ ENOLCK, "that lease is over" },
	{ ENOLINK, "no VM is bound by that any more" },
	{ ENOSPC, "no FF-A id is free" },
	{ ENOTCONN, "no daemon, or no bus, is there" },
	{ ENXIO, "the VM has no console" },
	{ EOPNOTSUPP, "this connection passes no descriptors, as one to another host" },
	{ EOVERFLOW, "changes were lost: subscribe again" },
	{ EPROTO, "it is of a version or a form that is not known here" },
	{ ESHUTDOWN, "all VMs are being shut down" },
	{ ESTALE, "that life is over" },
	{ ETIMEDOUT, "it did not come in time" },
	{ EXDEV, "this VM was defined in another way, which alone may change it" },
};

const char *lifecycle_error_text(int error)
{
	const char *text;

	if (error < 0)
		error = error == INT_MIN ? 0 : -error;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (texts[i].error == error)
			return texts[i].text;
	text = strerrordesc_np(error);
	return text ? text : "unknown error";
}
