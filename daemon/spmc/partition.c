/* SPDX-License-Identifier: Apache-2.0 */

/*
 * An SP as a partition: its VM state, its aborts, its live activations (s.5.1, 5.5 and 5.6 of the v1.3 lifecycle, as
 * Hafnium has it). A death of this process may come between any two stores: what an abort will come to is stored before
 * the abort, and what was cut short is done again by partition_recover.
 */

#include <stdatomic.h>

#include "spmc/personality.h"

static const bool arcs[SP_STATE_COUNT][SP_STATE_COUNT] = {
	[SP_NULL] = { [SP_CREATED] = true },
	[SP_CREATED] = { [SP_RUNNING] = true, [SP_ABORTING] = true },
	[SP_RUNNING] = { [SP_ABORTING] = true, [SP_HALTED] = true },
	[SP_ABORTING] = { [SP_NULL] = true, [SP_CREATED] = true },
	[SP_HALTED] = { [SP_CREATED] = true, [SP_ABORTING] = true },
};

static void fence(void)
{
	atomic_signal_fence(memory_order_seq_cst);
}

/* The one door to the state. What has no arc is refused, and nothing happens. */
static bool move(struct world *w, uint32_t index, enum sp_state to)
{
	struct sp *sp = &w->book->sp[index];
	bool seen = sp->state == SP_NULL || to == SP_NULL;

	if (!arcs[sp->state][to])
		return false;
	sp->state = (uint8_t)to;
	/* Who is NULL cannot be discovered. */
	if (seen)
		world_change_tag(w);
	return true;
}

static void ring(struct world *w, uint32_t index)
{
	w->doorbells |= UINT64_C(1) << index;
}

/* The next state comes by itself, after the time that a boot takes. */
static void plan(struct world *w, uint32_t index)
{
	w->event_at[index] = w->monotonic + w->config.sp[index].boot_us * UINT64_C(1000);
	if (!w->config.sp[index].boot_us)
		partition_work(w, index);
}

/* It waits for requests again: those that got BUSY would do better now. */
static void now_runs(struct world *w, uint32_t index)
{
	struct sp *sp = &w->book->sp[index];
	bool activated = sp->activation == SP_ACTIVATION_FINISH;

	if (activated) {
		sp->activations++;
		sp->activation = SP_ACTIVATION_RESET;
		if (w->config.sp[index].changes != SP_CHANGES_NOTHING)
			world_change_tag(w);
	}
	(void)move(w, index, SP_RUNNING);
	world_plan(w, index, w->monotonic);
	if (activated ? w->config.sp[index].doorbell : !w->config.sp[index].silent)
		ring(w, index);
}

/* A state that ends by itself has come to its end. */
void partition_work(struct world *w, uint32_t index)
{
	struct sp *sp = &w->book->sp[index];

	w->event_at[index] = WORLD_NEVER;
	if (sp->state == SP_HALTED)
		(void)move(w, index, SP_CREATED); /* the new package is in place; FINISH starts it */
	else if (sp->state == SP_CREATED && sp->activation != SP_ACTIVATION_START)
		now_runs(w, index);
}

/* Another instance, which knows no VM. From ABORTING and NULL. */
static void create(struct world *w, uint32_t index)
{
	struct sp *sp = &w->book->sp[index];

	sp->restarting = 1;
	fence();
	sp_forget(sp, w->monotonic);
	sp->generation++;
	world_change_tag(w);
	(void)move(w, index, SP_CREATED);
	fence();
	sp->restarting = 0;
	plan(w, index);
}

/* What it knew is gone, and it does not come back by itself: the generation tells, as it does of a restart. */
static void stay_away(struct world *w, uint32_t index)
{
	struct sp *sp = &w->book->sp[index];

	if (sp->generation == sp->aborted_at) /* else it was told before this process died */
		sp->generation++;
	if (!w->config.sp[index].silent)
		ring(w, index);
}

/* What follows an abort; sp->action says it. */
static void settle(struct world *w, uint32_t index)
{
	struct sp *sp = &w->book->sp[index];

	if (sp->action == SP_ABORT_RESTART) {
		create(w, index);
	} else if (sp->action == SP_ABORT_PROPAGATE) {
		w->reset_wanted = true;
	} else {
		if (sp->action == SP_ABORT_DESTROY)
			(void)move(w, index, SP_NULL);
		stay_away(w, index);
	}
}

/* Who waits for an answer that was to come later gets FFA_ERROR ABORTED now. */
static void abort_late(struct world *w, uint32_t index)
{
	struct world_late *l = &w->late[index];

	if (l->due == WORLD_NEVER || l->done)
		return;
	(void)call_error(l->x, FFA_ABORTED);
	l->done = true;
	if (l->abandoned)
		l->due = WORLD_NEVER;
}

void partition_abort(struct world *w, uint32_t index, enum sp_abort_action action)
{
	struct sp *sp = &w->book->sp[index];

	sp->action = (uint8_t)action;
	if (sp->state != SP_ABORTING)
		sp->aborted_at = sp->generation;
	fence();
	if (!move(w, index, SP_ABORTING) && sp->state != SP_ABORTING)
		return;
	fence();
	sp->activation = SP_ACTIVATION_RESET;
	w->event_at[index] = w->work_at[index] = WORLD_NEVER;
	abort_late(w, index);
	sp_forget(sp, w->monotonic);
	sp->panicked = 0;
	settle(w, index);
}

/* After a load. The abort is done once more, from where its state says it was. */
void partition_recover(struct world *w, uint32_t index)
{
	struct sp *sp = &w->book->sp[index];

	w->event_at[index] = WORLD_NEVER;
	if (sp->state >= SP_STATE_COUNT || sp->restarting)
		sp->state = SP_ABORTING;
	if (sp->state != SP_HALTED && sp->state != SP_CREATED) /* it had not begun yet, or an abort ended it */
		sp->activation = SP_ACTIVATION_RESET;
	if (sp->restarting) {
		create(w, index);
	} else if (sp->state == SP_ABORTING || sp->state == SP_NULL) {
		sp_forget(sp, w->monotonic);
		if (sp->state == SP_ABORTING)
			settle(w, index);
	} else if (sp->state != SP_RUNNING) {
		plan(w, index);
	}
}

/* The row of a caller by the state of the VM; where that is ABORTING, of its vCPU: STOPPED or ABORTED (s.5.4). */
int32_t partition_gate(const struct sp *sp)
{
	static const int32_t answers[SP_STATE_COUNT] = {
		[SP_NULL] = FFA_INVALID_PARAMETERS,
		[SP_CREATED] = FFA_BUSY,
		[SP_RUNNING] = FFA_OK,
		[SP_ABORTING] = FFA_BUSY,
		[SP_HALTED] = FFA_BUSY,
	};

	if (sp->state == SP_ABORTING && sp->action == SP_ABORT_LEGACY)
		return FFA_ABORTED;
	return answers[sp->state];
}

/* ---- what can be commanded ---- */

static bool is_alive(const struct sp *sp)
{
	return sp->state == SP_CREATED || sp->state == SP_RUNNING || sp->state == SP_HALTED;
}

static int32_t abort_with(struct world *w, uint32_t index, enum sp_abort_action action)
{
	if (!is_alive(&w->book->sp[index]))
		return FFA_DENIED;
	partition_abort(w, index, action);
	return FFA_OK;
}

static int32_t crash(struct world *w, uint32_t index)
{
	return abort_with(w, index, (enum sp_abort_action)w->config.sp[index].abort_action);
}

static int32_t stop(struct world *w, uint32_t index)
{
	return abort_with(w, index, SP_ABORT_STOP);
}

static int32_t destroy(struct world *w, uint32_t index)
{
	if (w->book->sp[index].state == SP_NULL)
		return FFA_DENIED;
	partition_abort(w, index, SP_ABORT_DESTROY);
	return FFA_OK;
}

static int32_t restart(struct world *w, uint32_t index)
{
	if (w->book->sp[index].state == SP_NULL)
		create(w, index);
	else
		partition_abort(w, index, SP_ABORT_RESTART);
	return FFA_OK;
}

static bool is_activating(const struct world *w)
{
	for (uint32_t i = 0; i < w->config.sp_count; i++)
		if (w->book->sp[i].activation != SP_ACTIVATION_RESET)
			return true;
	return false;
}

/* Why neither message of a live activation can be for this SP; FFA_OK: it can. */
static int32_t activation_gate(const struct world *w, uint32_t index)
{
	const struct sp *sp = &w->book->sp[index];

	if (sp->state == SP_NULL)
		return FFA_INVALID_PARAMETERS;
	if (!w->config.sp[index].live)
		return FFA_NOT_SUPPORTED;
	return sp->state == SP_ABORTING || sp->panicked ? FFA_ABORTED : FFA_OK;
}

static int32_t activate(struct world *w, uint32_t index)
{
	struct sp *sp = &w->book->sp[index];
	int32_t status = activation_gate(w, index);

	if (status != FFA_OK)
		return status;
	if (sp->activation != SP_ACTIVATION_RESET)
		return FFA_DENIED;
	if (is_activating(w))
		return FFA_BUSY;
	if (sp->state != SP_RUNNING)
		return FFA_DENIED;
	if (sp->open || w->late[index].due != WORLD_NEVER)
		return FFA_RETRY;
	sp->activation = SP_ACTIVATION_START;
	fence();
	(void)move(w, index, SP_HALTED);
	w->work_at[index] = WORLD_NEVER;
	plan(w, index);
	return FFA_OK;
}

static int32_t finish(struct world *w, uint32_t index)
{
	struct sp *sp = &w->book->sp[index];
	int32_t status = activation_gate(w, index);

	if (status != FFA_OK)
		return status;
	if (sp->activation != SP_ACTIVATION_START || sp->state != SP_CREATED)
		return FFA_DENIED;
	sp->activation = SP_ACTIVATION_FINISH;
	plan(w, index);
	return FFA_OK;
}

static int32_t panic(struct world *w, uint32_t index)
{
	if (w->book->sp[index].state != SP_RUNNING)
		return FFA_DENIED;
	w->book->sp[index].panicked = 1;
	return FFA_OK;
}

static int32_t ring_bell(struct world *w, uint32_t index)
{
	ring(w, index);
	return FFA_OK;
}

static int32_t reset(struct world *w, uint32_t index)
{
	w->reset_wanted = true;
	return FFA_OK;
}

static int32_t (*const events[WORLD_EVENT_COUNT])(struct world *, uint32_t) = {
	[WORLD_CRASH] = crash,
	[WORLD_STOP] = stop,
	[WORLD_DESTROY] = destroy,
	[WORLD_RESTART] = restart,
	[WORLD_ACTIVATE] = activate,
	[WORLD_FINISH] = finish,
	[WORLD_PANIC] = panic,
	[WORLD_RING] = ring_bell,
	[WORLD_RESET] = reset,
};

/* DENIED: the SP's state does not allow it. The codes of a live activation are those of s.5.6. */
int32_t world_event(struct world *w, enum world_event event, uint32_t index, uint64_t monotonic)
{
	int32_t status;

	w->monotonic = monotonic;
	if (index >= w->config.sp_count && event != WORLD_RESET)
		return FFA_INVALID_PARAMETERS;
	status = events[event](w, index);
	if (status == FFA_OK && index < w->config.sp_count)
		w->book->sp[index].counts.events[event]++;
	return status;
}
