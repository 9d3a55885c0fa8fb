/* SPDX-License-Identifier: Apache-2.0 */

/* The book of one SP: which VMs it knows, and what it was asked and answered. */

#include <stdatomic.h>
#include <string.h>

#include "spmc/personality.h"
#include "spmc/world.h"

/* The one door to a VM's entry: what is derived from it moves along. */
void sp_set(struct sp *sp, uint16_t vm, enum sp_vm_state state, uint16_t objects)
{
	struct sp_vm *v = &sp->vm[vm];

	sp->live += (uint32_t)objects - v->objects;
	if (sp->end <= vm)
		sp->end = (uint32_t)vm + 1;
	v->objects = objects;
	v->state = (uint8_t)state;
}

void sp_queue(struct sp *sp, uint16_t vm)
{
	if (sp->queued++)
		sp->vm[sp->queue_last].next = vm;
	else
		sp->queue_first = vm;
	sp->queue_last = vm;
}

void sp_dequeue(struct sp *sp)
{
	sp->queue_first = sp->vm[sp->queue_first].next;
	sp->queued--;
}

/* What a restarted SP has forgotten. Its log and counts are ours, not its own: they stay. */
void sp_forget(struct sp *sp, uint64_t monotonic)
{
	notifiers_forget(&sp->notifiers, monotonic);
	memset(sp->vm, 0, sp->end * sizeof(sp->vm[0]));
	memset(sp->open_x, 0, sizeof(sp->open_x));
	memset(sp->notified_by, 0, sizeof(sp->notified_by));
	sp->notified = 0;
	sp->open = sp->pending = sp->broken = sp->pseudo = 0;
	sp->live = sp->end = sp->queued = 0;
}

/* After a death at any store: the state byte of each VM is the truth, the rest follows from it. */
void sp_recover(struct sp *sp)
{
	sp->live = sp->end = sp->queued = 0;
	for (uint32_t i = 0; i < WORLD_VMS; i++) {
		struct sp_vm *v = &sp->vm[i];

		if (v->state == SP_VM_ABSENT || v->state >= SP_VM_STATE_COUNT) {
			memset(v, 0, sizeof(*v));
			continue;
		}
		if (!v->objects)
			v->objects = 1;
		sp->live += v->objects;
		sp->end = i + 1;
		if (v->state == SP_VM_DESTROY_NOTIFYING)
			sp_queue(sp, (uint16_t)i);
	}
	if (sp->pending && sp->vm[sp->pending_vm].state != SP_VM_ABSENT)
		sp->pending = 0;
	if (sp->vm[FFA_ID_HYPERVISOR].state == SP_VM_ABSENT)
		sp->pseudo = 0;
	notifiers_recover(&sp->notifiers);
}

static void count(struct sp_counts *c, uint8_t message, struct sp_reply reply)
{
	if (reply.status <= 0 && reply.status >= FFA_NOT_READY)
		c->answers[reply.form][-reply.status]++;
	if (reply.form == SP_INTERRUPT || reply.form == SP_YIELD)
		return;
	if (reply.status == FFA_RETRY)
		c->retry++;
	else if (reply.status != FFA_OK || reply.form != SP_RESP)
		c->refused++;
	else if (message == FFA_VM_CREATED_REQ)
		c->created++;
	else
		c->destroyed++;
}

void sp_log(struct sp *sp, uint64_t realtime, uint16_t vm, uint8_t message, struct sp_reply reply)
{
	sp->log[sp->logged % WORLD_LOG] = (struct sp_log){
		.realtime = realtime,
		.vm = vm,
		.message = message,
		.form = (uint8_t)reply.form,
		.status = (int16_t)reply.status,
		.generation = (uint16_t)sp->generation,
	};
	/* The entry before the number that makes it visible. */
	atomic_signal_fence(memory_order_release);
	sp->logged++;
	count(&sp->counts, message, reply);
}
