/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock: everything that this kernel's version of it can forbid, with no exception (userspace-api/landlock.rst). Numbers and
 * layouts are the kernel's, for the headers that we are built with may be older.
 */
#include "vmm/sandbox/sandbox.h"

#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#define CREATE_RULESET_VERSION 1u

struct ruleset {
	uint64_t files;  /* LANDLOCK_ACCESS_FS_* */
	uint64_t ports;  /* LANDLOCK_ACCESS_NET_*: bind and connect, of TCP */
	uint64_t scoped; /* LANDLOCK_SCOPE_*: abstract sockets, signals */
};

/* What each version can forbid, and how much of the struct it knows. */
static const struct {
	struct ruleset all;
	size_t size;
} versions[] = {
	[1] = { { 0x1fff, 0, 0 }, offsetof(struct ruleset, ports) },
	[2] = { { 0x3fff, 0, 0 }, offsetof(struct ruleset, ports) },
	[3] = { { 0x7fff, 0, 0 }, offsetof(struct ruleset, ports) },
	[4] = { { 0x7fff, 3, 0 }, offsetof(struct ruleset, scoped) },
	[5] = { { 0xffff, 3, 0 }, offsetof(struct ruleset, scoped) },
	[6] = { { 0xffff, 3, 1 }, sizeof(struct ruleset) },
	/* Signals between threads of one process pass whatever their domains from Linux 6.15 on: kicks do. */
	[7] = { { 0xffff, 3, 3 }, sizeof(struct ruleset) },
};
#define NEWEST ((long)(sizeof(versions) / sizeof(versions[0])) - 1)

int landlock_forbid_all(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
	_cleanup_(close_fdp) int fd = -1;

	if (version <= 0)
		return -EOPNOTSUPP; /* ENOSYS: not built in; EOPNOTSUPP: switched off */
	if (version > NEWEST)
		version = NEWEST;
	fd = (int)syscall(SYS_landlock_create_ruleset, &versions[version].all, versions[version].size, 0);
	if (fd < 0 || syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		return -errno;
	return 0;
}
