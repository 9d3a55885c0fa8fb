/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Who asks: uid and pid behind a unique name, asked of the bus once and without waiting for it. The bus never
 * gives a unique name twice, so what it said stays true for as long as this connection lives.
 *
 * root and the daemon's own user may do everything, anyone may do what changes nothing; about the rest polkit is asked, call by
 * call. Changes of one caller run in the order they came: those after one that polkit thinks about wait, so a person is asked
 * one thing at a time. What anyone may do does not wait for them.
 */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/message.h"
#include "base/process.h"
#include "bus/internal.h"

#define CALLER_WAITING_MAX  128

/* Of those whom polkit is asked about. A bus lets us wait for 128 answers at once (dbus-daemon(1), max_replies_per_connection). */
#define CHECKS_MAX          32
#define CHECKS_MAX_PER_UID  4
#define ASKERS_MAX          128 /* callers in line for a question */
#define ASKERS_MAX_PER_UID  32
#define ASKER_WAITING_MAX   16

struct caller {
	struct map_node node;
	struct list link;
	struct bus *bus;
	struct list waiting; /* for the uid; then for polkit, which is asked about the first */
	unsigned waiting_count;
	sd_bus_slot *lookup; /* NULL: the uid is known */
	struct check *check; /* NULL: polkit is not asked now */
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

bool bus_caller_is_trusted(const struct caller *c)
{
	return c->uid == 0 || c->uid == geteuid();
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

	c->check = bus_check_free(c->check);
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

/* Forgets the oldest caller of whom nothing waits: its uid can be asked for again. */
static int callers_make_room(struct bus *b)
{
	struct caller *c;

	if (b->caller_count < CALLERS_MAX)
		return 0;
	list_for_each (c, &b->caller_order, link) {
		if (c->lookup || c->waiting_count > 0)
			continue;
		caller_free(c);
		return 0;
	}
	return -EBUSY;
}

static void caller_queue(struct caller *c, struct call *call)
{
	list_append(&c->waiting, &call->link);
	c->waiting_count++;
}

static void caller_unqueue(struct caller *c, struct call *call)
{
	list_remove(&call->link);
	c->waiting_count--;
}

/* ---- those whom polkit is asked about ---- */

static bool is_asker(const struct caller *c)
{
	return !c->lookup && c->waiting_count > 0;
}

static bool may_be_asker(const struct caller *c)
{
	unsigned all = 0, own = 0;
	struct caller *other;

	if (is_asker(c))
		return c->waiting_count < ASKER_WAITING_MAX;
	list_for_each (other, &c->bus->caller_order, link) {
		all += is_asker(other);
		own += is_asker(other) && other->uid == c->uid;
	}
	return all < ASKERS_MAX && own < ASKERS_MAX_PER_UID;
}

static bool polkit_has_room(const struct caller *c)
{
	unsigned own = 0;
	struct caller *other;

	list_for_each (other, &c->bus->caller_order, link)
		own += other->check && other->uid == c->uid;
	return c->bus->check_count < CHECKS_MAX && own < CHECKS_MAX_PER_UID;
}

/* Somebody has asked for something about this VM, and it is not done yet: perhaps to define it. */
static bool is_about_to_change(const struct bus *b, const char *name)
{
	const struct call *other;

	list_for_each (other, &b->posted, link)
		if (strcmp(other->request.name, name) == 0)
			return true;
	return false;
}

/* Nobody types a password for what is refused anyway: true, and the call is gone. The engine looks again when polkit has answered. */
static bool refuse_in_vain(struct caller *c, struct call *call)
{
	const struct request *r = &call->request;
	const struct vm_row *row = rows_vm(bus_rows(call->bus), r->name);

	if (!call->right->names_vm || (row && (!r->life || row->life == r->life)) || is_about_to_change(call->bus, r->name))
		return false;
	caller_unqueue(c, call);
	if (row)
		bus_call_refuse(call, REFUSED_WRONG_LIFE, "life %llu of %s is over; its life now is %llu", (unsigned long long)r->life,
			r->name, (unsigned long long)row->life);
	else
		bus_call_refuse(call, REFUSED_NO_SUCH_VM, "no VM is named %s; see what there is with list", r->name);
	return true;
}

static void deny(const struct caller *c, struct call *call, const char *why)
{
	const struct right *right = call->right;

	bus_call_refuse(call, REFUSED_ACCESS, "uid %u may not %s%s%s (%s): %s", (unsigned)c->uid, right->verb,
		call->request.name[0] ? " " : "", call->request.name, right->action, why);
}

/* For the journal: who was let do it. Who was not is told, and could fill it. */
static void say_allowed(const struct caller *c, const struct call *call)
{
	const struct right *right = call->right;
	struct log_fields f = { .length = 0 };
	char comm[16];

	process_name(c->pid, comm, sizeof(comm));
	log_field(&f, "CLIENT_UID", "%u", (unsigned)c->uid);
	log_field(&f, "CLIENT_PID", "%d", (int)c->pid);
	if (call->request.name[0])
		log_field(&f, "VM_NAME", "%s", call->request.name);
	log_message(MESSAGE_POLKIT_ALLOWED, &f, "polkit lets uid %u (%s[%d]) %s%s%s", (unsigned)c->uid, comm, (int)c->pid, right->verb,
		call->request.name[0] ? " " : "", call->request.name);
}

static void caller_answered(void *arg, const char *why_not);

/* Asks about the first that waits, if nobody is asked about this caller now. */
static void caller_ask(struct caller *c)
{
	while (!c->check && c->waiting_count > 0 && polkit_has_room(c)) {
		struct call *call = list_first(&c->waiting, struct call, link);
		int r;

		if (refuse_in_vain(c, call))
			continue;
		r = bus_check_new(call, caller_answered, c, &c->check);
		if (r < 0) {
			caller_unqueue(c, call);
			deny(c, call, strerror(-r));
		}
	}
}

/* There is room at polkit again: for this caller, then for others. */
static void caller_answered(void *arg, const char *why_not)
{
	struct caller *c = arg, *other;
	struct bus *b = c->bus;
	struct call *call = list_first(&c->waiting, struct call, link);

	assert(!c->check && call);
	caller_unqueue(c, call);
	if (why_not) {
		deny(c, call, why_not);
	} else {
		say_allowed(c, call);
		bus_call_go(call, c);
	}
	caller_ask(c);
	list_for_each (other, &b->caller_order, link)
		if (is_asker(other))
			caller_ask(other);
}

/* ---- a call of a caller that is known ---- */

/* A disk that hangs keeps calls waiting that anyone may make: of the places a quarter is for those who are not asked about. */
static bool has_place(const struct caller *c)
{
	const struct bus *b = c->bus;

	return bus_caller_is_trusted(c) || b->call_count <= b->config.calls_max - b->config.calls_max / 4;
}

/* Takes the call over. */
static void caller_take(struct caller *c, struct call *call)
{
	if (!has_place(c)) {
		bus_call_refuse(call, REFUSED_LIMIT, "%u calls wait for their answers already, try again", c->bus->call_count - 1);
		return;
	}
	if (!call->right->action || bus_caller_is_trusted(c)) {
		bus_call_go(call, c);
		return;
	}
	if (!may_be_asker(c)) {
		bus_call_refuse(call, REFUSED_LIMIT, "too many calls of uid %u wait for polkit already, try again", (unsigned)c->uid);
		return;
	}
	caller_queue(c, call);
	caller_ask(c);
}

static void caller_run(struct caller *c)
{
	struct list waited;
	struct call *call;

	list_init(&waited);
	while ((call = list_first(&c->waiting, struct call, link))) {
		caller_unqueue(c, call);
		list_append(&waited, &call->link);
	}
	while ((call = list_first(&waited, struct call, link))) {
		list_remove(&call->link);
		caller_take(c, call);
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
		caller_take(c, call);
		return 0;
	}
	if (c->waiting_count >= CALLER_WAITING_MAX)
		return bus_refuse(
			error, REFUSED_LIMIT, "%u of your calls wait already, try again", c->waiting_count);
	caller_queue(c, call);
	return 0;
}
