/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Who asks: uid and pid behind a unique name, asked of the bus once and without waiting for it. The bus never
 * gives a unique name twice, so what it said stays true for as long as this connection lives. Calls of one
 * caller run in the order they came, also those that came before its uid did.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "bus/internal.h"

#define CALLERS_MAX        256
#define CALLER_WAITING_MAX 128

struct caller {
	struct map_node node;
	struct list link;
	struct bus *bus;
	struct list waiting;
	unsigned waiting_count;
	sd_bus_slot *lookup; /* NULL: the uid is known */
	uid_t uid;
	pid_t pid;
	char name[];
};

uid_t bus_caller_uid(const struct caller *c)
{
	return c->uid;
}

pid_t bus_caller_pid(const struct caller *c)
{
	return c->pid;
}

bool bus_caller_may_change(const struct bus *b, const struct caller *c)
{
	if (c->uid == 0 || c->uid == geteuid())
		return true;
	return b->config.may_change && b->config.may_change(b->config.may_arg, c->uid);
}

static struct caller *caller_find(const struct bus *b, const char *name)
{
	struct map_node *n = map_get(&b->callers, hash_string(name));

	for (; n; n = map_next(n)) {
		struct caller *c = container_of(n, struct caller, node);

		if (strcmp(c->name, name) == 0)
			return c;
	}
	return NULL;
}

static void caller_free(struct caller *c)
{
	struct call *call;

	while ((call = list_first(&c->waiting, struct call, link)))
		(void)bus_call_free(call);
	(void)sd_bus_slot_unref(c->lookup);
	map_remove(&c->bus->callers, &c->node);
	list_remove(&c->link);
	c->bus->caller_count--;
	free(c);
}

void bus_callers_drop(struct bus *b)
{
	struct caller *c;

	while ((c = list_first(&b->caller_order, struct caller, link)))
		caller_free(c);
}

/* Forgets the oldest caller whose uid is known: it can be asked for again. */
static int callers_make_room(struct bus *b)
{
	struct caller *c;

	if (b->caller_count < CALLERS_MAX)
		return 0;
	list_for_each (c, &b->caller_order, link) {
		if (c->lookup)
			continue;
		caller_free(c);
		return 0;
	}
	return -EBUSY;
}

static void caller_run(struct caller *c)
{
	struct call *call;

	while ((call = list_first(&c->waiting, struct call, link))) {
		list_remove(&call->link);
		c->waiting_count--;
		bus_call_go(call, c);
	}
}

static void caller_refuse(struct caller *c, const char *why)
{
	struct call *call;

	while ((call = list_first(&c->waiting, struct call, link))) {
		list_remove(&call->link);
		bus_call_refuse(call, REFUSED_ACCESS, "the bus does not say who you are: %s", why);
	}
	caller_free(c);
}

/* One of the credentials, if it is one that matters here. */
static int read_credential(struct caller *c, sd_bus_message *reply, bool *has_uid)
{
	const char *key;
	uint32_t value;
	int r = sd_bus_message_read(reply, "s", &key);

	if (r < 0)
		return r;
	if (strcmp(key, "UnixUserID") != 0 && strcmp(key, "ProcessID") != 0)
		return sd_bus_message_skip(reply, "v");
	r = sd_bus_message_read(reply, "v", "u", &value);
	if (r < 0)
		return r;
	if (*key == 'P') {
		c->pid = (pid_t)value;
	} else {
		c->uid = value;
		*has_uid = true;
	}
	return 0;
}

static bool read_credentials(struct caller *c, sd_bus_message *reply)
{
	bool has_uid = false;
	int r = sd_bus_message_enter_container(reply, 'a', "{sv}");

	while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
		r = read_credential(c, reply, &has_uid);
		if (r >= 0)
			r = sd_bus_message_exit_container(reply);
	}
	return r >= 0 && has_uid;
}

static int caller_known(sd_bus_message *reply, void *arg, sd_bus_error *ret_error)
{
	struct caller *c = arg;

	if (sd_bus_message_is_method_error(reply, NULL)) {
		caller_refuse(c, sd_bus_message_get_error(reply)->name);
		return 0;
	}
	if (!read_credentials(c, reply)) {
		caller_refuse(c, "its answer names no user");
		return 0;
	}
	c->lookup = sd_bus_slot_unref(c->lookup);
	caller_run(c);
	return 0;
}

static int caller_new(struct bus *b, const char *name, struct caller **ret)
{
	struct caller *c;
	int r;

	c = calloc(1, sizeof(*c) + strlen(name) + 1);
	if (!c)
		return -ENOMEM;
	strcpy(c->name, name);
	c->bus = b;
	list_init(&c->waiting);
	r = sd_bus_call_method_async(b->sd, &c->lookup, "org.freedesktop.DBus", "/org/freedesktop/DBus",
		"org.freedesktop.DBus", "GetConnectionCredentials", caller_known, c, "s", name);
	if (r < 0) {
		free(c);
		return r;
	}
	map_put(&b->callers, &c->node, hash_string(name));
	list_append(&b->caller_order, &c->link);
	b->caller_count++;
	*ret = c;
	return 0;
}

/* Runs the call now, or when the bus has said who the sender is. Takes the call over unless it fails. */
int bus_caller_wait(struct bus *b, const char *sender, struct call *call, sd_bus_error *error)
{
	struct caller *c = sender ? caller_find(b, sender) : NULL;
	int r;

	if (!sender)
		return bus_refuse(
			error, REFUSED_ACCESS, "this call has no sender: it must come over a message bus");
	if (!c) {
		r = callers_make_room(b);
		if (r < 0)
			return bus_refuse(
				error, REFUSED_LIMIT, "too many unknown callers at once, try again");
		r = caller_new(b, sender, &c);
		if (r < 0)
			return r;
	}
	if (!c->lookup) {
		bus_call_go(call, c);
		return 0;
	}
	if (c->waiting_count >= CALLER_WAITING_MAX)
		return bus_refuse(
			error, REFUSED_LIMIT, "%u of your calls wait already, try again", c->waiting_count);
	list_append(&c->waiting, &call->link);
	c->waiting_count++;
	return 0;
}
