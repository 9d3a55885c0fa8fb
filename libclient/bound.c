/* SPDX-License-Identifier: Apache-2.0 */

/* VMs that live with their client. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "connection.h"

/* The reply's descriptor is the message's: it is kept beyond it. */
static int keep_fd(int fd, int *ret)
{
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return -errno;
	*ret = fd;
	return 0;
}

int lifecycle_start_bound(struct lifecycle *l, const char *name, char *ret_token, int *ret_fd, uint64_t *ret_seq)
{
	struct call_target target = { BUS_PATH, BUS_MANAGER, "StartBound", .changes = true, .gives_fd = true };
	_cleanup_(message_unrefp) sd_bus_message *request = NULL, *reply = NULL;
	const char *token;
	uint64_t seq;
	int fd, r = connection_prepare(l, &target, &request);

	if (r < 0)
		return r;
	r = sd_bus_message_append(request, "sa{sv}", name, 0);
	if (r < 0)
		return connection_bad_name(l, r, target.method);
	r = connection_call(l, util_take(&request), &reply);
	if (r < 0)
		return r;
	r = sd_bus_message_read(reply, "sht", &token, &fd, &seq);
	if (r >= 0)
		r = strlen(token) + 1 != LIFECYCLE_TOKEN_SIZE ? -EBADMSG : keep_fd(fd, ret_fd);
	if (r < 0)
		return connection_bad_reply(l, r, target.method);
	memcpy(ret_token, token, LIFECYCLE_TOKEN_SIZE);
	if (ret_seq)
		*ret_seq = seq;
	return 0;
}

int lifecycle_bind_again(struct lifecycle *l, const char *token, int *ret_fd)
{
	struct call_target target = { BUS_PATH, BUS_MANAGER, "BindAgain", .gives_fd = true };
	_cleanup_(message_unrefp) sd_bus_message *request = NULL, *reply = NULL;
	int fd, r = connection_prepare(l, &target, &request);

	if (r < 0)
		return r;
	r = sd_bus_message_append(request, "sa{sv}", token, 0);
	if (r < 0)
		return connection_fail(l, r, target.method);
	r = connection_call(l, util_take(&request), &reply);
	if (r < 0)
		return r;
	r = sd_bus_message_read(reply, "h", &fd);
	if (r >= 0)
		r = keep_fd(fd, ret_fd);
	return r < 0 ? connection_bad_reply(l, r, target.method) : 0;
}
