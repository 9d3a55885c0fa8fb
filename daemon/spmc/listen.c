/* SPDX-License-Identifier: Apache-2.0 */
#include "spmc/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/cleanup.h"

#define LISTEN_FD_FIRST 3
#define BACKLOG 16

static long environment_number(const char *key)
{
	const char *text = getenv(key);
	char *end;
	long n;

	if (!text || !*text)
		return -1;
	n = strtol(text, &end, 10);
	return *end ? -1 : n;
}

static int check_inherited(int fd, int type)
{
	int is_type = 0, accepts = 0, flags;
	socklen_t size = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &is_type, &size) < 0 ||
		getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &size) < 0)
		return -errno;
	if (is_type != type || !accepts)
		return -EPROTOTYPE;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	return fd;
}

/* The socket of that name that the service manager passed (sd_listen_fds(3)); -ENOENT: it passed none. */
int listen_inherited(const char *name, int type)
{
	long count = environment_number("LISTEN_FDS");
	const char *names = getenv("LISTEN_FDNAMES");
	size_t length = strlen(name);

	if (environment_number("LISTEN_PID") != getpid() || !names)
		return -ENOENT;
	for (int i = 0; i < count; i++) {
		size_t n = strcspn(names, ":");

		if (n == length && memcmp(names, name, n) == 0)
			return check_inherited(LISTEN_FD_FIRST + i, type);
		names += n;
		if (*names == ':')
			names++;
	}
	return -ENOENT;
}

/* A socket file that nobody listens at is a dead process's: it goes. One that is served stays. */
static int remove_stale(const struct sockaddr_un *address, int type)
{
	_cleanup_(close_fdp) int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno != ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(address->sun_path) < 0 ? -errno : 0;
}

int listen_at(const char *path, int type, mode_t mode)
{
	_cleanup_(close_fdp) int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t old;
	int r;

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	r = remove_stale(&address, type);
	if (r < 0)
		return r;
	old = umask(0777 & ~mode);
	r = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	umask(old);
	if (r < 0)
		return r;
	if (listen(fd, BACKLOG) < 0)
		return -errno;
	return take_fd(&fd);
}
