/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A method call on its way: read, then authorised (caller.c) when the bus has said who asks, then submitted, then
 * remembered until the engine answers it. Every call that was taken is answered once, or dropped with its
 * connection.
 */

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "bus/internal.h"

int bus_call_new(struct bus *b, sd_bus_message *m, struct call **ret, sd_bus_error *error)
{
	const struct right *right = bus_right(sd_bus_message_get_member(m));
	struct call *c;

	if (!right)
		return bus_refuse(error, REFUSED_ACCESS, "%s is nobody's to call", sd_bus_message_get_member(m));
	if (b->call_count >= b->config.calls_max)
		return bus_refuse(error, REFUSED_LIMIT, "%u calls wait for their answers already, try again",
			b->call_count);
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	list_init(&c->link);
	c->right = right;
	c->bus = b;
	c->message = sd_bus_message_ref(m);
	b->call_count++;
	*ret = c;
	return 0;
}

struct call *bus_call_free(struct call *c)
{
	if (!c)
		return NULL;
	list_remove(&c->link);
	if (c->request.token)
		map_remove(&c->bus->calls, &c->node);
	if (c->bound)
		bus_bound_abandon(c->bound);
	c->bus->call_count--;
	if (c->lease)
		bus_lease_end_abandon(c->lease);
	free(c->request.definition);
	(void)sd_bus_message_unref(c->message);
	free(c);
	return NULL;
}

void bus_call_freep(struct call **c)
{
	(void)bus_call_free(*c);
}

int bus_call_submit(struct call *c, sd_bus_error *error)
{
	int r = bus_caller_wait(c->bus, sd_bus_message_get_sender(c->message), c, error);

	if (r < 0) {
		(void)bus_call_free(c);
		return r;
	}
	return 1; /* taken: sd-bus sends no reply by itself */
}

void bus_call_go(struct call *c, const struct caller *caller)
{
	c->caller = caller;
	c->request.uid = bus_caller_uid(caller);
	c->run(c);
}

static void call_error(struct call *c, enum refusal refusal, const char *why)
{
	char text[sizeof(((struct answer *)NULL)->text)];
	sd_bus_error error = SD_BUS_ERROR_MAKE_CONST(bus_refusal_error(refusal), text);

	(void)snprintf(text, sizeof(text), "%s", why);
	text_make_utf8(text, sizeof(text));
	(void)sd_bus_reply_method_error(c->message, &error);
	c->lease = bus_lease_end_free(c->lease);
	(void)bus_call_free(c);
}

void bus_call_refuse(struct call *c, enum refusal refusal, const char *format, ...)
{
	char text[sizeof(((struct answer *)NULL)->text)];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	call_error(c, refusal, text);
}

enum refusal bus_refusal_of(int error)
{
	if (error == -EMFILE || error == -ENFILE)
		return REFUSED_LIMIT;
	return error == -ENOMEM ? REFUSED_NO_MEMORY : REFUSED_INTERNAL;
}

void bus_call_remember(struct call *c)
{
	struct bus *b = c->bus;

	c->request.token = ++b->last_token;
	map_put(&b->calls, &c->node, c->request.token);
	list_append(&b->posted, &c->link);
}

struct call *bus_call_of(struct bus *b, uint64_t token)
{
	struct map_node *node = map_get(&b->calls, token);

	return node ? container_of(node, struct call, node) : NULL;
}

/* The call may be answered, and gone, before this returns. */
void bus_call_post(struct call *c)
{
	struct input in = { .kind = IN_REQUEST };
	struct bus *b = c->bus;

	bus_call_remember(c);
	in.request = c->request;
	c->request.definition = NULL;
	if (engine_post(b->config.engine, &in) < 0) {
		free(in.request.definition);
		bus_call_refuse(
			c, REFUSED_NO_MEMORY, "lifecycled is out of memory; nothing was changed, try again");
	}
}

void bus_calls_drop(struct bus *b)
{
	struct call *c;

	while ((c = list_first(&b->posted, struct call, link)))
		(void)bus_call_free(c);
}

static void call_succeed(struct call *c, const struct answer *a)
{
	_cleanup_(freep) char *path = NULL;

	if (c->bound) {
		bus_bound_answer(c, a);
		return;
	}
	if (c->lease) {
		bus_lease_answer(c, a);
		return;
	}
	if (c->request.verb != REQUEST_DEFINE) {
		(void)sd_bus_reply_method_return(c->message, "t", a->seq);
		(void)bus_call_free(c);
		return;
	}
	if (bus_vm_path(c->request.name, &path) < 0) {
		bus_call_refuse(c, REFUSED_NO_MEMORY, "%s is defined, but its path does not fit in memory",
			c->request.name);
		return;
	}
	(void)sd_bus_reply_method_return(c->message, "ot", path, a->seq);
	(void)bus_call_free(c);
}

void bus_calls_answer(struct bus *b, const struct answer *a)
{
	struct call *c = bus_call_of(b, a->token);

	if (!c)
		return;
	if (c->request.rehearsal)
		bus_validate_answer(c, a);
	else if (a->refusal == REFUSED_NOT)
		call_succeed(c, a);
	else
		call_error(c, a->refusal, a->text);
}
