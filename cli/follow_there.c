/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Waiting for what a verb brings about on another host, from which no event stream comes: the daemon there waits for the state
 * (lifecycle_await), and what else may have come of it is looked at now and then.
 */

#include <errno.h>

#include "follow.h"
#include "interrupt.h"
#include "output.h"
#include "patience.h"

#define LOOK_EVERY_NS 500000000u

static const char *const running[] = { "running", NULL }, *const paused[] = { "paused", NULL }, *const preserved[] = { "preserved", NULL };

/* The states that are waited for; NULL: the end of the life. */
static const char *const *const goals[] = {
	[LIFECYCLE_START] = running,
	[LIFECYCLE_RESTART] = running,
	[LIFECYCLE_RESUME] = running,
	[LIFECYCLE_PAUSE] = paused,
	[LIFECYCLE_PRESERVE] = preserved,
	[LIFECYCLE_ABORT] = NULL,
	[LIFECYCLE_STOP] = NULL,
	[LIFECYCLE_DESTROY] = NULL,
};

/* What events would have told. */
static void take(struct follow *f, const struct lifecycle_vm_details *d)
{
	bool over = f->accepted && d->vm->operation == LIFECYCLE_OP_NONE;

	follow_take_row(f, d->vm);
	f->ended_life = d->end_life;
	if (!f->life)
		f->cause = d->end_cause;
	f->kept = f->accepted && f->substate == LIFECYCLE_SUB_PRESERVED;
	f->superseded = over && !f->life && f->ended_life < f->min_life;
	f->timed_out = over && d->outcome == LIFECYCLE_OUTCOME_TIMED_OUT;
	f->device = over && (d->outcome == LIFECYCLE_OUTCOME_DEVICE_REFUSED || d->outcome == LIFECYCLE_OUTCOME_DEVICE_STOPPED);
}

/* 0, or a negative errno. */
static int look(struct cli *c, struct follow *f)
{
	struct lifecycle_vm_info *info;
	int r = lifecycle_vm_info(c->l, f->name, &info);

	if (r == -ENOENT)
		follow_take_row(f, NULL);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	take(f, lifecycle_vm_info_details(info));
	lifecycle_vm_info_unref(info);
	return 0;
}

int follow_begin_there(struct cli *c, struct follow *f)
{
	const struct lifecycle_daemon *d;

	if (lifecycle_daemon_info(c->l, &d) < 0)
		return cli_fail(c, "follow", f->name);
	f->cursor = d->seq;
	return look(c, f) < 0 ? cli_fail(c, "follow", f->name) : 0;
}

/* Until it may be worth another look. 0, or a negative errno. */
static int rest(struct cli *c, struct follow *f, uint64_t deadline)
{
	struct lifecycle_awaited a = LIFECYCLE_AWAITED_INIT;
	uint64_t now = monotonic_now(), until;
	int r;

	if (!patience_short(c, deadline))
		return -ETIMEDOUT;
	until = deadline - now < LOOK_EVERY_NS ? deadline : now + LOOK_EVERY_NS;
	r = lifecycle_await(c->l, f->name, 0, goals[f->verb], (int)((until - now) / 1000000u), &a);
	if (r < 0 && r != -ENOENT)
		return r;
	if (patience_short(c, deadline) && look(c, f) == 0 && follow_judge(f) != FOLLOW_PENDING)
		return 0;
	r = interrupt_poll(-1, until); /* and ^C is noticed here */
	return r == -ETIMEDOUT ? 0 : r;
}

/* A look and a rest. FOLLOW_PENDING: and so on; -ETIMEDOUT in *ret_error: because the daemon does not answer. */
static enum verdict go_round(struct cli *c, struct follow *f, uint64_t deadline, int *ret_error)
{
	enum verdict v;

	*ret_error = patience_short(c, deadline) ? look(c, f) : -ETIMEDOUT;
	v = *ret_error == 0 ? follow_judge(f) : FOLLOW_PENDING;
	if (*ret_error < 0 || v != FOLLOW_PENDING)
		return v;
	if (progress_next(&f->progress) <= monotonic_now())
		progress_show(&f->progress, f->name);
	*ret_error = rest(c, f, deadline);
	return FOLLOW_PENDING;
}

/* Calls are short, that ^C is noticed; a daemon that answers none of them in the time that one has else is lost. */
enum verdict follow_wait_there(struct cli *c, struct follow *f, uint64_t deadline)
{
	uint64_t heard = monotonic_now();
	enum verdict v = FOLLOW_PENDING;

	while (v == FOLLOW_PENDING) {
		int r;

		v = go_round(c, f, deadline, &r);
		if (r == 0)
			heard = monotonic_now();
		else if (r == -EINTR || interrupt_poll(-1, 0) == -EINTR)
			v = FOLLOW_INTERRUPTED;
		else if (r == -ETIMEDOUT && monotonic_now() >= deadline)
			v = FOLLOW_TIMED_OUT;
		else if (r != -ETIMEDOUT || monotonic_now() >= heard + PATIENCE_MS * 1000000ull)
			v = FOLLOW_LOST;
	}
	patience_whole(c);
	return v;
}
