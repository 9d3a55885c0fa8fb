/* SPDX-License-Identifier: Apache-2.0 */
#include "follow.h"

#include <errno.h>
#include <string.h>

#include "interrupt.h"
#include "output.h"
#include "patience.h"

#define AGAIN_EVERY_NS 100000000u
#define AGAIN_TRIES 100

void follow_take_row(struct follow *f, const struct lifecycle_vm *vm)
{
	f->exists = vm != NULL;
	f->life = vm ? vm->life : 0;
	f->endpoint = vm ? vm->endpoint : 0;
	f->state = vm ? vm->state : LIFECYCLE_STATE_NULL;
	f->substate = vm ? vm->substate : LIFECYCLE_SUB_NONE;
	f->operation = vm ? vm->operation : LIFECYCLE_OP_NONE;
	f->cause = vm ? vm->cause : LIFECYCLE_CAUSE_NONE;
	/* A stop in a life that runs is over: what is missed of it is how, and there is one way. */
	f->unheard = f->accepted && f->state == LIFECYCLE_STATE_RUNNING && f->operation == LIFECYCLE_OP_NONE;
	f->resumed = f->accepted && f->substate == LIFECYCLE_SUB_RUNNING;
}

static void take_snapshot(struct follow *f)
{
	follow_take_row(f, lifecycle_vm_list_find(lifecycle_stream_snapshot(f->stream), f->name));
}

/* Start means the life that is there, if one is on its way or runs; restart means the next one. */
static uint64_t first_life_meant(const struct follow *f)
{
	bool under_way = f->state == LIFECYCLE_STATE_CREATED || f->state == LIFECYCLE_STATE_RUNNING;

	if (f->verb == LIFECYCLE_RESTART)
		under_way = f->state == LIFECYCLE_STATE_CREATED && f->operation == LIFECYCLE_OP_RESTART;
	return under_way ? f->life : f->cursor + 1;
}

static int begin_here(struct cli *c, struct follow *f)
{
	if (lifecycle_subscribe(c->l, f->name, NULL, 0, &f->stream) < 0)
		return lifecycle_last_error(c->l)->refusal == LIFECYCLE_REFUSED_LIMIT ? -EDQUOT : cli_fail(c, "follow", f->name);
	f->cursor = lifecycle_stream_seq(f->stream);
	take_snapshot(f);
	return 0;
}

int follow_begin(struct cli *c, struct follow *f, enum lifecycle_verb verb, const char *name)
{
	int r;

	*f = (struct follow){ .name = name, .verb = verb };
	r = c->remote ? follow_begin_there(c, f) : begin_here(c, f);
	if (r == 0)
		f->min_life = first_life_meant(f);
	return r;
}

void follow_accepted(struct follow *f, uint64_t seq)
{
	f->accepted = true;
	f->after = seq;
	f->target = f->life;
}

static void take_state(struct follow *f, const struct lifecycle_event *e)
{
	if (e->life < f->life) /* an old life that settles */
		return;
	if (e->new_state == LIFECYCLE_STATE_NULL) {
		f->ended_life = e->life;
		f->life = 0;
		f->endpoint = 0;
	} else {
		f->life = e->life;
		f->endpoint = e->endpoint;
	}
	f->state = e->new_state;
	f->substate = e->new_substate;
	f->resumed |= f->accepted && e->seq > f->after && e->new_substate == LIFECYCLE_SUB_RUNNING;
	f->kept = f->accepted && e->seq > f->after && e->new_substate == LIFECYCLE_SUB_PRESERVED;
	if (e->seq <= f->after) /* it was there when the verb took effect */
		f->target = f->life;
	if (e->new_state == LIFECYCLE_STATE_CREATED)
		f->cause = LIFECYCLE_CAUSE_NONE;
	else if (e->cause > LIFECYCLE_CAUSE_NONE)
		f->cause = e->cause;
}

/* An operation that ended, or another one, while no life had come of ours. */
static void take_operation(struct follow *f, const struct lifecycle_event *e)
{
	f->operation = e->operation;
	f->unheard = f->accepted && e->seq > f->after && e->outcome == LIFECYCLE_OUTCOME_UNHEARD;
	f->timed_out |= f->accepted && e->seq > f->after && e->outcome == LIFECYCLE_OUTCOME_TIMED_OUT;
	f->device |= f->accepted && e->seq > f->after &&
		(e->outcome == LIFECYCLE_OUTCOME_DEVICE_REFUSED || e->outcome == LIFECYCLE_OUTCOME_DEVICE_STOPPED);
	if (f->accepted && e->seq > f->after && f->life < f->min_life && f->ended_life < f->min_life &&
		e->operation != LIFECYCLE_OP_START && e->operation != LIFECYCLE_OP_RESTART)
		f->superseded = true;
}

void follow_take(struct follow *f, const struct lifecycle_event *e)
{
	if (strcmp(e->name, f->name) != 0)
		return;
	switch (e->kind) {
	case LIFECYCLE_EVENT_VM:
		f->exists = true;
		break;
	case LIFECYCLE_EVENT_VM_GONE:
		f->exists = false;
		f->life = 0;
		f->state = LIFECYCLE_STATE_NULL;
		break;
	case LIFECYCLE_EVENT_STATE:
		take_state(f, e);
		break;
	case LIFECYCLE_EVENT_OPERATION:
		take_operation(f, e);
		break;
	default:
		break;
	}
}

static enum verdict judge_running(const struct follow *f)
{
	if (f->state == LIFECYCLE_STATE_RUNNING && f->life >= f->min_life)
		return FOLLOW_REACHED;
	if ((f->state == LIFECYCLE_STATE_ABORTING && f->life >= f->min_life) || f->ended_life >= f->min_life)
		return FOLLOW_ENDED;
	return f->superseded || !f->exists ? FOLLOW_GIVEN_UP : FOLLOW_PENDING;
}

/* A stop that nobody hears is over, and its life is not. */
static enum verdict judge_ending(const struct follow *f)
{
	if (!f->life || f->life != f->target)
		return FOLLOW_REACHED;
	if (f->kept)
		return FOLLOW_GIVEN_UP;
	return f->verb == LIFECYCLE_STOP && f->unheard ? FOLLOW_UNHEARD : FOLLOW_PENDING;
}

/* Kept, or already given up again. */
static enum verdict judge_preserved(const struct follow *f)
{
	if (!f->life || f->life != f->target)
		return FOLLOW_GIVEN_UP;
	return f->substate == LIFECYCLE_SUB_PRESERVED ? FOLLOW_REACHED : FOLLOW_PENDING;
}

/* In the life that was meant. */
static enum verdict judge_standing(const struct follow *f)
{
	bool pause = f->verb == LIFECYCLE_PAUSE;

	if (!f->life || f->life != f->target || f->state != LIFECYCLE_STATE_RUNNING)
		return FOLLOW_ENDED;
	if (f->substate == (pause ? LIFECYCLE_SUB_PAUSED : LIFECYCLE_SUB_RUNNING))
		return FOLLOW_REACHED;
	if (!pause && f->device && f->substate == LIFECYCLE_SUB_PAUSED)
		return FOLLOW_GIVEN_UP;
	/* Why is told with the operation's end, which comes behind the state. */
	if (pause && f->resumed && f->substate == LIFECYCLE_SUB_RUNNING && f->operation != LIFECYCLE_OP_PAUSE)
		return FOLLOW_GIVEN_UP;
	return FOLLOW_PENDING;
}

enum verdict follow_judge(const struct follow *f)
{
	if (f->verb == LIFECYCLE_DESTROY)
		return f->exists ? FOLLOW_PENDING : FOLLOW_REACHED;
	if (f->verb == LIFECYCLE_ABORT || f->verb == LIFECYCLE_STOP)
		return judge_ending(f);
	if (f->verb == LIFECYCLE_PRESERVE)
		return judge_preserved(f);
	if (f->verb == LIFECYCLE_PAUSE || f->verb == LIFECYCLE_RESUME)
		return judge_standing(f);
	return judge_running(f);
}

/* The stream anew: what was missed is in its snapshot, unless the daemon could replay it. */
static int again(struct cli *c, struct follow *f, uint64_t deadline)
{
	int r = follow_again(c, f->name, &f->stream, deadline);

	if (r == 0 && f->back)
		r = f->back(c, f->back_arg, deadline);
	if (r == 0 && !lifecycle_stream_replayed(f->stream))
		take_snapshot(f);
	return r;
}

/* What may be over again by the end of what there is to read is judged after each event. */
static bool is_passing(enum lifecycle_verb verb)
{
	return verb == LIFECYCLE_START || verb == LIFECYCLE_RESTART || verb == LIFECYCLE_PAUSE || verb == LIFECYCLE_RESUME ||
	       verb == LIFECYCLE_PRESERVE;
}

static enum verdict drain(struct cli *c, struct follow *f, uint64_t deadline)
{
	enum verdict v = FOLLOW_PENDING;

	for (;;) {
		struct lifecycle_event e = LIFECYCLE_EVENT_INIT;
		int r = lifecycle_stream_next(f->stream, &e);

		if (r == -EAGAIN)
			break;
		if (r < 0) {
			r = again(c, f, deadline);
			if (r < 0)
				return r == -EINTR ? FOLLOW_INTERRUPTED : r == -ETIMEDOUT ? FOLLOW_TIMED_OUT : FOLLOW_LOST;
		} else {
			follow_take(f, &e);
		}
		if (is_passing(f->verb))
			v = follow_judge(f);
		if (v == FOLLOW_REACHED)
			return v;
	}
	return follow_judge(f);
}

void follow_read(struct follow *f)
{
	struct lifecycle_event e = LIFECYCLE_EVENT_INIT;

	while (lifecycle_stream_next(f->stream, &e) == 0)
		follow_take(f, &e);
}

/* FOLLOW_PENDING: look again. */
static enum verdict wait_for_more(struct follow *f, uint64_t deadline)
{
	uint64_t show = progress_next(&f->progress);
	int r = interrupt_poll(lifecycle_stream_get_fd(f->stream), show < deadline ? show : deadline);

	if (r == -EINTR)
		return FOLLOW_INTERRUPTED;
	if (r < 0 && r != -ETIMEDOUT)
		return FOLLOW_LOST;
	if (r == -ETIMEDOUT && monotonic_now() >= deadline)
		return FOLLOW_TIMED_OUT;
	if (monotonic_now() >= show)
		progress_show(&f->progress, f->name);
	return FOLLOW_PENDING;
}

enum verdict follow_wait(struct cli *c, struct follow *f, uint64_t deadline)
{
	enum verdict v = c->remote ? follow_wait_there(c, f, deadline) : FOLLOW_PENDING;

	while (v == FOLLOW_PENDING) {
		v = drain(c, f, deadline);
		if (v == FOLLOW_PENDING)
			v = wait_for_more(f, deadline);
	}
	progress_clear();
	return v;
}

/* The bus may have gone too: the connection is made anew. */
static int subscribe_again(struct cli *c, const char *filter, const char *epoch, uint64_t seq, uint64_t deadline,
	struct lifecycle_stream **ret)
{
	int r = patience_short(c, deadline) ? lifecycle_subscribe(c->l, filter, epoch, seq, ret) : -ETIMEDOUT;

	if (r != -ENOTCONN || cli_connect_again(c) < 0)
		return r;
	return patience_short(c, deadline) ? lifecycle_subscribe(c->l, filter, epoch, seq, ret) : -ETIMEDOUT;
}

/* 1: not yet. */
static int try_again(struct cli *c, const char *filter, struct lifecycle_stream **stream, uint64_t deadline)
{
	struct lifecycle_stream *fresh = NULL;
	int r = subscribe_again(c, filter, lifecycle_stream_epoch(*stream), lifecycle_stream_seq(*stream), deadline, &fresh);

	if (r < 0)
		return r == -ENOTCONN || r == -ETIMEDOUT ? 1 : r;
	lifecycle_stream_unref(*stream);
	*stream = fresh;
	return 0;
}

int follow_again(struct cli *c, const char *filter, struct lifecycle_stream **stream, uint64_t deadline)
{
	int r = 1;

	for (int i = 0; i < AGAIN_TRIES && r == 1; i++) {
		uint64_t next;

		r = try_again(c, filter, stream, deadline);
		if (r <= 0)
			break;
		next = monotonic_now() + AGAIN_EVERY_NS;
		if (interrupt_poll(-1, next < deadline ? next : deadline) == -EINTR)
			r = -EINTR;
		else if (monotonic_now() >= deadline)
			r = -ETIMEDOUT;
	}
	patience_whole(c);
	return r == 1 ? -ENOTCONN : r;
}
