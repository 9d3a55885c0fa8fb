/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

extern char **environ;

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

/* What the service manager gave to the daemon is not for its children. */
static bool is_private(const char *variable)
{
	static const char *const prefixes[] = { "NOTIFY_SOCKET=", "WATCHDOG_", "LISTEN_", "FDSTORE=", "MAINPID=" };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (strncmp(variable, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

static char **make_environment(void)
{
	size_t n = 0;
	char **copy;

	while (environ && environ[n])
		n++;
	copy = calloc(n + 1, sizeof(*copy));
	if (!copy)
		return NULL;
	n = 0;
	for (char **e = environ; e && *e; e++)
		if (!is_private(*e))
			copy[n++] = *e;
	return copy;
}

/* A session of its own: neither ^C at the daemon's terminal nor its hang-up is for the guests. */
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

static int spawn(struct vmm *v, char **environment)
{
	char *arguments[] = { v->fleet->vmm_path, (char[]){ "--socket" }, v->fleet->socket_path, v->name, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int r = posix_spawnattr_init(&attributes);

	if (r)
		return -r;
	r = posix_spawn_file_actions_init(&actions);
	if (r == 0) {
		r = set_attributes(&attributes);
		if (r == 0)
			r = set_actions(&actions);
		if (r == 0)
			r = posix_spawn(&v->pid, v->fleet->vmm_path, &actions, &attributes, arguments, environment);
		posix_spawn_file_actions_destroy(&actions);
	}
	posix_spawnattr_destroy(&attributes);
	return -r;
}

static const char *remedy(int error)
{
	switch (error) {
	case -ENOENT:
		return "install lifecycled-vmm or set its path";
	case -EACCES:
	case -ENOEXEC:
		return "make it executable";
	case -EAGAIN:
	case -ENOMEM:
	case -EMFILE:
	case -ENFILE:
		return "raise the limits of the daemon";
	}
	return "see lifecycled(8)";
}

/* The child cannot be reaped by anyone but us before vmm_died: its pid stays its own. */
int vmm_spawn(struct vmm *v, char text[TEXT_SIZE])
{
	/* Held in reserve: once the process runs, no shortage of fds may keep us from watching it. */
	_cleanup_(close_fdp) int reserve = open("/dev/null", O_RDONLY | O_CLOEXEC), second = -1;
	_cleanup_(freep) char **environment = make_environment();
	int r = reserve < 0 ? -errno : environment ? 0 : -ENOMEM;

	if (r == 0) {
		second = dup(reserve);
		r = second < 0 ? -errno : spawn(v, environment);
	}
	if (r < 0) {
		(void)snprintf(text, TEXT_SIZE, "the VMM cannot be started: %s; %s: %s", strerror(-r), remedy(r),
			v->fleet->vmm_path);
		return r;
	}
	v->child = true;
	close_fdp(&reserve);
	reserve = -1;
	close_fdp(&second);
	second = -1;
	return vmm_watch(v);
}
