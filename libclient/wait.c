/* SPDX-License-Identifier: Apache-2.0 */

/* Waiting for a VM: a stream of its own, from its snapshot on, so nothing that happens is missed. */

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "connection.h"
#include "stream.h"

/* The VM as the stream tells it. */
struct watched {
	const char *name;
	uint64_t life;   /* 0: none */
	uint64_t newest; /* what an older life does is not the VM's: that settles by itself */
	int state, substate, operation;
	bool exists;
};

/* What is waited for. */
struct goal {
	uint64_t life; /* 0: any */
	int state;     /* LIFECYCLE_UNKNOWN: that nothing is under way */
};

static void take_snapshot(struct watched *w, const struct lifecycle_stream *s)
{
	const struct lifecycle_vm *vm = lifecycle_vm_list_find(lifecycle_stream_snapshot(s), w->name);

	w->exists = vm != NULL;
	if (!vm)
		return;
	w->life = vm->life;
	w->newest = vm->life ? vm->life : lifecycle_stream_seq(s);
	w->state = vm->state;
	w->substate = vm->substate;
	w->operation = vm->operation;
}

/* In a restart the life goes, and the VM goes on with the next one, unless take_operation() hears that this has to wait. */
static void take_state(struct watched *w, const struct lifecycle_event *e)
{
	if (e->life < w->newest)
		return;
	w->newest = e->life;
	w->life = e->new_state == LIFECYCLE_STATE_NULL ? 0 : e->life;
	if (e->new_state != LIFECYCLE_STATE_NULL || e->operation != LIFECYCLE_OP_RESTART)
		w->state = e->new_state;
	w->substate = e->new_substate;
}

/* Between a life that is replaced and the one that follows at once there is none of these: the VM is without a life. */
static void take_operation(struct watched *w, const struct lifecycle_event *e)
{
	w->operation = e->operation;
	if (!w->life)
		w->state = LIFECYCLE_STATE_NULL;
}

static void take_event(struct watched *w, const struct lifecycle_event *e)
{
	if (strcmp(e->name, w->name) != 0)
		return;
	if (e->kind == LIFECYCLE_EVENT_VM_GONE)
		w->exists = false;
	if (e->kind == LIFECYCLE_EVENT_OPERATION)
		take_operation(w, e);
	if (e->kind == LIFECYCLE_EVENT_STATE)
		take_state(w, e);
}

/* A start that failed is no operation any more while its life still ends; one that is kept waits for nobody but its operator. */
static bool is_done(const struct watched *w)
{
	if (w->substate == LIFECYCLE_SUB_PRESERVED)
		return true;
	return w->operation == LIFECYCLE_OP_NONE && w->state != LIFECYCLE_STATE_ABORTING;
}

/* 0, an error that ends the wait, or -EAGAIN. */
static int judge(const struct watched *w, const struct goal *g)
{
	if (g->state == LIFECYCLE_STATE_NULL && (!w->exists || (g->life ? w->life != g->life : w->state == g->state)))
		return 0;
	if (!w->exists)
		return -ENOENT;
	if (g->state == LIFECYCLE_UNKNOWN)
		return is_done(w) ? 0 : -EAGAIN;
	if (g->life && w->life != g->life)
		return -ESTALE;
	return w->state == g->state ? 0 : -EAGAIN;
}

/* Reads what there is: each event may be what is waited for. */
static int drain(struct lifecycle_stream *s, struct watched *w, const struct goal *g)
{
	struct lifecycle_event e = LIFECYCLE_EVENT_INIT;
	int r, verdict = -EAGAIN;

	while (verdict == -EAGAIN && (r = lifecycle_stream_next(s, &e)) != -EAGAIN) {
		if (r < 0)
			return r;
		take_event(w, &e);
		verdict = judge(w, g);
	}
	return verdict;
}

static int left_of(uint64_t end)
{
	uint64_t now = util_monotonic_ns();

	if (end == UINT64_MAX)
		return LIFECYCLE_FOREVER;
	return end <= now ? 0 : end - now > (uint64_t)INT_MAX * 1000000 ? INT_MAX : (int)((end - now + 999999) / 1000000);
}

static int follow(struct lifecycle_stream *s, struct watched *w, const struct goal *g, uint64_t end)
{
	int r = judge(w, g);

	while (r == -EAGAIN) {
		r = lifecycle_stream_wait(s, left_of(end));
		if (r == 0)
			r = drain(s, w, g);
	}
	return r;
}

static const struct {
	int error, refusal;
	const char *text;
} failures[] = {
	{ -ENOENT, LIFECYCLE_REFUSED_NO_SUCH_VM, "there is no such VM, or no more" },
	{ -ESTALE, LIFECYCLE_REFUSED_WRONG_LIFE, "the life that was meant is over" },
	{ -ENODATA, LIFECYCLE_UNREACHABLE, "the daemon went away meanwhile" },
	{ -ETIMEDOUT, LIFECYCLE_NO_ANSWER, "it was not there in time" },
};

static int fail(struct lifecycle *l, const char *name, int error)
{
	for (size_t i = 0; i < sizeof(failures) / sizeof(*failures); i++)
		if (failures[i].error == error)
			return connection_refuse(l, failures[i].refusal, "waiting for '%s': %s", name, failures[i].text);
	return connection_fail(l, error, "wait");
}

static int wait_for(struct lifecycle *l, const char *name, const struct goal *g, int milliseconds)
{
	struct watched w = { .name = name };
	uint64_t end = util_deadline(milliseconds);
	int r;

	do { /* a reader that was too slow has a new look at it */
		_cleanup_(lifecycle_stream_unrefp) struct lifecycle_stream *s = NULL;

		r = lifecycle_subscribe(l, name, NULL, 0, &s);
		if (r < 0)
			return r;
		take_snapshot(&w, s);
		r = follow(s, &w, g, end);
	} while (r == -EOVERFLOW);
	return r < 0 ? fail(l, name, r) : 0;
}

int lifecycle_wait_state(struct lifecycle *l, const char *name, uint64_t life, enum lifecycle_state state, int milliseconds)
{
	struct goal goal = { .life = life, .state = (int)state };

	if (lifecycle_state_from_name(lifecycle_state_name(goal.state)) != goal.state)
		return connection_refuse(l, LIFECYCLE_REFUSED_INVALID_ARGUMENT, "no such state: %d", (int)state);
	return wait_for(l, name, &goal, milliseconds);
}

int lifecycle_wait_done(struct lifecycle *l, const char *name, int milliseconds)
{
	struct goal goal = { .state = LIFECYCLE_UNKNOWN };

	return wait_for(l, name, &goal, milliseconds);
}
