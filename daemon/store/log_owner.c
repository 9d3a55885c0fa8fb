/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The state directory is the daemon's alone, so are the files in it. One that belongs to somebody else was copied there, or was
 * written by a daemon of another user: what it says is not believed before somebody has looked.
 */

#include "store/log_owner.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

/* A descriptor, or -EPERM: it is another user's, others may write to it, or it is a link to what may be. */
int owner_open(int directory, const char *name, int flags)
{
	_cleanup_(close_fdp) int fd = openat(directory, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	struct stat st;

	if (fd < 0)
		return errno == EACCES || errno == ELOOP ? -EPERM : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	return st.st_uid != geteuid() || (st.st_mode & 022) ? -EPERM : take_fd(&fd);
}

/* Anew, so that it is this user's whoever left one of that name. */
int owner_make(int directory, const char *name, int flags)
{
	int fd;

	if (unlinkat(directory, name, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(directory, name, flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

/* After -EPERM: whose it is, and what to do. */
void owner_complain(int directory, const char *name)
{
	char link[32], path[PATH_MAX];
	struct stat st;
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", directory);
	n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (S_ISLNK(st.st_mode))
		log_error("%s/%s is a symbolic link: it may lead to what others can write; put the file itself there", path, name);
	else
		log_error("%s/%s belongs to uid %u, mode %04o: others may have written to it; if it is what lifecycled wrote, give it "
			  "back: chown %u %s/%s; chmod 0600 %s/%s",
			path, name, st.st_uid, st.st_mode & 07777, geteuid(), path, name, path, name);
}
