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
#include "base/log.h"
#include "spmc/event.h"

#define TELL_PATIENCE_MS 5000
#define ANSWER(a) (a), CONTROL_TEXT_MAX

static const char *status_name(int32_t status)
{
	static const char *const names[] = { FFA_STATUSES(FFA_STATUS_NAME) };

	return status <= 0 && status >= FFA_NOT_READY ? names[-status] : "?";
}

static int find_sp(const struct world *w, const char *id)
{
	char *end;
	unsigned long n = strtoul(id, &end, 0);

	return *id && !*end && n <= UINT16_MAX ? world_find(w, (uint16_t)n) : -ENOENT;
}

int control_do(struct world *w, uint64_t monotonic, const char *command, char answer[CONTROL_TEXT_MAX])
{
	char name[32] = "", id[32] = "", more[2] = "";
	int words = sscanf(command, "%31s %31s %1s", name, id, more), event = words > 0 ? event_find(name) : -ENOENT, sp = 0;
	int32_t status;

	if (event < 0) {
		(void)snprintf(ANSWER(answer), "no event is called '%s'; write one of:", name);
		for (int i = 0; i < WORLD_EVENT_COUNT; i++)
			(void)snprintf(answer + strlen(answer), CONTROL_TEXT_MAX - strlen(answer), " %s",
				event_name((enum world_event)i));
		return -EINVAL;
	}
	if (words != (event == WORLD_RESET ? 1 : 2)) {
		(void)snprintf(ANSWER(answer), "write '%s%s'", name, event == WORLD_RESET ? "" : " ID");
		return -EINVAL;
	}
	if (event != WORLD_RESET && (sp = find_sp(w, id)) < 0) {
		(void)snprintf(ANSWER(answer), "no SP has the id '%s'", id);
		return -ENOENT;
	}
	status = world_event(w, (enum world_event)event, (uint32_t)sp, monotonic);
	if (status != FFA_OK) {
		(void)snprintf(ANSWER(answer), "%s %s: %s", name, id, status_name(status));
		return -EPERM;
	}
	log_notice("told to %s %s", name, id);
	(void)snprintf(ANSWER(answer), "ok");
	return 0;
}

/* ---- the socket ---- */

static void close_client(struct control_client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static void client_ready(struct watch *watch, uint32_t events)
{
	struct control_client *c = container_of(watch, struct control_client, watch);
	char command[CONTROL_TEXT_MAX], answer[CONTROL_TEXT_MAX];
	ssize_t n = c->fd < 0 ? 0 : recv(c->fd, command, sizeof(command) - 1, MSG_DONTWAIT);

	if (n <= 0) {
		if (n == 0 || errno != EAGAIN)
			close_client(c);
		return;
	}
	command[n] = '\0';
	(void)control_do(c->control->world, c->control->monotonic(), command, answer);
	if (send(c->fd, answer, strlen(answer), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		close_client(c);
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
	char answer[CONTROL_TEXT_MAX];
	ssize_t n = -1;

	if (fd < 0) {
		fprintf(stderr, "lifecycled-spmc: nobody is told at %s: %s; was it started with --control?\n", path, strerror(-fd));
		return 2;
	}
	if (send(fd, command, strlen(command), MSG_NOSIGNAL) > 0 && poll(&p, 1, TELL_PATIENCE_MS) > 0)
		n = recv(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT);
	if (n <= 0) {
		fprintf(stderr, "lifecycled-spmc: no answer at %s\n", path);
		return 2;
	}
	answer[n] = '\0';
	if (strcmp(answer, "ok") == 0)
		return 0;
	fprintf(stderr, "lifecycled-spmc: %s\n", answer);
	return 1;
}
