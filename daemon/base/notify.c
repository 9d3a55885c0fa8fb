/* SPDX-License-Identifier: Apache-2.0 */
#include "base/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"

static int kept = -1;

/* A descriptor that is connected to the service manager; -ENOENT where there is none. */
static int reach(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_(close_fdp) int fd = -1;
	socklen_t length;

	if (!path || !*path)
		return -ENOENT;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	else
		length++;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, length) < 0)
		return -errno;
	return take_fd(&fd);
}

int notify_open(void)
{
	int fd = kept < 0 ? reach() : kept;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	kept = fd;
	return 0;
}

int notify_send(const char *state)
{
	_cleanup_(close_fdp) int own = kept < 0 ? reach() : -1;
	int fd = kept < 0 ? own : kept;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	return send(fd, state, strlen(state), MSG_NOSIGNAL) < 0 ? -errno : 0;
}
