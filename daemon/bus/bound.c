/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The clients that VMs are bound to (Manager.StartBound, Manager.BindAgain). Each has a socket on which nothing is said: one end here
 * and one with the client. Whoever closes his is gone: the client, and then the VM ends; or we, for the VM has ended. Who
 * is bound is the model's; ends live while there is no bus.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "bus/internal.h"

struct bound_end {
	struct list link;
	struct bus *bus;
	struct loop_watch *watch;
	int fd;
	int client; /* its own end, until it is sent */
	uint64_t number; /* what the model knows it by */
	uint8_t token[16];
	bool granted; /* it has its end */
};

static void close_client(struct bound_end *e)
{
	if (e->client >= 0)
		close(e->client);
	e->client = -1;
}

static struct bound_end *end_free(struct bound_end *e)
{
	(void)loop_unwatch(e->watch);
	if (e->fd >= 0)
		close(e->fd);
	close_client(e);
	list_remove(&e->link);
	free(e);
	return NULL;
}

void bus_bound_drop(struct bus *b)
{
	struct bound_end *e;

	while ((e = list_first(&b->bound_ends, struct bound_end, link)))
		(void)end_free(e);
}

/*
 * Its call is gone. Should the VM be bound nevertheless, nobody has it: our end sees the hang-up. That is posted behind the call, so
 * until then the end has to stay, though no VM is bound to it yet.
 */
void bus_bound_abandon(struct bound_end *e)
{
	close_client(e);
}

/* Without memory it is seen again at once. */
static void end_ready(void *arg, int fd, unsigned events)
{
	struct bound_end *e = arg;
	struct input in = { .kind = IN_REQUEST, .request = { .verb = REQUEST_UNBIND } };
	char byte;

	if (recv(fd, &byte, sizeof(byte), MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	memcpy(in.request.bind.token, e->token, sizeof(e->token));
	in.request.bind.end = e->number;
	if (engine_post(e->bus->config.engine, &in) >= 0)
		(void)end_free(e);
}

static int end_open(struct bound_end *e)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	e->fd = pair[0];
	e->client = pair[1];
	return loop_watch(e->bus->config.loop, e->fd, LOOP_READ, end_ready, e, &e->watch);
}

static int end_new(struct bus *b, const uint8_t token[16], struct bound_end **ret)
{
	struct bound_end *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return -ENOMEM;
	e->bus = b;
	e->fd = e->client = -1;
	e->number = ++b->last_bound_end;
	memcpy(e->token, token, sizeof(e->token));
	list_append(&b->bound_ends, &e->link);
	r = end_open(e);
	if (r < 0)
		(void)end_free(e);
	else
		*ret = e;
	return r;
}

static void post_with_end(struct call *c)
{
	int r = end_new(c->bus, c->request.bind.token, &c->bound);

	if (r < 0) {
		bus_call_refuse(c, bus_refusal_of(r), "no socket can be made for the client: %s", strerror(-r));
		return;
	}
	c->request.bind.end = c->bound->number;
	bus_call_post(c);
}

static void start_run(struct call *c)
{
	if (getrandom(c->request.bind.token, sizeof(c->request.bind.token), GRND_NONBLOCK) != sizeof(c->request.bind.token))
		bus_call_refuse(c, REFUSED_INTERNAL, "no token can be made for the client: the host has no random numbers yet");
	else
		post_with_end(c);
}

int bus_bound_start_submit(struct bus *b, sd_bus_message *m, sd_bus_error *error)
{
	_cleanup_(bus_call_freep) struct call *c = NULL;
	const char *name;
	int r = bus_call_new(b, m, &c, error);

	if (r >= 0)
		r = sd_bus_message_read(m, "s", &name);
	if (r >= 0)
		r = bus_read_no_options(m, error);
	if (r < 0)
		return r;
	if (!bus_vm_name_is_valid(name))
		return bus_refuse(error, REFUSED_INVALID_ARGUMENT, "'%.64s' is no VM name", name);
	strcpy(c->request.name, name);
	c->request.verb = REQUEST_START;
	c->run = start_run;
	return bus_call_submit(take_ptr(&c), error);
}

int bus_bound_again_submit(struct bus *b, sd_bus_message *m, sd_bus_error *error)
{
	_cleanup_(bus_call_freep) struct call *c = NULL;
	const char *token;
	int r = bus_call_new(b, m, &c, error);

	if (r >= 0)
		r = sd_bus_message_read(m, "s", &token);
	if (r >= 0)
		r = bus_read_no_options(m, error);
	if (r < 0)
		return r;
	if (bus_uuid_parse(token, c->request.bind.token) < 0)
		return bus_refuse(error, REFUSED_INVALID_ARGUMENT, "token: not what StartBound gave, 8-4-4-4-12 hex digits");
	c->request.verb = REQUEST_BIND_AGAIN;
	c->run = post_with_end;
	return bus_call_submit(take_ptr(&c), error);
}

static bool is_bound(const struct bus *b, const struct bound_end *e)
{
	const struct rows *rows = bus_rows(b);

	for (size_t i = 0; i < rows_vm_count(rows); i++)
		if (rows_vm_at(rows, i)->bound && rows_vm_at(rows, i)->bound_end == e->number)
			return true;
	return false;
}

/*
 * The client has it now, and no end that it had before. A reply that does not arrive takes its end with it. What was bound and let go
 * of in one turn was published before.
 */
void bus_bound_answer(struct call *c, const struct answer *a)
{
	struct bound_end *e = take_ptr(&c->bound), *other, *next;
	char token[UUID_TEXT_SIZE];

	bus_uuid_text(e->token, token);
	if (c->request.verb == REQUEST_START)
		(void)sd_bus_reply_method_return(c->message, "sht", token, e->client, a->seq);
	else
		(void)sd_bus_reply_method_return(c->message, "h", e->client);
	list_for_each_safe(other, next, &c->bus->bound_ends, link)
		if (other != e && other->granted && memcmp(other->token, e->token, sizeof(e->token)) == 0)
			(void)end_free(other);
	close_client(e);
	e->granted = true;
	if (!is_bound(c->bus, e))
		(void)end_free(e);
	(void)bus_call_free(c);
}

/* VMs that have ended let their clients go. */
void bus_bound_turn(struct bus *b)
{
	struct bound_end *e, *next;

	list_for_each_safe(e, next, &b->bound_ends, link)
		if (e->granted && !is_bound(b, e))
			(void)end_free(e);
}
