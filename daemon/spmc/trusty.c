/* SPDX-License-Identifier: Apache-2.0 */

/*
 * An SP that answers as Trusty does (lib/sm): memory is never taken in the call,
 * so a creation is answered RETRY first, always, and done by a thread; there is one slot for such a creation; notifiers
 * run one by one before a destruction is answered 0, once. The two threads of the original are the two halves of one
 * tick.
 *
 * Departure: the pseudo-VM of client 0, made lazily at the first notifier of an empty tree (s.2 d), is left out. It has
 * no user here, as no client registers notifiers, and shows as some extra RETRY alone.
 */

#include "spmc/personality.h"

enum { EV_CREATED, EV_DESTROYED, EV_COUNT };
enum { FX_PEND = 1, FX_NOTIFY = 2 };

struct cell {
	enum sp_vm_state to;
	int32_t status;
	uint32_t effects;
};

static const struct cell cells[SP_VM_STATE_COUNT][EV_COUNT] = {
	[SP_VM_ABSENT] = {
		[EV_CREATED] = { SP_VM_ABSENT, FFA_RETRY, FX_PEND },
		[EV_DESTROYED] = { SP_VM_ABSENT, FFA_INVALID_PARAMETERS, 0 },
	},
	[SP_VM_FRESH] = {
		[EV_CREATED] = { SP_VM_AVAILABLE, FFA_OK, 0 },
		[EV_DESTROYED] = { SP_VM_FRESH, FFA_INVALID_PARAMETERS, 0 },
	},
	[SP_VM_AVAILABLE] = {
		[EV_CREATED] = { SP_VM_AVAILABLE, FFA_INVALID_PARAMETERS, 0 },
		[EV_DESTROYED] = { SP_VM_DESTROY_NOTIFYING, FFA_RETRY, FX_NOTIFY },
	},
	[SP_VM_DESTROY_NOTIFYING] = {
		[EV_CREATED] = { SP_VM_DESTROY_NOTIFYING, FFA_INVALID_PARAMETERS, 0 },
		[EV_DESTROYED] = { SP_VM_DESTROY_NOTIFYING, FFA_RETRY, 0 },
	},
	[SP_VM_DESTROY_NOTIFIED] = {
		[EV_CREATED] = { SP_VM_DESTROY_NOTIFIED, FFA_INVALID_PARAMETERS, 0 },
		[EV_DESTROYED] = { SP_VM_ABSENT, FFA_OK, 0 },
	},
};

/* The slot taken: the second id gets RETRY too, and is not remembered (s.2 e). */
static void pend(struct sp *sp, uint16_t vm)
{
	if (sp->pending)
		return;
	sp->pending_vm = vm;
	sp->pending = 1;
}

static struct sp_reply step(const struct sp_config *c, struct sp *sp, uint16_t vm, int event)
{
	const struct cell *cell = &cells[sp->vm[vm].state][event];

	if (cell->effects & FX_PEND)
		pend(sp, vm);
	if (cell->effects & FX_NOTIFY)
		sp->vm[vm].steps = (uint8_t)c->notifiers;
	if (cell->to != sp->vm[vm].state)
		sp_set(sp, vm, cell->to, cell->to != SP_VM_ABSENT);
	if (cell->effects & FX_NOTIFY)
		sp_queue(sp, vm);
	return (struct sp_reply){ SP_RESP, cell->status };
}

static struct sp_reply trusty_created(const struct sp_config *c, struct sp *sp, uint16_t vm)
{
	return step(c, sp, vm, EV_CREATED);
}

/* By the register the field is 16 bits wide and no id is special: pKVM announces id 0, its host (s.3). */
static struct sp_reply trusty_destroyed(const struct sp_config *c, struct sp *sp, uint16_t vm)
{
	return step(c, sp, vm, EV_DESTROYED);
}

/* No memory: the creation stays pending until some comes (s.2 f). */
static bool can_allocate(const struct sp_config *c, const struct sp *sp)
{
	return sp->pending && sp->live < c->capacity;
}

static bool can_notify(const struct sp_config *c, const struct sp *sp)
{
	return sp->queued && !c->stuck;
}

static bool trusty_has_work(const struct sp_config *c, const struct sp *sp)
{
	return can_allocate(c, sp) || can_notify(c, sp);
}

static bool allocate(struct sp *sp)
{
	sp_set(sp, sp->pending_vm, SP_VM_FRESH, 1);
	sp->pending = 0;
	return true;
}

/* One notifier, of the VM at the head; a VM without any is done at its turn. */
static bool notify_one(struct sp *sp)
{
	uint16_t vm = sp->queue_first;

	if (sp->vm[vm].steps > 1) {
		sp->vm[vm].steps--;
		return false;
	}
	sp->vm[vm].steps = 0;
	sp_dequeue(sp);
	sp_set(sp, vm, SP_VM_DESTROY_NOTIFIED, 1);
	return true;
}

static bool trusty_work(const struct sp_config *c, struct sp *sp)
{
	bool done = false;

	if (can_allocate(c, sp))
		done |= allocate(sp);
	if (can_notify(c, sp))
		done |= notify_one(sp);
	return done;
}

const struct personality personality_trusty = {
	.name = "trusty",
	/* 40ee25f0-a2bc-304c-8c4c-a173c57d8af1, by which Linux finds it */
	.uuid = { 0x40, 0xee, 0x25, 0xf0, 0xa2, 0xbc, 0x30, 0x4c, 0x8c, 0x4c, 0xa1, 0x73, 0xc5, 0x7d, 0x8a, 0xf1 },
	.properties = FFA_PROP_DIRECT_REQ_RECEIVE | FFA_PROP_AARCH64,
	.contexts = 1,
	.spmc = WORLD_SPMC_OWN,
	.doorbell = true,
	.created = trusty_created,
	.destroyed = trusty_destroyed,
	.unknown_type = { SP_RESP_UNCHANGED, FFA_NOT_SUPPORTED },
	.unknown_vm = { SP_ERROR, FFA_DENIED },
	.has_work = trusty_has_work,
	.work = trusty_work,
};
