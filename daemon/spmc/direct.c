/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Direct requests to an SP, and FFA_RUN for one that was preempted. The SPMC's checks are those of Hafnium's
 * (as Hafnium's SPMC does): the receiver exists and subscribed to that kind; then the SP answers.
 */

#include <string.h>

#include "spmc/personality.h"
#include "spmc/world.h"

static const uint32_t subscription[] = {
	[FFA_VM_CREATED_REQ] = FFA_PROP_VM_CREATED,
	[FFA_VM_DESTROYED_REQ] = FFA_PROP_VM_DESTROYED,
};

static const struct {
	struct sp_reply reply;
	bool open; /* the call waits for FFA_RUN */
	bool restart;
} faults[SP_FAULT_MUTE] = {
	[SP_FAULT_BUSY] = { { SP_ERROR, FFA_BUSY }, false, false },
	[SP_FAULT_INTERRUPTED] = { { SP_RESP, FFA_INTERRUPTED }, false, false },
	[SP_FAULT_ABORT] = { { SP_ERROR, FFA_ABORTED }, false, true },
	[SP_FAULT_PREEMPT] = { { SP_INTERRUPT, 0 }, true, false },
	[SP_FAULT_YIELD] = { { SP_YIELD, 0 }, true, false },
};

/* A request is w0-w7 of it: the 32-bit form has no more. */
struct request {
	uint32_t r[8];
};

static uint16_t request_sender(const struct request *q)
{
	return (uint16_t)(q->r[FFA_AVAIL_IDS] >> 16);
}

static uint8_t request_type(const struct request *q)
{
	return (uint8_t)q->r[FFA_AVAIL_TYPE];
}

static bool is_framework(const struct request *q)
{
	return q->r[FFA_AVAIL_TYPE] & FFA_FRAMEWORK;
}

static bool is_availability(const struct request *q)
{
	return is_framework(q) && (request_type(q) == FFA_VM_CREATED_REQ || request_type(q) == FFA_VM_DESTROYED_REQ);
}

/* Only the hypervisor may send framework messages; a partition message comes from it or for one of its guests. */
static bool is_acceptable(const struct sp_config *c, const struct request *q)
{
	if (!is_framework(q))
		return q->r[FFA_AVAIL_TYPE] == 0 && !(request_sender(q) & FFA_ID_SECURE);
	if ((q->r[FFA_AVAIL_TYPE] & FFA_FRAMEWORK_MBZ) || request_sender(q) != FFA_ID_HYPERVISOR)
		return false;
	return !is_availability(q) || (c->subscribed & subscription[request_type(q)]);
}

static void put_reply(const struct sp *sp, const struct request *q, struct sp_reply reply, uint64_t *x)
{
	bool answered = reply.form == SP_RESP || reply.form == SP_RESP_UNCHANGED;

	call_error(x, reply.status);
	if (reply.form == SP_ERROR)
		return;
	memset(x, 0, FFA_REGISTERS * sizeof(*x));
	x[0] = answered ? FFA_MSG_SEND_DIRECT_RESP : reply.form == SP_YIELD ? FFA_YIELD : FFA_INTERRUPT;
	x[1] = answered ? (uint32_t)sp->id << 16 | request_sender(q) : FFA_TARGET(sp->id, 0);
	if (!answered)
		return;
	x[FFA_AVAIL_TYPE] = q->r[FFA_AVAIL_TYPE] + (is_framework(q) && reply.form == SP_RESP);
	x[FFA_AVAIL_STATUS] = (uint32_t)reply.status;
}

static void note(struct sp *sp, struct world_time now, const struct request *q, struct sp_reply reply)
{
	if (is_availability(q))
		sp_log(sp, now.realtime, (uint16_t)q->r[FFA_AVAIL_VM_ID], request_type(q), reply);
}

/*
 * A partition message: served, which here is its payload sent back, for a guest the SP knows; that makes the effect of
 * an announcement visible, as it is on the real ones (s.9). The hypervisor itself needs no announcement.
 */
static void serve_partition(const struct sp_config *c, struct sp *sp, const struct request *q, uint64_t *x)
{
	uint16_t vm = request_sender(q);
	uint8_t state = sp->vm[vm].state;

	if (vm != FFA_ID_HYPERVISOR && (state == SP_VM_ABSENT || state == SP_VM_FRESH)) {
		put_reply(sp, q, personality_get(c->personality)->unknown_vm, x);
		return;
	}
	put_reply(sp, q, (struct sp_reply){ SP_RESP, FFA_OK }, x);
	for (int i = 3; i < 8; i++)
		x[i] = q->r[i];
}

/* The SP itself gets the request. */
static void serve(struct world *w, uint32_t index, struct world_time now, const struct request *q, uint64_t *x)
{
	const struct sp_config *c = &w->config.sp[index];
	const struct personality *p = personality_get(c->personality);
	uint16_t vm = (uint16_t)q->r[FFA_AVAIL_VM_ID];
	struct sp *sp = &w->book->sp[index];
	struct sp_reply reply = p->unknown_type;

	if (!is_framework(q)) {
		serve_partition(c, sp, q, x);
		return;
	}
	if (request_type(q) == FFA_VM_CREATED_REQ)
		reply = p->created(c, sp, vm);
	else if (request_type(q) == FFA_VM_DESTROYED_REQ)
		reply = p->destroyed(c, sp, vm);
	world_plan(w, index, now.monotonic);
	note(sp, now, q, reply);
	put_reply(sp, q, reply, x);
}

/* Takes the next fault that is due; SP_FAULT_COUNT: none is. */
static enum sp_fault next_fault(const struct sp_config *c, struct sp *sp)
{
	enum sp_fault f = 0;

	while (f < SP_FAULT_COUNT && sp->faults[f] >= c->faults[f])
		f++;
	if (f < SP_FAULT_COUNT)
		sp->faults[f]++;
	return f;
}

static void do_fault(struct world *w, uint32_t index, struct world_time now, const struct request *q, enum sp_fault f,
	uint64_t *x)
{
	struct sp *sp = &w->book->sp[index];

	if (faults[f].open) {
		memcpy(sp->open_x, q->r, sizeof(sp->open_x));
		sp->open = 1;
	}
	note(sp, now, q, faults[f].reply);
	put_reply(sp, q, faults[f].reply, x);
	if (faults[f].restart)
		world_restart_sp(w, index);
}

static bool refuse(struct sp *sp, struct world_time now, const struct request *q, int32_t status, uint64_t *x)
{
	note(sp, now, q, (struct sp_reply){ SP_ERROR, status });
	return call_error(x, status);
}

bool call_direct_req(struct world *w, struct world_time now, uint64_t *x)
{
	struct request q;
	enum sp_fault f;
	struct sp *sp;
	int index;

	for (int i = 0; i < 8; i++)
		q.r[i] = (uint32_t)x[i];
	index = world_find(w, (uint16_t)q.r[FFA_AVAIL_IDS]);
	if (index < 0)
		return call_error(x, FFA_INVALID_PARAMETERS);
	sp = &w->book->sp[index];
	if (!is_acceptable(&w->config.sp[index], &q))
		return refuse(sp, now, &q, FFA_INVALID_PARAMETERS, x);
	/* A request is open to it: at most one (s.5.4). */
	if (sp->open)
		return refuse(sp, now, &q, FFA_BUSY, x);
	f = next_fault(&w->config.sp[index], sp);
	if (f < SP_FAULT_MUTE)
		do_fault(w, (uint32_t)index, now, &q, f, x);
	else
		serve(w, (uint32_t)index, now, &q, x);
	return f != SP_FAULT_MUTE;
}

/* w1: target. Means something only for the call that was preempted; else there is nothing to run. */
bool call_run(struct world *w, struct world_time now, uint64_t *x)
{
	uint32_t target = (uint32_t)x[1];
	int index = world_find(w, (uint16_t)(target >> 16));
	struct request q;
	struct sp *sp;

	if (index < 0 || (target & 0xFFFFu) || !w->book->sp[index].open)
		return call_error(x, FFA_INVALID_PARAMETERS);
	sp = &w->book->sp[index];
	memcpy(q.r, sp->open_x, sizeof(q.r));
	sp->open = 0;
	serve(w, (uint32_t)index, now, &q, x);
	return CALL_ANSWERED;
}
