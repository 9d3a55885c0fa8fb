/* SPDX-License-Identifier: Apache-2.0 */
#include "model/message.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/step.h"

#define V1_2 FFA_VERSION_WORD(1, 2)

static uint16_t id_of(const struct life *l)
{
	return l->begun.endpoint;
}

static void let_go(struct guest_vcpu *v)
{
	list_remove(&v->sends);
	free(v->message.bytes);
	v->message = (struct guest_message) { 0 };
}

void message_take(struct guest_vcpu *v, struct guest_call *call)
{
	let_go(v);
	v->message.bytes = take_ptr(&call->bytes);
	v->message.size = call->size;
}

/* What the sender's TX buffer held when it was copied: its VMM sends what the header speaks of, and no more. */
static enum ffa_status check_message(const struct guest_vcpu *v, const struct guest_call *call, uint16_t *ret_receiver)
{
	size_t least = v->version < V1_2 ? sizeof(struct ffa_message) : sizeof(struct ffa_message_v12);
	struct ffa_message_v12 m = { 0 };

	if (((uint32_t)call->x[1] && (uint32_t)call->x[1] != (uint32_t)id_of(v->life) << 16) ||
		((uint32_t)call->x[2] & ~FFA_MSG_SEND2_DELAY) || v->message.size < least)
		return FFA_INVALID_PARAMETERS;
	memcpy(&m, v->message.bytes, least);
	if (m.v11.flags || m.v11.reserved || m.reserved || m.v11.offset < least ||
		(uint64_t)m.v11.offset + m.v11.size != v->message.size || m.v11.ids >> 16 != id_of(v->life))
		return FFA_INVALID_PARAMETERS;
	*ret_receiver = (uint16_t)m.v11.ids;
	return FFA_OK;
}

void message_send(struct step *s, struct guest_vcpu *v, const struct guest_call *call)
{
	uint16_t receiver = 0;
	struct life *to = NULL;
	enum ffa_status status = check_message(v, call, &receiver);
	struct output *out;

	if (status == FFA_OK)
		status = mediator_find(s, v->life, receiver, &to);
	/* Its RX is about to be full; or its VMM was reported lost, and nobody says when it will be heard of again. */
	if (status == FFA_OK && (!list_is_empty(&to->messages) || to->unreachable))
		status = FFA_BUSY;
	if (status != FFA_OK) {
		let_go(v);
		mediator_answer(s, v, status);
		return;
	}
	v->stance = GUEST_BLOCKED;
	v->message.number = ++s->m->messages;
	v->message.receiver = receiver;
	list_append(&to->messages, &v->sends);
	out = put_output(s, OUT_GUEST_MESSAGE, to->number);
	out->message.from = v->life->number;
	out->message.vcpu = v->index;
	out->message.number = v->message.number;
}

static void be_done(struct step *s, struct guest_vcpu *v, enum ffa_status status)
{
	let_go(v);
	v->stance = GUEST_RUNS;
	mediator_answer(s, v, status);
}

void message_put(struct step *s, struct life *l, uint64_t number, enum ffa_status status)
{
	struct guest_vcpu *v;

	list_for_each(v, &l->messages, sends) {
		if (v->message.number != number)
			continue;
		be_done(s, v, status);
		return;
	}
}

void message_lost(struct step *s, struct life *l)
{
	while (!list_is_empty(&l->messages))
		be_done(s, container_of(l->messages.next, struct guest_vcpu, sends), FFA_ABORTED);
}

void message_end(struct step *s, struct life *l)
{
	message_lost(s, l);
	for (unsigned i = 0; l->guest && i < l->begun.vcpu_count; i++)
		let_go(&l->guest[i]);
}

/* Where all lives go at once the receiver may be gone already: nothing is taken out of its list. */
void message_free(struct life *l)
{
	for (unsigned i = 0; l->guest && i < VM_VCPU_MAX; i++)
		free(l->guest[i].message.bytes);
}

const struct guest_message *message_of(const struct model *m, uint64_t life, uint16_t vcpu, uint64_t number)
{
	const struct life *l = model_life((struct model *)m, life);
	const struct guest_message *message = l && l->guest ? &l->guest[vcpu].message : NULL;

	return message && message->number == number ? message : NULL;
}
