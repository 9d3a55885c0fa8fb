/* SPDX-License-Identifier: Apache-2.0 */
#include "model/mediator.h"

#include <assert.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mutant.h"
#include "model/directory.h"
#include "model/guest_sp.h"
#include "model/message.h"
#include "model/notification.h"
#include "model/notification_sp.h"
#include "model/step.h"

#define NARROW 8 /* registers of a call that is not one of v1.2's wide ones */

/* ---- answers ---- */

/* What is shown of its vCPUs is another: not worth a turn that everybody is told of. */
static void note_call(struct step *s, const struct life *l)
{
	if (l->vm && list_is_empty(&l->vm->called))
		list_append(&s->m->called, &l->vm->called);
}

struct guest_call *mediator_put(struct step *s, struct guest_vcpu *v)
{
	struct guest_call *answer = &put_output(s, OUT_GUEST_ANSWER, v->life->number)->guest;

	v->since = s->now;
	note_call(s, v->life);
	*answer = (struct guest_call) { .vcpu = v->index };
	return answer;
}

void mediator_answer(struct step *s, struct guest_vcpu *v, enum ffa_status status)
{
	struct guest_call *answer = mediator_put(s, v);

	answer->x[0] = status == FFA_OK ? FFA_SUCCESS : FFA_ERROR;
	answer->x[2] = (uint32_t)status;
}

/* FFA_RUN, FFA_MSG_WAIT and FFA_YIELD name a vCPU in w1 (s.4.10). */
static void answer_target(struct step *s, struct guest_vcpu *v, uint32_t function, uint32_t target)
{
	struct guest_call *answer = mediator_put(s, v);

	answer->x[0] = function;
	answer->x[1] = target;
}

/* The duty is over. Gives who waited for it, who goes on now; NULL: nobody did. */
static struct guest_vcpu *relieve(struct guest_vcpu *v)
{
	struct guest_vcpu *caller = v->from;
	bool waited = caller && caller->stance == GUEST_BLOCKED && caller->to == v;

	v->duty = DUTY_NONE;
	v->from = NULL;
	list_remove(&v->serves);
	if (!waited)
		return NULL;
	caller->stance = GUEST_RUNS;
	caller->to = NULL;
	return caller;
}

/* ---- who may call whom ---- */

/* Would `caller` wait for itself, if it waited for `callee`? Each link of a chain is one that waits: it ends. */
static bool is_up_the_chain(const struct guest_vcpu *caller, const struct guest_vcpu *callee)
{
	const struct guest_vcpu *v = caller;

	while (v && v != callee)
		v = v->from;
	return v;
}

/* The vCPU of a VM that ends is aborted by force, if it has not come further (ch. 7). */
static enum vcpu_state state_at_the_end(const struct life *l, unsigned index)
{
	enum vcpu_state state = mediator_vcpu_state(l, index);

	return state == VCPU_NULL || state == VCPU_STOPPED ? state : VCPU_ABORTED;
}

/* Up to the vCPU: what an id and the state of its VM are answered. */
static enum ffa_status find_callee(const struct step *s, const struct life *l, uint16_t id, uint16_t index, bool run,
	struct life **ret)
{
	struct life *callee = id < FFA_ID_VM_COUNT ? s->m->endpoint[id] : NULL;
	enum ffa_status status;

	if (!callee || callee == l || index >= callee->begun.vcpu_count || callee->now.state == VM_NULL)
		return FFA_INVALID_PARAMETERS;
	if (callee->now.state == VM_CREATED && !run)
		return FFA_BUSY;
	if (callee->now.state == VM_ABORTING) {
		status = mediator_status(state_at_the_end(callee, index), run);
		assert(status != FFA_OK);
		return status;
	}
	*ret = callee;
	return FFA_OK;
}

enum ffa_status mediator_find(struct step *s, const struct life *from, uint16_t id, struct life **ret)
{
	return find_callee(s, from, id, 0, false, ret);
}

/* An open request comes first, then what is on the CPU, then the chain, then the state. */
static enum ffa_status check_vcpu(const struct guest_vcpu *from, const struct life *callee, uint16_t index, bool run)
{
	enum vcpu_state state = mediator_vcpu_state(callee, index);
	const struct guest_vcpu *to = callee->guest ? &callee->guest[index] : NULL;
	bool resumes = run && to && to->stance == GUEST_YIELDED && to->from == from;
	enum ffa_status status;

	if (to && to->duty != DUTY_NONE && !resumes)
		return MUTANT(MUTANT_P5_SECOND_REQUEST) ? FFA_OK : FFA_BUSY;
	if (to && state != VCPU_RUNNING && state != VCPU_STARTING && is_up_the_chain(from, to))
		return FFA_DENIED;
	status = mediator_status(state, run);
	if (status != FFA_OK || resumes)
		return status;
	return to && to->stance == GUEST_WAITS ? FFA_OK : FFA_BUSY;
}

static void block(struct guest_vcpu *from, struct guest_vcpu *to, enum guest_duty duty)
{
	from->stance = GUEST_BLOCKED;
	if (MUTANT(MUTANT_P5_SECOND_REQUEST) && to->from && to->from->to == to)
		to->from->to = NULL; /* who asked first is lost sight of */
	from->to = to;
	to->stance = GUEST_RUNS;
	to->duty = (uint8_t)duty;
	to->from = from;
	list_remove(&to->serves);
	list_append(&from->served, &to->serves);
}

/* ---- direct messages (s.7.2.1, s.15) ---- */

static bool is_wide_message(uint32_t function)
{
	return function == FFA_MSG_SEND_DIRECT_REQ2 || function == FFA_MSG_SEND_DIRECT_RESP2;
}

static bool is_64(const struct guest_call *call)
{
	return (uint32_t)call->x[0] & FFA_SMC64;
}

/* What of a message crosses over: eight registers, of 32 bits in the 32-bit form; all of them in REQ2 and RESP2. */
void mediator_copy(const struct guest_call *message, uint64_t x[FFA_REGISTERS])
{
	bool wide = is_wide_message((uint32_t)message->x[0]);

	memset(x, 0, FFA_REGISTERS * sizeof(*x));
	for (unsigned i = 0; i < (wide ? FFA_REGISTERS : NARROW); i++)
		x[i] = is_64(message) && !MUTANT(MUTANT_P5_MESSAGE_CUT) ? message->x[i] : (uint32_t)message->x[i];
	x[0] = (uint32_t)message->x[0];
	x[1] = (uint32_t)message->x[1];
}

void mediator_deliver(struct step *s, struct guest_vcpu *v, const struct guest_call *message)
{
	mediator_copy(message, mediator_put(s, v)->x);
}

static uint16_t id_of(const struct life *l)
{
	return l->begun.endpoint;
}

/* w2 of REQ and RESP is flags: a guest sends partition messages alone, a framework message is dropped (s.15.2). */
static bool has_flags(const struct guest_call *call)
{
	return !is_wide_message((uint32_t)call->x[0]) && (uint32_t)call->x[2];
}

static bool is_for_sp(uint32_t id)
{
	return id & FFA_ID_SECURE;
}

static enum ffa_status check_request(const struct step *s, const struct guest_vcpu *v, const struct guest_call *call,
	struct guest_vcpu **ret)
{
	uint32_t ids = (uint32_t)call->x[1];
	const struct life *named = s->m->endpoint[(uint16_t)ids % FFA_ID_VM_COUNT];
	uint16_t index = named && named->begun.vcpu_count > 1 ? call->vcpu : 0; /* s.7.2.1: its own, or the only one */
	struct life *callee;
	enum ffa_status status;

	if (ids >> 16 != id_of(v->life) || has_flags(call))
		return FFA_INVALID_PARAMETERS;
	if (is_for_sp(ids))
		return FFA_OK;
	status = find_callee(s, v->life, (uint16_t)ids, index, false, &callee);
	if (status == FFA_OK)
		status = check_vcpu(v, callee, index, false);
	if (status != FFA_OK)
		return status;
	*ret = &callee->guest[index];
	return is_wide_message((uint32_t)call->x[0]) && (*ret)->version < FFA_VERSION_WORD(1, 2) ? FFA_DENIED : FFA_OK;
}

static void request(struct step *s, struct guest_vcpu *v, const struct guest_call *call)
{
	struct guest_vcpu *to;
	enum ffa_status status = check_request(s, v, call, &to);

	if (status == FFA_OK && is_for_sp((uint32_t)call->x[1])) {
		guest_sp_request(s, v, call);
		return;
	}
	if (status != FFA_OK) {
		mediator_answer(s, v, status);
		return;
	}
	block(v, to, DUTY_RESPOND);
	to->request = (uint32_t)call->x[0];
	mediator_deliver(s, to, call);
}

/* The response that belongs to a request: the same form, RESP for REQ. */
static bool is_response_to(uint32_t request, uint32_t response)
{
	return response == request + 1;
}

/* A request whose caller is gone, or was another daemon's affair: the response goes to nobody. */
static bool is_owed_to_nobody(const struct guest_vcpu *v, const struct guest_call *call)
{
	return v->duty == DUTY_NONE && (call->flags & VMM_CALL_SERVING);
}

static enum ffa_status check_response(const struct guest_vcpu *v, const struct guest_call *call)
{
	uint32_t ids = (uint32_t)call->x[1];

	if (ids >> 16 != id_of(v->life) || has_flags(call))
		return FFA_INVALID_PARAMETERS;
	if (is_owed_to_nobody(v, call))
		return FFA_OK;
	if (v->duty != DUTY_RESPOND || !is_response_to(v->request, (uint32_t)call->x[0]))
		return FFA_DENIED;
	return v->from && (uint16_t)ids != id_of(v->from->life) ? FFA_INVALID_PARAMETERS : FFA_OK;
}

/* Behind its response a vCPU waits for the next request. */
static void respond(struct step *s, struct guest_vcpu *v, const struct guest_call *call)
{
	enum ffa_status status = check_response(v, call);
	struct guest_vcpu *caller;

	if (status != FFA_OK) {
		mediator_answer(s, v, status);
		return;
	}
	caller = relieve(v);
	v->stance = GUEST_WAITS;
	if (MUTANT(MUTANT_P5_RESPONSE_TO_ANY)) {
		struct life *named = s->m->endpoint[(uint16_t)call->x[1] % FFA_ID_VM_COUNT];

		caller = named && named->guest ? &named->guest[0] : NULL;
	}
	if (caller)
		mediator_deliver(s, caller, call);
	notification_wake(s, v);
}

/* ---- cycles (s.14) ---- */

static void run(struct step *s, struct guest_vcpu *v, const struct guest_call *call)
{
	uint32_t target = (uint32_t)call->x[1];
	uint16_t index = (uint16_t)target;
	struct life *callee;
	struct guest_vcpu *to;
	enum ffa_status status = find_callee(s, v->life, (uint16_t)(target >> 16), index, true, &callee);
	bool resumes;

	if (is_for_sp(target >> 16)) {
		guest_sp_run(s, v, (uint16_t)(target >> 16), index);
		return;
	}
	if (status == FFA_OK)
		status = check_vcpu(v, callee, index, true);
	if (status != FFA_OK) {
		mediator_answer(s, v, status);
		return;
	}
	to = &callee->guest[index];
	resumes = to->stance == GUEST_YIELDED;
	block(v, to, resumes ? (enum guest_duty)to->duty : DUTY_RUN);
	if (resumes)
		mediator_answer(s, to, FFA_OK);
	else
		answer_target(s, to, FFA_RUN, target);
}

static uint32_t target_of(const struct guest_vcpu *v)
{
	return FFA_TARGET(id_of(v->life), v->index);
}

static void message_wait(struct step *s, struct guest_vcpu *v, const struct guest_call *call)
{
	struct guest_vcpu *caller;

	if (v->duty == DUTY_RESPOND) {
		mediator_answer(s, v, FFA_DENIED);
		return;
	}
	caller = relieve(v);
	v->stance = GUEST_WAITS;
	if (caller)
		answer_target(s, caller, FFA_MSG_WAIT, target_of(v));
	notification_wake(s, v);
}

/* Nobody lent it the CPU, or nobody is there any more: it goes on. */
static void yield(struct step *s, struct guest_vcpu *v, const struct guest_call *call)
{
	struct guest_vcpu *caller = v->from;
	struct guest_call *answer;

	if (!caller) {
		mediator_answer(s, v, FFA_OK);
		return;
	}
	v->stance = GUEST_YIELDED;
	caller->stance = GUEST_RUNS;
	caller->to = NULL;
	answer = mediator_put(s, caller);
	answer->x[0] = FFA_YIELD;
	answer->x[1] = target_of(v);
	answer->x[2] = (uint32_t)call->x[2];
	answer->x[3] = (uint32_t)call->x[3];
}

/* ---- who there is ---- */

static void partition_info(struct step *s, struct guest_vcpu *v, const struct guest_call *call)
{
	directory_answer(s->m, call, mediator_put(s, v));
}

static void partition_info_listed(struct step *s, struct guest_vcpu *v, const struct guest_call *call)
{
	directory_count(s->m, call, mediator_put(s, v));
}

/* ---- the door ---- */

static const struct {
	uint32_t function;
	void (*take)(struct step *s, struct guest_vcpu *v, const struct guest_call *call);
} calls[] = {
	{ FFA_MSG_WAIT, message_wait },
	{ FFA_YIELD, yield },
	{ FFA_RUN, run },
	{ FFA_MSG_SEND_DIRECT_REQ, request },
	{ FFA_MSG_SEND_DIRECT_REQ | FFA_SMC64, request },
	{ FFA_MSG_SEND_DIRECT_REQ2, request },
	{ FFA_MSG_SEND_DIRECT_RESP, respond },
	{ FFA_MSG_SEND_DIRECT_RESP | FFA_SMC64, respond },
	{ FFA_MSG_SEND_DIRECT_RESP2, respond },
	{ FFA_MSG_SEND2, message_send },
	{ FFA_PARTITION_INFO_GET, partition_info_listed },
	{ FFA_PARTITION_INFO_GET_REGS, partition_info },
	{ FFA_NOTIFICATION_BIND, notification_bind },
	{ FFA_NOTIFICATION_UNBIND, notification_unbind },
	{ FFA_NOTIFICATION_SET, notification_set },
	{ FFA_NOTIFICATION_GET, notification_get },
	{ FFA_NOTIFICATION_INFO_GET, notification_info_get },
	{ FFA_NOTIFICATION_INFO_GET | FFA_SMC64, notification_info_get },
};

static bool is_request(uint32_t function)
{
	function &= ~FFA_SMC64;
	return function == FFA_MSG_SEND_DIRECT_REQ || function == (FFA_MSG_SEND_DIRECT_REQ2 & ~FFA_SMC64);
}

static bool is_sent_to_another(uint32_t function)
{
	function &= ~FFA_SMC64;
	return is_request(function) || function == FFA_RUN || (function == FFA_MSG_SEND2 && !MUTANT(MUTANT_P5_MESSAGE_TWICE));
}

/*
 * A call that was told before, to us on a link that broke or to a daemon that died. What still stands goes on. Else an
 * answer was lost, or with a daemon all that was known: what it asked of another may have been done, and is not sent
 * twice; and whom it served is not answered any more.
 */
static bool is_told_again(struct step *s, struct guest_vcpu *v, const struct guest_call *call, bool first)
{
	struct guest_vcpu *caller;

	if (!(call->flags & VMM_CALL_AGAIN) || MUTANT(MUTANT_P5_SENT_TWICE))
		return false;
	if (v->stance != GUEST_RUNS)
		return true;
	caller = v->duty != DUTY_NONE ? relieve(v) : NULL;
	if (caller)
		mediator_answer(s, caller, FFA_ABORTED);
	if (!is_sent_to_another((uint32_t)call->x[0]) && !notification_sp_is_sent(call))
		return false;
	if (first && is_request((uint32_t)call->x[0]) && is_for_sp((uint32_t)call->x[1]) && guest_sp_doubt(s, v, call))
		return true;
	mediator_answer(s, v, FFA_ABORTED);
	return true;
}

static void take_call(struct step *s, struct guest_vcpu *v, struct guest_call *call)
{
	message_take(v, call);
	for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i].function == (uint32_t)call->x[0]) {
			calls[i].take(s, v, call);
			return;
		}
	mediator_answer(s, v, FFA_NOT_SUPPORTED);
}

void mediator_call(struct step *s, struct life *l, struct guest_call *call)
{
	struct guest_vcpu *v;
	bool first;

	if (call->vcpu >= l->begun.vcpu_count || life_is_over(l))
		return; /* its vCPUs are on their way out */
	if (!l->guest) {
		note_caller(s, l);
		l->guest = take_ptr(&s->m->spare_guest);
		mediator_init(l->guest, l);
	}
	v = &l->guest[call->vcpu];
	first = !v->version;
	v->version = call->version;
	if (!(call->flags & VMM_CALL_AGAIN)) /* else it began before, as its VMM said in BACK */
		v->since = s->now;
	note_call(s, l);
	if (!is_told_again(s, v, call, first))
		take_call(s, v, call);
}

/* Those with a duty to it have it to nobody now; one that had yielded to it goes on. */
static void let_go(struct step *s, struct guest_vcpu *v)
{
	while (!list_is_empty(&v->served)) {
		struct guest_vcpu *other = container_of(v->served.next, struct guest_vcpu, serves);

		list_remove(&other->serves);
		other->from = NULL;
		if (other->stance != GUEST_YIELDED)
			continue;
		other->stance = GUEST_RUNS;
		mediator_answer(s, other, FFA_OK);
	}
}

void mediator_end(struct step *s, struct life *l)
{
	message_end(s, l);
	for (unsigned i = 0; l->guest && i < l->begun.vcpu_count; i++) {
		struct guest_vcpu *v = &l->guest[i], *caller;

		let_go(s, v);
		guest_sp_end(s, v);
		caller = relieve(v);
		if (caller && caller->life != l && !MUTANT(MUTANT_P6_CALLER_FORGOTTEN))
			mediator_answer(s, caller, FFA_ABORTED);
		v->stance = GUEST_RUNS;
		v->to = NULL;
		list_remove(&v->held);
	}
	notification_release(s, l);
}
