/* SPDX-License-Identifier: Apache-2.0 */

/* A process by its pid: when it started, so that a pid that is used again is not taken for it. */

#include "fleet/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

int process_open(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : fd;
}

/* Field 22 of /proc/PID/stat. The name, field 2, may hold anything: what follows its last ')' is counted. */
static int parse_start_time(char *stat, uint64_t *ret)
{
	char *p = strrchr(stat, ')'), *end;

	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	if (!p)
		return -EBADMSG;
	errno = 0;
	*ret = strtoull(p + 1, &end, 10);
	return errno || end == p + 1 ? -EBADMSG : 0;
}

int process_start_time(pid_t pid, uint64_t *ret)
{
	_cleanup_(close_fdp) int fd = -1;
	char text[1024];
	ssize_t n;

	(void)snprintf(text, sizeof(text), "/proc/%d/stat", (int)pid);
	fd = open(text, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return n < 0 ? -errno : -ESRCH;
	text[n] = '\0';
	return parse_start_time(text, ret);
}
