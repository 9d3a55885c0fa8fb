/* SPDX-License-Identifier: Apache-2.0 */

/*
 * WaitState: a call that is answered when its VM gets somewhere. It is judged by what was published, the events of each turn
 * and then the row, so a state that was left again in the same turn counts, too. Nothing waits for it but its client: it costs
 * nothing until something happens to its VM, and goes with its client.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "bus/internal.h"

#define TIMEOUT_MS_MAX (366ull * 24 * 3600 * 1000) /* beyond that: none */
#define NS_PER_MS      1000000ull
#define WORDS_MAX      (VM_STATE_COUNT + VM_SUBSTATE_COUNT)

struct wait {
	struct list link;
	struct list touched;
	struct map_node by_name;
	struct bus *bus;
	struct call *call;
	struct loop_timer *timer;
	sd_bus_slot *asked; /* whether its client is still there */
	uid_t uid;
	uint64_t current; /* the VM's life, as far as events were looked at */
};

/* What a wait came to. */
struct outcome_of_wait {
	const char *result; /* NULL: nothing yet */
	uint64_t life, seq;
	uint8_t state, substate, cause;
};

static void wait_free(struct wait *w)
{
	(void)loop_timer_free(w->timer);
	(void)sd_bus_slot_unref(w->asked);
	list_remove(&w->link);
	list_remove(&w->touched);
	map_remove(&w->bus->waits_by_name, &w->by_name);
	if (--w->bus->wait_count == 0)
		w->bus->wait_match = sd_bus_slot_unref(w->bus->wait_match);
	(void)bus_call_free(w->call);
	free(w);
}

void bus_waits_drop(struct bus *b)
{
	struct wait *w;

	while ((w = list_first(&b->waits, struct wait, link)))
		wait_free(w);
}

static void reply(const struct call *c, const struct outcome_of_wait *o)
{
	(void)sd_bus_reply_method_return(c->message, "stssst", o->result, o->life, bus_word(WORDS_STATE, o->state),
		bus_word(WORDS_SUBSTATE, o->substate), bus_word(WORDS_CAUSE, o->cause), o->seq);
}

static void wait_answer(struct wait *w, const struct outcome_of_wait *o)
{
	reply(w->call, o);
	wait_free(w);
}

/* ---- is it there? ---- */

static bool wants(const struct call *c, unsigned state, unsigned substate)
{
	return (c->wanted >> state & 1) || (c->wanted >> (16 + substate) & 1);
}

/* What is still to come of a life that was left behind: its last sub-state, and null. */
static bool may_come(const struct call *c, const struct old_life_row *old)
{
	return wants(c, VM_NULL, VM_SUB_NONE) ||
		(old->substate != VM_SUB_RECLAIMING && wants(c, VM_ABORTING, VM_SUB_RECLAIMING));
}

/* The VM has another life, or none. One that it left behind is null once it has settled: id and memory are back. */
static void of_life_before(const struct call *c, const struct vm_row *row, struct outcome_of_wait *o)
{
	const struct old_life_row *old = vm_row_old_life(row, c->request.life);

	*o = (struct outcome_of_wait) { .life = c->request.life, .seq = row->changed_at, .state = old ? VM_ABORTING : VM_NULL,
		.substate = old ? old->substate : VM_SUB_NONE, .cause = old ? old->cause : CAUSE_NONE };
	if (!old && row->end_life == c->request.life)
		o->cause = row->end_cause;
	if (wants(c, o->state, o->substate))
		o->result = "reached";
	else if (!old || !may_come(c, old))
		o->result = "over";
}

static void of_row(const struct call *c, const struct vm_row *row, struct outcome_of_wait *o)
{
	if (c->request.life && row->life != c->request.life) {
		of_life_before(c, row, o);
		return;
	}
	*o = (struct outcome_of_wait) { .life = row->life, .seq = row->changed_at, .state = row->state, .substate = row->substate,
		.cause = row->life ? row->cause : row->end_cause };
	if (wants(c, row->state, row->substate))
		o->result = "reached";
	else if (!row->life && row->operation == OP_NONE) /* nothing leads there by itself */
		o->result = "over";
}

static void of_event(struct wait *w, const struct published *what, size_t at, struct outcome_of_wait *o)
{
	const struct event_record *e = &what->event[at];
	const struct request *r = &w->call->request;
	bool ours;

	*o = (struct outcome_of_wait) { .life = e->life, .seq = e->seq, .state = e->new_state, .substate = e->new_substate,
		.cause = e->cause };
	if (e->kind == EVENT_VM_GONE)
		o->result = "gone";
	if (e->kind != EVENT_STATE)
		return;
	if (e->new_state == VM_CREATED && e->old_state != VM_CREATED)
		w->current = e->life;
	ours = r->life ? e->life == r->life : e->life == w->current && !bus_is_replaced(what, at);
	if (ours && wants(w->call, e->new_state, e->new_substate))
		o->result = "reached";
}

static void turn_event(struct bus *b, const struct published *what, size_t at)
{
	const struct event_record *e = &what->event[at];
	struct map_node *next, *n = e->name[0] ? map_get(&b->waits_by_name, hash_string(e->name)) : NULL;

	for (; n; n = next) {
		struct wait *w = container_of(n, struct wait, by_name);
		struct outcome_of_wait o;

		next = map_next(n);
		if (strcmp(w->call->request.name, e->name) != 0)
			continue;
		list_remove(&w->touched);
		list_append(&b->waits_touched, &w->touched);
		of_event(w, what, at, &o);
		if (o.result)
			wait_answer(w, &o);
	}
}

/* That a life is null its own event says, to whoever waits by then: the row may have had no memory for one that was left behind. */
static bool is_the_events(const struct call *c, const struct outcome_of_wait *o)
{
	return c->request.life && o->state == VM_NULL && wants(c, VM_NULL, VM_SUB_NONE);
}

void bus_waits_turn(struct bus *b, const struct published *what)
{
	struct wait *w;

	for (size_t i = 0; b->wait_count && i < what->count; i++)
		turn_event(b, what, i);
	while ((w = list_first(&b->waits_touched, struct wait, touched))) {
		const struct vm_row *row = rows_vm(what->rows, w->call->request.name);
		struct outcome_of_wait o = { .result = NULL };

		list_remove(&w->touched);
		if (row)
			of_row(w->call, row, &o);
		if (o.result && !is_the_events(w->call, &o))
			wait_answer(w, &o);
	}
}

static void too_late(void *arg)
{
	struct wait *w = arg;
	const struct vm_row *row = rows_vm(bus_rows(w->bus), w->call->request.name);
	struct outcome_of_wait o = { .result = NULL };

	if (row)
		of_row(w->call, row, &o);
	o.result = "timed-out";
	wait_answer(w, &o);
}

/* ---- clients that leave ---- */

static int ignore(sd_bus_message *reply, void *arg, sd_bus_error *error)
{
	return 0;
}

static void drop_client(struct bus *b, const char *name)
{
	struct wait *w, *next;

	list_for_each_safe(w, next, &b->waits, link)
		if (strcmp(sd_bus_message_get_sender(w->call->message), name) == 0)
			wait_free(w);
}

static int somebody_left(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	const char *name;

	if (sd_bus_message_read(m, "s", &name) > 0)
		drop_client(arg, name);
	return 0;
}

/* For as long as anybody waits: most of the time nobody needs to hear who leaves the bus. */
static int watch_leavers(struct bus *b)
{
	if (b->wait_match)
		return 0;
	return sd_bus_add_match_async(b->sd, &b->wait_match, "type='signal',sender='org.freedesktop.DBus',"
		"path='/org/freedesktop/DBus',interface='org.freedesktop.DBus',member='NameOwnerChanged',arg2=''",
		somebody_left, ignore, b);
}

static int client_looked_up(sd_bus_message *reply, void *arg, sd_bus_error *error)
{
	struct wait *w = arg;
	int is_there = true;

	w->asked = sd_bus_slot_unref(w->asked);
	if (!sd_bus_message_is_method_error(reply, NULL) && sd_bus_message_read(reply, "b", &is_there) > 0 && !is_there)
		wait_free(w);
	return 0;
}

/* It may have left before the bus was asked to tell; the bus does things in order. */
static int look_up_client(struct wait *w)
{
	int r = watch_leavers(w->bus);

	return r < 0 ? r : sd_bus_call_method_async(w->bus->sd, &w->asked, "org.freedesktop.DBus", "/org/freedesktop/DBus",
		"org.freedesktop.DBus", "NameHasOwner", client_looked_up, w, "s", sd_bus_message_get_sender(w->call->message));
}

/* ---- the call ---- */

static bool has_place(const struct bus *b, const struct call *c)
{
	const struct bus_config *config = &b->config;
	const char *sender = sd_bus_message_get_sender(c->message);
	unsigned of_client = 0, of_uid = 0;
	const struct wait *w;

	list_for_each (w, &b->waits, link) {
		of_client += strcmp(sd_bus_message_get_sender(w->call->message), sender) == 0;
		of_uid += w->uid == bus_caller_uid(c->caller);
	}
	if (of_client >= config->waits_max_per_client)
		return false;
	if (bus_caller_is_trusted(c->caller))
		return b->wait_count < config->waits_max;
	return b->wait_count < config->waits_max - config->waits_max / 4 && of_uid < config->waits_max_per_uid;
}

static int set_timer(struct wait *w)
{
	uint64_t ms = w->call->timeout_ms;
	int r;

	if (!ms || ms > TIMEOUT_MS_MAX)
		return 0;
	r = loop_timer_new(w->bus->config.loop, too_late, w, &w->timer);
	if (r >= 0)
		loop_timer_set(w->timer, loop_monotonic() + ms * NS_PER_MS);
	return r;
}

/* Takes the call over unless it fails. */
static int wait_new(struct call *c, uint64_t current)
{
	struct bus *b = c->bus;
	struct wait *w;
	int r;

	if (map_reserve(&b->waits_by_name, b->wait_count + 1) < 0)
		return -ENOMEM;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->bus = b;
	w->call = c;
	w->uid = bus_caller_uid(c->caller);
	w->current = current;
	list_init(&w->touched);
	list_append(&b->waits, &w->link);
	map_put(&b->waits_by_name, &w->by_name, hash_string(c->request.name));
	b->wait_count++;
	r = set_timer(w);
	if (r >= 0)
		r = look_up_client(w);
	if (r >= 0)
		return 0;
	w->call = NULL;
	wait_free(w);
	return r;
}

static void wait_run(struct call *c)
{
	const struct vm_row *row = rows_vm(bus_rows(c->bus), c->request.name);
	struct outcome_of_wait o;
	int r;

	if (!row) {
		bus_call_refuse(c, REFUSED_NO_SUCH_VM, "there is no VM '%s'", c->request.name);
		return;
	}
	if (c->request.life > rows_seq(bus_rows(c->bus))) {
		bus_call_refuse(c, REFUSED_WRONG_LIFE, "%s has had no life %llu: there is none of that number yet", row->name,
			(unsigned long long)c->request.life);
		return;
	}
	of_row(c, row, &o);
	if (o.result) {
		reply(c, &o);
		(void)bus_call_free(c);
		return;
	}
	if (!has_place(c->bus, c)) {
		bus_call_refuse(c, REFUSED_LIMIT, "%u calls wait for a state already, and yours may be %u of one client: end some",
			c->bus->wait_count, c->bus->config.waits_max_per_client);
		return;
	}
	r = wait_new(c, row->life);
	if (r < 0)
		bus_call_refuse(c, bus_refusal_of(r), "it cannot be waited for %s: %s", c->request.name, strerror(-r));
}

/* A word that is both a state and a sub-state means the latter: "running" is not paused. */
static int want(struct call *c, const char *word, sd_bus_error *error)
{
	for (unsigned i = VM_SUB_NONE + 1; i < VM_SUBSTATE_COUNT; i++)
		if (strcmp(bus_word(WORDS_SUBSTATE, i), word) == 0) {
			c->wanted |= 1u << (16 + i);
			return 0;
		}
	for (unsigned i = 0; i < VM_STATE_COUNT; i++)
		if (strcmp(bus_word(WORDS_STATE, i), word) == 0) {
			c->wanted |= 1u << i;
			return 0;
		}
	return bus_refuse(error, REFUSED_INVALID_ARGUMENT, "'%.64s' is no state: write null, created, running, aborting, halted, "
		"or a sub-state, as List has them", word);
}

_Static_assert(VM_STATE_COUNT <= 16 && VM_SUBSTATE_COUNT <= 16, "they have a bit each in `wanted`");

/* A message has room for millions of words, and there are a few. */
static int read_wanted(struct call *c, sd_bus_message *m, sd_bus_error *error)
{
	unsigned left = WORDS_MAX;
	const char *word;
	int r = sd_bus_message_enter_container(m, 'a', "s");

	while (r >= 0 && (r = sd_bus_message_read(m, "s", &word)) > 0)
		r = left-- ? want(c, word, error) : bus_refuse(error, REFUSED_INVALID_ARGUMENT,
			"more than %u states are named: there are not so many, name each once", (unsigned)WORDS_MAX);
	if (r < 0)
		return r;
	if (!c->wanted)
		c->wanted = 1u << VM_NULL;
	return sd_bus_message_exit_container(m);
}

/* Reads "t life, as states, t timeout_ms, a{sv} options" from the message. `name` need not outlive the call. */
int bus_wait_submit(struct bus *b, sd_bus_message *m, const char *name, sd_bus_error *error)
{
	_cleanup_(bus_call_freep) struct call *c = NULL;
	int r;

	if (!bus_vm_name_is_valid(name))
		return bus_refuse(error, REFUSED_INVALID_ARGUMENT, "'%.64s' is no VM name", name);
	r = bus_call_new(b, m, &c, error);
	if (r >= 0)
		r = sd_bus_message_read(m, "t", &c->request.life);
	if (r >= 0)
		r = read_wanted(c, m, error);
	if (r >= 0)
		r = sd_bus_message_read(m, "t", &c->timeout_ms);
	if (r >= 0)
		r = bus_read_no_options(m, error);
	if (r < 0)
		return r;
	strcpy(c->request.name, name);
	c->run = wait_run;
	return bus_call_submit(take_ptr(&c), error);
}
