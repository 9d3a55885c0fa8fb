/* SPDX-License-Identifier: Apache-2.0 */

/*
 * lease: holds the end of a life while a command runs. When the life is to end the command is told to (SIGTERM), and has
 * the lease's time to put away what it has of it. The lease outlives the daemon: it is claimed again.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "leases.h"
#include "patience.h"

#define CLAIM_EVERY_MS 100
#define RELEASE_MS 5000

struct holding {
	struct cli *cli;
	const char *name;
	struct lifecycle_lease *lease; /* NULL: the daemon is away */
	char token[64];
	bool lost;    /* it is over, or cannot be had again */
	bool told;    /* the command was */
	pid_t child;
	int child_fd, signal_fd;
	int status;
};

static int start(struct holding *h, char **argv)
{
	posix_spawnattr_t attributes;
	sigset_t none, ours;
	int r;

	(void)sigemptyset(&none);
	(void)sigemptyset(&ours);
	(void)sigaddset(&ours, SIGTERM);
	(void)sigaddset(&ours, SIGHUP);
	(void)sigaddset(&ours, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &ours, NULL);
	h->signal_fd = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
	if (h->signal_fd < 0)
		return -errno;
	r = posix_spawnattr_init(&attributes);
	if (r)
		return -r;
	(void)posix_spawnattr_setsigmask(&attributes, &none);
	(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	r = posix_spawnp(&h->child, argv[0], NULL, &attributes, argv, environ);
	(void)posix_spawnattr_destroy(&attributes);
	if (r)
		return -r;
	h->child_fd = (int)syscall(SYS_pidfd_open, h->child, 0);
	return h->child_fd < 0 ? -errno : 0;
}

/* The terminal sends SIGINT to the command itself. */
static void pass_signal(struct holding *h)
{
	struct signalfd_siginfo info;

	while (read(h->signal_fd, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo != SIGINT)
			(void)kill(h->child, (int)info.ssi_signo);
}

static void tell(struct holding *h)
{
	uint64_t now = monotonic_now(), deadline = lifecycle_lease_deadline(h->lease);
	char span[64];

	if (h->told)
		return;
	h->told = true;
	format_span(span, sizeof(span), deadline > now ? deadline - now : 0);
	if (!h->cli->quiet)
		(void)cli_say_error("lease %s: its life ends (%s): the command is told to end, within %s", h->name,
			lifecycle_cause_name(lifecycle_lease_cause(h->lease)), span);
	(void)kill(h->child, SIGTERM);
}

static void say_lost(struct holding *h, const char *why)
{
	h->lost = true;
	(void)cli_say_error("lease %s: it is over: %s; the command goes on without it", h->name, why);
}

static void look(struct holding *h)
{
	int state = lifecycle_lease_state(h->lease);

	if (state == LIFECYCLE_LEASE_ASKED)
		tell(h);
	else if (state < 0)
		h->lease = lifecycle_lease_unref(h->lease);
	else if (state != LIFECYCLE_LEASE_HELD)
		say_lost(h, lifecycle_lease_state_name(state));
}

/* As often as it takes: the daemon may be away for long, and the bus too. */
static void claim(struct holding *h)
{
	int r;

	(void)patience_short(h->cli, UINT64_MAX); /* the command may end while the daemon hangs */
	r = lifecycle_lease_reclaim(h->cli->l, h->token, &h->lease);
	if (r == -ENOLCK || r == -EACCES)
		say_lost(h, lifecycle_last_error(h->cli->l)->text);
	else if (r < 0)
		(void)cli_connect_again(h->cli);
	else
		look(h);
}

static int wait_for_child(struct holding *h)
{
	for (;;) {
		bool connected = h->lease && !h->lost, away = !h->lease && !h->lost;
		struct pollfd p[3] = { { .fd = h->child_fd, .events = POLLIN }, { .fd = h->signal_fd, .events = POLLIN },
			{ .fd = connected ? lifecycle_lease_get_fd(h->lease) : -1, .events = POLLIN } };

		if (poll(p, 3, away ? CLAIM_EVERY_MS : -1) < 0 && errno != EINTR)
			return -errno;
		if (p[1].revents)
			pass_signal(h);
		if (p[0].revents)
			return waitpid(h->child, &h->status, 0) < 0 ? -errno : 0;
		if (connected && p[2].revents)
			look(h);
		else if (away)
			claim(h);
	}
}

static int let_go(struct holding *h)
{
	int r = h->lease && !h->lost ? lifecycle_lease_release(h->lease, RELEASE_MS) : 0;

	h->lease = lifecycle_lease_unref(h->lease);
	if (r == -ETIMEDOUT)
		return cli_say_error("lease %s: the daemon has not said that it is released", h->name);
	return 0;
}

static int result_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The name of a command, whole characters of it as far as there is room. */
static const char *reason_of(const char *command, char to[LIFECYCLE_LEASE_WHY_MAX + 1])
{
	const char *slash = strrchr(command, '/'), *name = slash && slash[1] ? slash + 1 : command;
	size_t length = strnlen(name, LIFECYCLE_LEASE_WHY_MAX);

	while (length && ((unsigned char)name[length] & 0xC0) == 0x80)
		length--;
	memcpy(to, name, length);
	to[length] = '\0';
	return to;
}

int verb_lease(struct cli *c, int argc, char **argv)
{
	struct holding h = { .cli = c, .name = argv[0], .child_fd = -1, .signal_fd = -1 };
	char name[LIFECYCLE_LEASE_WHY_MAX + 1];
	uint64_t timeout = c->grace_ms < 0 ? 0 : (uint64_t)c->grace_ms;
	int r;

	if (wants_json(c))
		return cli_usage("lease has nothing to say in JSON");
	if (lifecycle_lease_take(c->l, argv[0], c->if_life, c->why ? c->why : reason_of(argv[1], name), timeout, &h.lease) < 0)
		return cli_fail(c, "lease", argv[0]);
	(void)snprintf(h.token, sizeof(h.token), "%s", lifecycle_lease_token(h.lease));
	r = start(&h, argv + 1);
	if (r >= 0)
		r = wait_for_child(&h);
	if (r < 0)
		r = cli_say_error("lease %s: '%s' cannot be run: %s", argv[0], argv[1], strerror(-r));
	else
		r = result_of(h.status);
	if (let_go(&h) && !r)
		r = CLI_FAILED;
	if (h.child_fd >= 0)
		(void)close(h.child_fd);
	if (h.signal_fd >= 0)
		(void)close(h.signal_fd);
	return r;
}
