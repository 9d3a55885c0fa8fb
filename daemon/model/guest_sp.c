/* SPDX-License-Identifier: Apache-2.0 */
#include "model/guest_sp.h"

#include <string.h>

#include "base/mutant.h"
#include "model/notification_sp.h"
#include "model/step.h"

#define DOUBT_LASTS (3 * CALL_TAKES) /* whose call it is that an SP is busy with, is known by then or never */

static struct guest_line *line_at(const struct life *l, const struct sp *sp)
{
	return &container_of((struct guest_vcpu (*)[VM_VCPU_MAX])l->guest, struct guests, vcpu)->line[sp->index];
}

/* ---- the vCPU's side ---- */

/* It waits at no SP any more. */
static void leave(struct guest_vcpu *v)
{
	struct guest_line *line = line_at(v->life, v->at);

	list_remove(&v->wait);
	if (list_is_empty(&line->vcpus))
		list_remove(&line->link);
	if (v->at->guest.vcpu == v)
		v->at->guest.vcpu = NULL;
	v->at = NULL;
	v->stance = GUEST_RUNS;
}

static void answer(struct step *s, struct guest_vcpu *v, enum ffa_status status)
{
	bool spmc = sp_is_spmc(v->at);

	leave(v);
	if (spmc)
		notification_sp_fails(s, v, status);
	else
		mediator_answer(s, v, status);
}

/* The whole of an SP's answer, if it is a response; else its status word. */
static void answer_with(struct step *s, struct guest_vcpu *v, const struct secure_reply *r)
{
	struct guest_call response;

	if (sp_is_spmc(v->at)) {
		leave(v);
		notification_sp_answer(s, v, r);
		return;
	}
	if (r->kind != CALL_GUEST) {
		answer(s, v, r->status < 0 ? (enum ffa_status)r->status : FFA_ABORTED);
		return;
	}
	memcpy(response.x, r->x, sizeof(response.x));
	leave(v);
	mediator_deliver(s, v, &response);
}

static void block_at(struct guest_vcpu *v, struct sp *sp)
{
	v->stance = GUEST_BLOCKED;
	v->to = NULL;
	v->at = sp;
}

static void join_line(struct guest_vcpu *v, struct sp *sp)
{
	struct guest_line *line = line_at(v->life, sp);

	if (list_is_empty(&line->vcpus))
		list_append(&sp->guest.lines, &line->link);
	list_append(&line->vcpus, &v->wait);
}

/* ---- whether an SP may be asked ---- */

/*
 * Whoever may know a life is owed its end: an SP that wants to hear of VMs hears of this one first. To one that restarted
 * the VM is announced again; meanwhile others serve it.
 */
static bool is_known_to(const struct life *l, const struct sp *sp)
{
	bool wants = sp_wants(sp, FFA_PROP_VM_CREATED) || sp_wants(sp, FFA_PROP_VM_DESTROYED);

	return !wants || l->debt[sp->index].state == DEBT_KNOWN || MUTANT(MUTANT_P3_GUEST_UNKNOWN);
}

/* It may have a framework message open, or takes nothing of anybody: so it would answer itself. */
static bool is_busy(const struct sp *sp)
{
	return sp->unsure || sp->collect || sp->open.has_target || !heap_node_is_out(&sp->rest.node);
}

static enum ffa_status check_sp(const struct model *m, const struct life *l, const struct sp *sp, uint32_t function)
{
	uint32_t receives = function == FFA_MSG_SEND_DIRECT_REQ2 ? FFA_PROP_DIRECT_REQ2_RECEIVE : FFA_PROP_DIRECT_REQ_RECEIVE;

	if (!sp || !sp_is_there(sp) || sp_is_spmc(sp))
		return FFA_INVALID_PARAMETERS;
	if (!(sp->info.properties & receives))
		return FFA_DENIED;
	return !m->secure_up || is_busy(sp) || !is_known_to(l, sp) ? FFA_BUSY : FFA_OK;
}

/* The sender and w2 are the mediator's to check: they are the same for a request to a guest. */
void guest_sp_request(struct step *s, struct guest_vcpu *v, const struct guest_call *call)
{
	struct sp *sp = model_sp(s->m, (uint16_t)call->x[1]);
	enum ffa_status status = check_sp(s->m, v->life, sp, (uint32_t)call->x[0]);

	if (status != FFA_OK) {
		mediator_answer(s, v, status);
		return;
	}
	guest_sp_wait(s, v, sp, call);
}

void guest_sp_wait(struct step *s, struct guest_vcpu *v, struct sp *sp, const struct guest_call *call)
{
	mediator_copy(call, v->x);
	block_at(v, sp);
	join_line(v, sp);
	pump(s, sp);
}

/*
 * A call of a guest is run on by us, so a guest finds nothing to run: its SP executes, or waits for messages. FFA_RUN of
 * one that waits never leaves, for there are SPs that panic of it; the answer is that of those that do not.
 */
void guest_sp_run(struct step *s, struct guest_vcpu *v, uint16_t id, uint16_t index)
{
	const struct sp *sp = model_sp(s->m, id);
	bool there = sp && sp_is_there(sp) && !sp_is_spmc(sp) && (!sp->info.contexts || index < sp->info.contexts);
	bool busy = there && (!s->m->secure_up || sp->out || sp->guest.out || sp->guest.suspended || is_busy(sp));

	mediator_answer(s, v, busy ? FFA_BUSY : FFA_INVALID_PARAMETERS);
}

/* ---- calls that leave ---- */

static void put_guest_call(struct step *s, struct sp *sp, bool run, uint32_t target, const uint64_t *x)
{
	struct guest_at_sp *g = &sp->guest;
	struct secure_call *call = &put_output(s, OUT_SECURE_CALL, g->life)->call;
	const struct life *l = model_life(s->m, g->life);

	call->sp = sp->info.id;
	call->kind = CALL_GUEST;
	call->spmc = sp_is_spmc(sp);
	call->vcpu = g->vcpu ? g->vcpu->index : 0;
	call->run = run;
	call->target = target;
	call->life = g->life;
	call->endpoint = g->endpoint;
	if (x)
		memcpy(call->x, x, sizeof(call->x));
	if (x && call->spmc)
		notification_sp_narrow(call->x);
	if (l)
		memcpy(call->name, l->begun.name, sizeof(call->name));
	g->out = true;
	g->running = run;
}

/* The next in turn. */
static struct guest_vcpu *next(struct sp *sp)
{
	struct guest_line *line = list_first(&sp->guest.lines, struct guest_line, link);
	struct guest_vcpu *v;

	if (!line)
		return NULL;
	v = list_first(&line->vcpus, struct guest_vcpu, wait);
	list_remove(&v->wait);
	list_remove(&line->link);
	if (!list_is_empty(&line->vcpus))
		list_append(&sp->guest.lines, &line->link);
	return v;
}

/* Before guests' calls: nobody who asks without end keeps others from hearing that they have something. */
static void ask_info(struct step *s, struct sp *spmc)
{
	struct guest_at_sp *g = &spmc->guest;
	const uint64_t x[FFA_REGISTERS] = { FFA_NOTIFICATION_INFO_GET | FFA_SMC64 };

	if (!g->info_due || !heap_node_is_out(&spmc->resume.node) || !notification_sp_is_awaited(s->m, spmc))
		return;
	g->info_due = false;
	g->life = 0;
	g->endpoint = 0;
	g->vcpu = NULL;
	g->since = s->now;
	g->asks = true;
	put_guest_call(s, spmc, false, 0, x);
}

static enum ffa_status check(const struct model *m, const struct guest_vcpu *v, const struct sp *sp)
{
	return sp_is_spmc(sp) ? notification_sp_check(m, v, sp) : check_sp(m, v->life, sp, (uint32_t)v->x[0]);
}

void guest_sp_pump(struct step *s, struct sp *sp)
{
	struct guest_at_sp *g = &sp->guest;
	struct guest_vcpu *v;

	if (sp_is_spmc(sp))
		ask_info(s, sp);
	while (!g->out && (v = next(sp))) {
		/* Much may have happened while it waited. */
		enum ffa_status status = check(s->m, v, sp);

		if (status != FFA_OK) {
			answer(s, v, status);
			continue;
		}
		g->life = v->life->number;
		g->endpoint = v->life->begun.endpoint;
		g->vcpu = v;
		g->since = s->now;
		put_guest_call(s, sp, false, 0, v->x);
	}
}

/* The call is over, or nothing is known of it any more: what its life waited for may go on. */
static void close_call(struct step *s, struct sp *sp)
{
	struct life *l = model_life(s->m, sp->guest.life);

	sp->guest.life = 0;
	sp->guest.vcpu = NULL;
	sp->guest.suspended = false;
	if (l && life_is_over(l))
		life_advance_retire(s, l);
}

/* BUSY for longer than a call takes, and nothing of ours was open: it is a guest's, of whom nobody knows. */
void guest_sp_go_on(struct step *s, struct sp *sp)
{
	struct guest_at_sp *g = &sp->guest;

	if (g->suspended) {
		put_guest_call(s, sp, true, g->target, NULL);
		return;
	}
	g->life = 0;
	g->endpoint = 0;
	g->vcpu = NULL;
	g->since = s->now;
	put_guest_call(s, sp, true, FFA_TARGET(sp->info.id, 0), NULL);
}

/* ---- doubt ---- */

static void into_doubt(struct step *s, struct guest_vcpu *v)
{
	struct guest_at_sp *g = &v->at->guest;

	v->doubt_by = s->now + DOUBT_LASTS;
	list_append(&g->doubtful, &v->wait);
	if (heap_node_is_out(&g->doubt.node))
		set_deadline(s, &g->doubt, v->doubt_by);
}

/* The answer to the call that was out, or what became of a suspended one, will not be known. */
static void answer_is_lost(struct step *s, struct sp *sp)
{
	struct guest_at_sp *g = &sp->guest;
	struct guest_vcpu *v = g->vcpu;

	g->unsure = !sp_is_spmc(sp); /* there nothing stays open, and nobody is answered late */
	g->vcpu = NULL;
	if (v && MUTANT(MUTANT_P5_SP_SENT_TWICE))
		join_line(v, sp);
	else if (v && sp_is_spmc(sp))
		answer(s, v, FFA_ABORTED);
	else if (v)
		into_doubt(s, v);
	close_call(s, sp);
}

/* On those whose time is over by then; they stand in the order of that. */
static void give_up(struct step *s, struct sp *sp, uint64_t by, bool open)
{
	struct guest_vcpu *v;

	clear_deadline(s, &sp->guest.doubt);
	if (!list_is_empty(&sp->guest.doubtful) && MUTANT(MUTANT_P6_DOUBT_FOREVER))
		return;
	while ((v = list_first(&sp->guest.doubtful, struct guest_vcpu, wait)) && v->doubt_by <= by) {
		line_at(v->life, sp)->gave_up = open;
		answer(s, v, FFA_ABORTED);
	}
	if (v)
		set_deadline(s, &sp->guest.doubt, v->doubt_by);
}

void guest_sp_doubt_timer(struct step *s, struct sp *sp)
{
	give_up(s, sp, s->now, sp->guest.unsure);
}

void guest_sp_is_free(struct step *s, struct sp *sp)
{
	struct life *l;

	if (!sp->guest.unsure)
		return;
	sp->guest.unsure = false;
	give_up(s, sp, UINT64_MAX, false);
	list_for_each(l, &s->m->lives, all)
		if (l->guest)
			line_at(l, sp)->gave_up = false;
}

/* A daemon that was told of this call died, and we hear of its vCPU for the first time. */
bool guest_sp_doubt(struct step *s, struct guest_vcpu *v, const struct guest_call *call)
{
	struct sp *sp = model_sp(s->m, (uint16_t)call->x[1]);

	if (!sp || !sp->guest.unsure || !sp_is_there(sp))
		return false;
	mediator_copy(call, v->x);
	block_at(v, sp);
	into_doubt(s, v);
	return true;
}

/*
 * Whose answer that is, of those that wait in doubt: the one call of the VM that it names and of its form. Where there are
 * two, or there was one that was given up, nobody can tell.
 */
static struct guest_vcpu *who_is_named(struct sp *sp, uint16_t endpoint, uint32_t response)
{
	struct guest_vcpu *v, *found = NULL;

	list_for_each(v, &sp->guest.doubtful, wait) {
		if (v->life->begun.endpoint != endpoint || (uint32_t)v->x[0] + 1 != response)
			continue;
		if (found || line_at(v->life, sp)->gave_up)
			return NULL;
		found = v;
	}
	return found;
}

#ifdef LIFECYCLED_MUTANTS
static struct guest_vcpu *anybody(const struct model *m)
{
	struct life *l;

	list_for_each(l, &m->lives, all)
		for (unsigned i = 0; l->guest && i < l->begun.vcpu_count; i++)
			if (l->guest[i].at)
				return &l->guest[i];
	return NULL;
}
#endif

void guest_sp_found(struct step *s, struct sp *sp, const struct secure_reply *r)
{
	struct guest_vcpu *v = who_is_named(sp, (uint16_t)r->x[1], (uint32_t)r->x[0]);

#ifdef LIFECYCLED_MUTANTS
	v = MUTANT(MUTANT_P5_STRANGER_ANSWERED) ? anybody(s->m) : v;
#endif
	if (v)
		answer_with(s, v, r);
}

/* ---- answers ---- */

static void suspended(struct step *s, struct sp *sp, const struct secure_reply *r)
{
	struct guest_at_sp *g = &sp->guest;

	g->suspended = true;
	g->target = r->target;
	sp->collect = false;
	if (g->life)
		guest_sp_is_free(s, sp); /* what is open is known */
	pace_run(s, sp, pace_is_late(s, sp, g->since), r->verdict == VERDICT_PREEMPTED ? 0 : r->wait_ns ? r->wait_ns : YIELD_WAIT);
}

/* What became of it is not known: it went with its instance, or our picture of it was wrong. */
static void vanished(struct step *s, struct sp *sp)
{
	struct guest_vcpu *v = sp->guest.vcpu;

	sp->guest.unsure = true;
	if (v) {
		line_at(v->life, sp)->gave_up = true; /* should it be there after all, its answer is not that of the next call */
		answer(s, v, FFA_ABORTED);
	}
	close_call(s, sp);
}

/* It did not leave: news of the SP, or of the link, was in front of it. */
static void unsent(struct step *s, struct sp *sp, bool was_run)
{
	struct guest_vcpu *v = sp->guest.vcpu;

	if (was_run && sp->guest.suspended)
		return;
	if (v)
		answer(s, v, FFA_BUSY);
	sp->guest.info_due |= sp->guest.asks;
	sp->guest.asks = false;
	close_call(s, sp);
}

static void ended(struct step *s, struct sp *sp, const struct secure_reply *r, bool was_run)
{
	struct guest_at_sp *g = &sp->guest;
	struct guest_vcpu *v = g->vcpu;

	bool idle = was_run && (r->verdict == VERDICT_IDLE || r->verdict == VERDICT_UNKNOWN_SP); /* nothing was open */

	if (g->asks)
		notification_sp_info(s, sp, r);
	else if (!g->life && r->kind == CALL_GUEST)
		guest_sp_found(s, sp, r);
	else if (v && idle)
		answer(s, v, FFA_ABORTED);
	else if (v)
		answer_with(s, v, r);
	/* BUSY to FFA_RUN: nothing is suspended there, whoever it was that was BUSY before. */
	if (r->kind == CALL_GUEST || idle || (was_run && r->verdict == VERDICT_BUSY))
		guest_sp_is_free(s, sp);
	close_call(s, sp);
}

void guest_sp_reply(struct step *s, struct sp *sp, const struct secure_reply *r)
{
	struct guest_at_sp *g = &sp->guest;
	bool was_run = g->running, collected = sp->collect;
	enum verdict verdict = r->verdict < VERDICT_COUNT ? (enum verdict)r->verdict : VERDICT_BROKEN;

	if (was_run)
		verdict = verdict_of_run(verdict, r->kind);
	g->out = g->running = false;
	sp->collect = !r->unsent && must_be_open(s, sp, verdict, was_run);
	if (!r->unsent)
		sp_spoke(s, sp, verdict);
	if (r->unsent)
		unsent(s, sp, was_run);
	else if (verdict == VERDICT_PREEMPTED || verdict == VERDICT_YIELDED)
		suspended(s, sp, r);
	else if (was_run && g->suspended && verdict == VERDICT_INTERRUPTED)
		pace_run(s, sp, pace_is_late(s, sp, g->since), YIELD_WAIT); /* it was not even run */
	else if (was_run && verdict == VERDICT_BUSY && !collected)
		vanished(s, sp);
	else
		ended(s, sp, r, was_run);
	pump(s, sp);
}

/* ---- the SP, or the way to it, is not what it was ---- */

void guest_sp_take_back(struct step *s, struct sp *sp)
{
	if (!sp->guest.out)
		return;
	sp->guest.out = false;
	unsent(s, sp, sp->guest.running);
	sp->guest.running = false;
}

static void refuse_all(struct step *s, struct sp *sp, enum ffa_status status)
{
	struct guest_vcpu *v;

	while ((v = next(sp)))
		answer(s, v, status);
}

/* A call that is out is answered still, by whoever has it. */
void guest_sp_lost(struct step *s, struct sp *sp)
{
	struct guest_at_sp *g = &sp->guest;
	struct guest_vcpu *v = g->vcpu;

	if (!g->out) {
		guest_sp_is_free(s, sp);
		if (v)
			answer(s, v, FFA_ABORTED);
		close_call(s, sp);
	}
	if (!sp_is_there(sp))
		refuse_all(s, sp, FFA_INVALID_PARAMETERS);
}

/* One that is suspended stays so. */
void guest_sp_link_down(struct step *s, struct sp *sp)
{
	struct guest_at_sp *g = &sp->guest;
	bool out = g->out;

	g->out = g->running = false;
	g->info_lost |= g->asks;
	g->asks = false;
	if (out && MUTANT(MUTANT_P3_GUEST_RUN_IDLE)) {
		g->suspended = true;
		g->target = FFA_TARGET(sp->info.id, 0);
	} else if (out) {
		answer_is_lost(s, sp);
	}
	if (!MUTANT(MUTANT_P5_SP_SENT_TWICE))
		refuse_all(s, sp, FFA_BUSY);
}

void guest_sp_doubted(struct step *s, struct sp *sp)
{
	if (sp->guest.suspended && !sp->guest.out)
		answer_is_lost(s, sp);
}

/* ---- a life's end ---- */

void guest_sp_end(struct step *s, struct guest_vcpu *v)
{
	struct sp *sp = v->at;
	bool is_out = sp && sp->guest.vcpu == v;

	if (sp)
		leave(v);
	if (is_out && take_back_call(s, sp)) /* it had not left yet */
		pump(s, sp);
}

bool guest_sp_has(const struct sp *sp, const struct life *l)
{
	return sp->guest.life == l->number && (sp->guest.out || sp->guest.suspended);
}

const struct sp *guest_sp_holding(const struct model *m, const struct life *l)
{
	for (size_t i = 0; i < m->sp_count; i++)
		if (guest_sp_has(&m->sp[i], l) && !MUTANT(MUTANT_P2_ID_UNDER_CALL))
			return &m->sp[i];
	return NULL;
}

/* It is answered, or run to its end, all the same: until then the SP hears nobody else. */
void guest_sp_forget(struct sp *sp, const struct life *l)
{
	if (guest_sp_has(sp, l) && !MUTANT(MUTANT_P6_CALL_UNFORGOTTEN))
		sp->guest.life = 0;
}
