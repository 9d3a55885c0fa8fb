/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Who asks for a password on this terminal, where the session has nobody else for it: pkttyagent(1), for as long as this runs.
 * Without it, or where it takes too long to come, polkit refuses, and the daemon says so.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"

#define AGENT_READY_MS 5000

static pid_t agent;

/* root needs none; on another bus than the system's it would find no polkit. */
static bool is_wanted(const struct cli *c)
{
	const char *bus = c->bus ? c->bus : getenv("LIFECYCLED_BUS");

	return !c->no_ask && geteuid() != 0 && isatty(STDIN_FILENO) && (!bus || !*bus || strcmp(bus, "system") == 0);
}

static _Noreturn void be_agent(int notify, pid_t parent)
{
	char fd[16];

	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(127);
	(void)snprintf(fd, sizeof(fd), "%d", notify);
	(void)execlp("pkttyagent", "pkttyagent", "--notify-fd", fd, "--fallback", (char *)NULL);
	_exit(127);
}

/* It closes its end of the pipe once polkit knows it, or by its own end. */
static void wait_ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (poll(&p, 1, AGENT_READY_MS) < 0 && errno == EINTR)
		;
}

void ask_start(struct cli *c)
{
	pid_t self = getpid();
	int pair[2];

	if (agent > 0 || !is_wanted(c) || pipe(pair) < 0) /* NOLINT(android-cloexec-pipe): the agent has its end */
		return;
	agent = fork();
	if (agent == 0) {
		(void)close(pair[0]);
		be_agent(pair[1], self);
	}
	(void)close(pair[1]);
	if (agent > 0)
		wait_ready(pair[0]);
	(void)close(pair[0]);
}

/* It gives the terminal its echo back. */
void ask_end(void)
{
	if (agent <= 0)
		return;
	(void)kill(agent, SIGTERM);
	while (waitpid(agent, NULL, 0) < 0 && errno == EINTR)
		;
	agent = 0;
}
