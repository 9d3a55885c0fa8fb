/* SPDX-License-Identifier: Apache-2.0 */

#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
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

void process_name(pid_t pid, char *ret, size_t size)
{
	_cleanup_(close_fdp) int fd = -1;
	char text[64];
	ssize_t n;

	(void)snprintf(text, sizeof(text), "/proc/%d/comm", (int)pid);
	fd = open(text, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	for (char *p = text; *p; p++)
		if (*p <= ' ' || *p > '~')
			*p = '?';
	(void)snprintf(ret, size, "%s", *text ? text : "?");
}

/* ---- starting one ---- */

/* What the service manager gave to us is not for our children. */
static bool is_private(const char *variable)
{
	static const char *const prefixes[] = { "NOTIFY_SOCKET=", "WATCHDOG_", "LISTEN_", "FDSTORE=", "MAINPID=" };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (strncmp(variable, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

static size_t count(char *const *variables)
{
	size_t n = 0;

	while (variables && variables[n])
		n++;
	return n;
}

/* Of two of the same name some find the first, and shells the last: there must be one. */
static bool is_said(const char *variable, char *const *more)
{
	size_t name = strcspn(variable, "=") + 1;

	for (; more && *more; more++)
		if (strncmp(*more, variable, name) == 0)
			return true;
	return false;
}

static char **make_environment(char *const more[])
{
	size_t n = count(more);
	char **copy = calloc(n + count(environ) + 1, sizeof(*copy));

	if (!copy)
		return NULL;
	for (size_t i = 0; i < n; i++)
		copy[i] = more[i];
	for (char **e = environ; e && *e; e++)
		if (!is_private(*e) && !is_said(*e, more))
			copy[n++] = *e;
	return copy;
}

/* A session of its own: neither ^C at our terminal nor its hang-up is for it. */
static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	r = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
	if (r == 0)
		r = posix_spawnattr_setsigmask(attributes, &none);
	return r ? r : posix_spawnattr_setsigdefault(attributes, &all);
}

static int set_actions(posix_spawn_file_actions_t *actions)
{
	int r = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

	if (r == 0)
		r = posix_spawn_file_actions_adddup2(actions, STDERR_FILENO, STDOUT_FILENO);
	return r ? r : posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
}

int process_spawn(pid_t *ret, char *const argv[], char *const more[])
{
	_cleanup_(freep) char **environment = make_environment(more);
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int r = environment ? posix_spawnattr_init(&attributes) : ENOMEM;

	if (r)
		return -r;
	r = posix_spawn_file_actions_init(&actions);
	if (r == 0) {
		r = set_attributes(&attributes);
		if (r == 0)
			r = set_actions(&actions);
		if (r == 0)
			r = posix_spawn(ret, argv[0], &actions, &attributes, argv, environment);
		posix_spawn_file_actions_destroy(&actions);
	}
	posix_spawnattr_destroy(&attributes);
	return -r;
}
