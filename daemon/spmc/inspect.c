/* SPDX-License-Identifier: Apache-2.0 */

/* Each client has a buffer of its own and is written to as it reads; a ninth takes the place of the slowest. */

#include "spmc/inspect.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/list.h"
#include "spmc/document.h"

static void close_client(struct inspect_client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	text_free(&c->text);
}

static void send_some(struct inspect_client *c)
{
	while (c->sent < c->text.length) {
		ssize_t n = send(c->fd, c->text.bytes + c->sent, c->text.length - c->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			break;
		c->sent += (size_t)n;
	}
	close_client(c);
}

static void client_ready(struct watch *w, uint32_t events)
{
	struct inspect_client *c = container_of(w, struct inspect_client, watch);

	if (c->fd >= 0)
		send_some(c);
}

static struct inspect_client *find_slot(struct inspect *i)
{
	struct inspect_client *oldest = &i->client[0];

	for (int n = 0; n < INSPECT_CLIENTS; n++) {
		struct inspect_client *c = &i->client[n];

		if (c->fd < 0)
			return c;
		if (c->order < oldest->order)
			oldest = c;
	}
	close_client(oldest);
	return oldest;
}

static void listener_ready(struct watch *w, uint32_t events)
{
	struct inspect *i = container_of(w, struct inspect, watch);
	int fd = accept4(i->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct inspect_client *c;

	if (fd < 0)
		return;
	c = find_slot(i);
	c->fd = fd;
	c->sent = 0;
	c->order = i->accepted++;
	document_write(&c->text, i->world, i->link->current != NULL, i->monotonic());
	if (c->text.failed || loop_add(i->epoll, fd, EPOLLOUT, &c->watch) < 0)
		close_client(c);
	else
		send_some(c);
}

int inspect_start(struct inspect *i, const struct world *w, const struct link *l, uint64_t (*monotonic)(void), int epoll,
	int listener)
{
	*i = (struct inspect) {
		.watch.ready = listener_ready, .world = w, .link = l, .monotonic = monotonic, .epoll = epoll,
		.listener = listener
	};
	for (int n = 0; n < INSPECT_CLIENTS; n++)
		i->client[n] = (struct inspect_client){ .watch.ready = client_ready, .inspect = i, .fd = -1 };
	return loop_add(epoll, listener, EPOLLIN, &i->watch);
}

void inspect_stop(struct inspect *i)
{
	for (int n = 0; n < INSPECT_CLIENTS; n++)
		close_client(&i->client[n]);
}
