/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Direct requests to an SP, and FFA_RUN. First the SPMC's checks, which differ (spmc.c); then the state of the SP as a
 * partition; then the SP answers, at once or after its delay.
 */

#include <string.h>

#include "spmc/personality.h"
#include "spmc/spmc.h"

#define FFA_VERSION_REQ 0x08u /* framework message: its answer has the version in w3 */
#define WIDE_PAYLOAD 4 /* x4-x17 of REQ2 and RESP2 */
#define OPTEE_VERSION FFA_VERSION_WORD(1, 2)

static const uint32_t subscription[] = {
	[FFA_VM_CREATED_REQ] = FFA_PROP_VM_CREATED,
	[FFA_VM_DESTROYED_REQ] = FFA_PROP_VM_DESTROYED,
};

static const struct {
	struct sp_reply reply;
	bool open; /* the call waits for FFA_RUN */
	bool abort;
} faults[SP_FAULT_MUTE] = {
	[SP_FAULT_BUSY] = { { SP_ERROR, FFA_BUSY }, false, false },
	[SP_FAULT_INTERRUPTED] = { { SP_RESP, FFA_INTERRUPTED }, false, false },
	[SP_FAULT_ABORT] = { { SP_ERROR, FFA_ABORTED }, false, true },
	[SP_FAULT_PREEMPT] = { { SP_INTERRUPT, 0 }, true, false },
	[SP_FAULT_YIELD] = { { SP_YIELD, 0 }, true, false },
};

/* What is looked at is w0-w7: an availability message has no more. A partition message is as wide as its form. */
struct request {
	uint32_t r[8];
	uint64_t x[FFA_REGISTERS];
};

static struct request read_request(const uint64_t *x)
{
	struct request q;

	memcpy(q.x, x, sizeof(q.x));
	for (int i = 0; i < 8; i++)
		q.r[i] = (uint32_t)x[i];
	return q;
}

static uint16_t request_sender(const struct request *q)
{
	return (uint16_t)(q->r[FFA_AVAIL_IDS] >> 16);
}

static uint8_t request_type(const struct request *q)
{
	return (uint8_t)q->r[FFA_AVAIL_TYPE];
}

static bool is_wide(const struct request *q)
{
	return q->r[0] == FFA_MSG_SEND_DIRECT_REQ2;
}

/* REQ2 has no flags: w2 is a part of the UUID of the service. */
static bool is_framework(const struct request *q)
{
	return !is_wide(q) && (q->r[FFA_AVAIL_TYPE] & FFA_FRAMEWORK);
}

static bool is_availability(const struct request *q)
{
	return is_framework(q) && (request_type(q) == FFA_VM_CREATED_REQ || request_type(q) == FFA_VM_DESTROYED_REQ);
}

/* ---- what the SPMC lets through ---- */

static bool is_acceptable_framework(const struct world *w, uint32_t index, const struct request *q)
{
	const struct spmc *s = spmc_of_sp(w, index);

	if ((q->r[FFA_AVAIL_TYPE] & s->mbz) || (!s->any_sender && request_sender(q) != FFA_ID_HYPERVISOR))
		return false;
	if (!is_availability(q))
		return s->any_type;
	return !s->subscription || (sp_properties(w, index) & subscription[request_type(q)]);
}

/* A partition message comes from the hypervisor or for one of its guests. */
static bool is_acceptable(const struct world *w, uint32_t index, const struct request *q)
{
	if (is_framework(q))
		return is_acceptable_framework(w, index, q);
	return (is_wide(q) || q->r[FFA_AVAIL_TYPE] == 0) && !(request_sender(q) & FFA_ID_SECURE);
}

static bool receives(const struct world *w, uint32_t index, const struct request *q)
{
	return w->config.sp[index].receive &&
		(!is_wide(q) || (sp_properties(w, index) & FFA_PROP_DIRECT_REQ2_RECEIVE));
}

/* FFA_OK: it is delivered. The order is that of s.5.4. */
static int32_t gate(const struct world *w, uint32_t index, const struct request *q)
{
	const struct sp *sp = &w->book->sp[index];

	if (!is_acceptable(w, index, q))
		return FFA_INVALID_PARAMETERS;
	if (!receives(w, index, q))
		return FFA_DENIED;
	if (partition_gate(sp) != FFA_OK)
		return partition_gate(sp);
	/* A request is open to it: at most one. */
	return sp->open || w->late[index].due != WORLD_NEVER ? FFA_BUSY : FFA_OK;
}

/* ---- answers ---- */

static void put_reply(const struct sp *sp, const struct request *q, struct sp_reply reply, uint64_t *x)
{
	bool answered = reply.form == SP_RESP || reply.form == SP_RESP_UNCHANGED;
	uint32_t form64 = q->r[0] & FFA_SMC64;

	call_error(x, reply.status);
	if (reply.form == SP_ERROR)
		return;
	memset(x, 0, FFA_REGISTERS * sizeof(*x));
	x[0] = is_wide(q) && answered ? FFA_MSG_SEND_DIRECT_RESP2 : answered ? FFA_MSG_SEND_DIRECT_RESP | form64 : reply.form == SP_YIELD ? FFA_YIELD : FFA_INTERRUPT;
	/* The receiver as it was named: an SPMC that is an SP itself has two ids. */
	x[1] = answered ? q->r[FFA_AVAIL_IDS] << 16 | request_sender(q) : FFA_TARGET(sp->id, 0);
	if (answered && is_wide(q))
		x[WIDE_PAYLOAD] = (uint32_t)reply.status;
	if (!answered || is_wide(q))
		return;
	x[FFA_AVAIL_TYPE] = q->r[FFA_AVAIL_TYPE];
	if (is_framework(q) && reply.form == SP_RESP)
		x[FFA_AVAIL_TYPE] = FFA_FRAMEWORK | (request_type(q) + 1u);
	x[FFA_AVAIL_STATUS] = (uint32_t)reply.status;
}

static void note(struct world *w, uint32_t index, const struct request *q, struct sp_reply reply)
{
	if (is_availability(q))
		sp_log(&w->book->sp[index], w->realtime, (uint16_t)q->r[FFA_AVAIL_VM_ID], request_type(q), reply);
}

static bool refuse(struct world *w, uint32_t index, const struct request *q, int32_t status, uint64_t *x)
{
	note(w, index, q, (struct sp_reply){ SP_ERROR, status });
	return call_error(x, status);
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
	if (is_wide(q))
		memcpy(&x[WIDE_PAYLOAD], &q->x[WIDE_PAYLOAD], (FFA_REGISTERS - WIDE_PAYLOAD) * sizeof(*x));
	for (int i = FFA_AVAIL_STATUS; i < 8 && !is_wide(q); i++)
		x[i] = q->r[0] & FFA_SMC64 ? q->x[i] : q->r[i];
}

/* The SP takes it; what its answer is in its own words. */
static struct sp_reply take(const struct sp_config *c, struct sp *sp, const struct request *q, uint64_t now)
{
	const struct personality *p = personality_get(c->personality);
	uint16_t vm = (uint16_t)q->r[FFA_AVAIL_VM_ID];

	if (request_type(q) == FFA_VM_CREATED_REQ)
		return p->created(c, sp, vm, now);
	if (request_type(q) == FFA_VM_DESTROYED_REQ)
		return p->destroyed(c, sp, vm, now);
	if (request_type(q) == FFA_VERSION_REQ && p->answers_version)
		return (struct sp_reply){ SP_RESP, OPTEE_VERSION };
	return p->unknown_type;
}

static void leave_open(struct sp *sp, const struct request *q)
{
	memcpy(sp->open_x, q->x, sizeof(sp->open_x));
	sp->open = 1;
}

/* A forged answer that says the call goes on leaves it open, as the SPMC would see it. */
static bool forge(const struct sp_config *c, struct sp *sp, const struct request *q, uint64_t *x)
{
	const struct personality *p = personality_get(c->personality);

	if (!p->forge || !p->forge(c, sp, x))
		return false;
	if ((uint32_t)x[0] == FFA_INTERRUPT || (uint32_t)x[0] == FFA_YIELD)
		leave_open(sp, q);
	return true;
}

/* The SP itself gets the request. */
static void serve(struct world *w, uint32_t index, const struct request *q, uint64_t *x)
{
	const struct sp_config *c = &w->config.sp[index];
	struct sp *sp = &w->book->sp[index];
	struct sp_reply reply = { SP_RESP, FFA_OK };

	if (is_framework(q)) {
		reply = take(c, sp, q, w->monotonic);
		put_reply(sp, q, reply, x);
	} else {
		serve_partition(c, sp, q, x);
	}
	world_plan(w, index, w->monotonic);
	if (forge(c, sp, q, x))
		reply = (struct sp_reply){ SP_FORGED, FFA_OK };
	note(w, index, q, reply);
}

/* ---- faults ---- */

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

static void do_fault(struct world *w, uint32_t index, const struct request *q, enum sp_fault f, uint64_t *x)
{
	struct sp *sp = &w->book->sp[index];
	struct sp_reply reply = faults[f].reply;

	if (reply.form == SP_RESP && !is_framework(q)) /* a partition message has no status of its own */
		reply.form = SP_ERROR;
	if (faults[f].open)
		leave_open(sp, q);
	note(w, index, q, reply);
	put_reply(sp, q, reply, x);
	if (faults[f].abort)
		(void)world_event(w, WORLD_CRASH, index, w->monotonic);
}

/* ---- a request that was delivered ---- */

/* x: FFA_RUN of what is open, or a new request. False: it is done, and nobody hears of it. */
static bool execute(struct world *w, uint32_t index, uint64_t *x)
{
	struct sp *sp = &w->book->sp[index];
	struct request q = read_request(x);
	enum sp_fault f = SP_FAULT_COUNT;

	if (sp->open) {
		q = read_request(sp->open_x);
		sp->open = 0;
	} else {
		f = next_fault(&w->config.sp[index], sp);
	}
	if (f < SP_FAULT_MUTE)
		do_fault(w, index, &q, f, x);
	else
		serve(w, index, &q, x);
	if (f == SP_FAULT_MUTE)
		sp->counts.unanswered++;
	return f != SP_FAULT_MUTE;
}

/* The delay is over. */
void direct_execute(struct world *w, uint32_t index)
{
	struct world_late *l = &w->late[index];
	uint64_t call[FFA_REGISTERS];
	bool answered;

	memcpy(call, l->x, sizeof(call));
	answered = execute(w, index, l->x);
	call_finish(spmc_of_sp(w, index), call, l->x);
	l->done = true;
	if (!answered || l->abandoned)
		l->due = WORLD_NEVER;
}

static bool deliver(struct world *w, uint32_t index, uint64_t *x)
{
	uint32_t delay = w->config.sp[index].delay_us;
	struct world_late *l = &w->late[index];

	if (w->book->sp[index].panicked) {
		w->book->sp[index].counts.unanswered++;
		return CALL_UNANSWERED;
	}
	if (!delay)
		return execute(w, index, x);
	*l = (struct world_late){ .due = w->monotonic + delay * UINT64_C(1000), .call = w->call };
	memcpy(l->x, x, sizeof(l->x));
	return CALL_UNANSWERED;
}

bool call_direct_req(struct world *w, uint64_t *x)
{
	struct request q = read_request(x);
	int index = spmc_receiver(w, (uint16_t)q.r[FFA_AVAIL_IDS]);
	int32_t status;

	if (index < 0)
		return call_error(x, FFA_INVALID_PARAMETERS);
	if ((q.r[0] & FFA_SMC64) && !is_wide(&q) && !spmc_of_sp(w, (uint32_t)index)->smc64)
		return call_error(x, FFA_NOT_SUPPORTED);
	status = gate(w, (uint32_t)index, &q);
	if (status != FFA_OK)
		return refuse(w, (uint32_t)index, &q, status, x);
	return deliver(w, (uint32_t)index, x);
}

/* Cycles for an SP that waits for requests: what comes of it is the SP's business (s.9). */
static bool run_idle(struct world *w, uint32_t index, uint64_t *x)
{
	enum sp_idle_run run = personality_get(w->config.sp[index].personality)->idle_run;

	if (run == SP_IDLE_RUN_REFUSED)
		return call_error(x, FFA_INVALID_PARAMETERS);
	if (run == SP_IDLE_RUN_PANICS) {
		(void)world_event(w, WORLD_PANIC, index, w->monotonic);
		w->book->sp[index].counts.unanswered++;
		return CALL_UNANSWERED;
	}
	memset(x, 0, FFA_REGISTERS * sizeof(*x));
	x[0] = FFA_MSG_WAIT;
	return CALL_ANSWERED;
}

/* w1: target. Goes on with the call that was preempted, if there is one. */
bool call_run(struct world *w, uint64_t *x)
{
	uint32_t target = (uint32_t)x[1];
	int index = world_find(w, (uint16_t)(target >> 16));
	const struct sp *sp;

	if (index < 0 || (target & 0xFFFFu))
		return call_error(x, FFA_INVALID_PARAMETERS);
	sp = &w->book->sp[index];
	if (partition_gate(sp) != FFA_OK)
		return call_error(x, partition_gate(sp));
	if (w->late[index].due != WORLD_NEVER)
		return call_error(x, FFA_BUSY);
	return sp->open || sp->panicked ? deliver(w, (uint32_t)index, x) : run_idle(w, (uint32_t)index, x);
}
