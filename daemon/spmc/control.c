/* SPDX-License-Identifier: Apache-2.0 */
#include "spmc/control.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/list.h"

#define TELL_PATIENCE_MS 5000

/* ---- the socket ---- */

static void close_client(struct control_client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static void answer(struct control_client *c)
{
	if (send(c->fd, c->answer.text, strlen(c->answer.text), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		close_client(c);
}

/* One that waits for its answer is not read from; that it hangs up is seen all the same. */
static void listen_to(struct control_client *c, uint32_t events)
{
	if (loop_change(c->control->epoll, c->fd, events, &c->watch) < 0)
		close_client(c);
}

static void client_ready(struct watch *watch, uint32_t events)
{
	struct control_client *c = container_of(watch, struct control_client, watch);
	char command[COMMAND_TEXT_MAX];
	bool gone = c->fd < 0 || c->answer.waits; /* who waits is heard of when he hangs up, and not else */
	ssize_t n = gone ? 0 : recv(c->fd, command, sizeof(command) - 1, MSG_DONTWAIT);

	if (n <= 0) {
		if (n == 0 || errno != EAGAIN)
			close_client(c);
		return;
	}
	command[n] = '\0';
	(void)command_do(c->control->world, c->control->monotonic(), command, &c->answer);
	if (c->answer.waits)
		listen_to(c, 0);
	else
		answer(c);
}

void control_flush(struct control *control)
{
	for (int i = 0; i < CONTROL_CLIENTS; i++) {
		struct control_client *c = &control->client[i];

		if (c->fd < 0 || !c->answer.waits || command_waits(control->world, &c->answer))
			continue;
		c->answer.waits = false;
		answer(c);
		if (c->fd >= 0)
			listen_to(c, EPOLLIN);
	}
}

/* A ninth takes the place of the first. */
static void listener_ready(struct watch *watch, uint32_t events)
{
	struct control *control = container_of(watch, struct control, watch);
	int fd = accept4(control->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct control_client *c = &control->client[control->accepted % CONTROL_CLIENTS];

	if (fd < 0)
		return;
	control->accepted++;
	close_client(c);
	c->fd = fd;
	c->answer.waits = false;
	if (loop_add(control->epoll, fd, EPOLLIN, &c->watch) < 0)
		close_client(c);
}

int control_start(struct control *c, struct world *w, uint64_t (*monotonic)(void), int epoll, int listener)
{
	*c = (struct control){ .watch.ready = listener_ready, .world = w, .monotonic = monotonic, .epoll = epoll,
		.listener = listener };
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		c->client[i] = (struct control_client){ .watch.ready = client_ready, .control = c, .fd = -1 };
	return loop_add(epoll, listener, EPOLLIN, &c->watch);
}

void control_stop(struct control *c)
{
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		close_client(&c->client[i]);
}

/* ---- the other end ---- */

static int dial(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_(close_fdp) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return take_fd(&fd);
}

int control_tell(const char *path, const char *command)
{
	_cleanup_(close_fdp) int fd = dial(path);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	/* An unregistration may wait for the end of a program, and that for anything. */
	int patience = strstr(command, " unregister ") ? -1 : TELL_PATIENCE_MS;
	char said[COMMAND_TEXT_MAX];
	ssize_t n = -1;

	if (fd < 0) {
		fprintf(stderr, "lifecycled-spmc: nobody is told at %s: %s; was it started with --control?\n", path, strerror(-fd));
		return 2;
	}
	if (send(fd, command, strlen(command), MSG_NOSIGNAL) > 0 && poll(&p, 1, patience) > 0)
		n = recv(fd, said, sizeof(said) - 1, MSG_DONTWAIT);
	if (n <= 0) {
		fprintf(stderr, "lifecycled-spmc: no answer at %s\n", path);
		return 2;
	}
	said[n] = '\0';
	if (strcmp(said, "ok") == 0)
		return 0;
	fprintf(stderr, "lifecycled-spmc: %s\n", said);
	return 1;
}
