/* SPDX-License-Identifier: Apache-2.0 */

/*
 * An SP that answers as Trusty does (lib/sm): memory is never taken in the call, so a creation is answered RETRY first,
 * always, and done by a thread; there is one slot for such a creation; notifiers run one by one before a destruction is
 * answered 0, once. One thread does all of it, a step a tick, and a notifier that takes its time keeps it from the rest.
 *
 * Departures: between two notifiers of one VM the thread looks at the slot, where the original first runs all that are
 * due; and VMs get their turn in the order of their destruction, not of their ids.
 */

#include "spmc/personality.h"

#include <stdatomic.h>

enum { EV_CREATED, EV_DESTROYED, EV_COUNT };
enum { FX_PEND = 1, FX_REGISTER = 2, FX_NOTIFY = 4 };

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
		[EV_CREATED] = { SP_VM_AVAILABLE, FFA_OK, FX_REGISTER },
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

static void fence(void)
{
	atomic_signal_fence(memory_order_seq_cst);
}

/* ---- notifiers ---- */

/*
 * The pseudo-VM of client 0 (s.2 d), for who asks before any VM was created: made at the first registration, whoever it
 * is for, where no VM is known and none is to come.
 */
static void make_pseudo_vm(struct sp *sp)
{
	if (sp->live || sp->pending)
		return;
	sp->pseudo = 1;
	fence();
	sp_set(sp, FFA_ID_HYPERVISOR, SP_VM_AVAILABLE, 1);
}

static enum notifier_answer trusty_register(struct sp *sp, const struct notifier *n, uint64_t now)
{
	make_pseudo_vm(sp);
	return notifier_register(&sp->notifiers, (enum sp_vm_state)sp->vm[n->vm].state, n, now);
}

/* What the SP's own code does when a VM is there. Where it finds no memory it goes without. */
static void register_own(const struct sp_config *c, struct sp *sp, uint16_t vm, uint64_t now)
{
	sp->vm[vm].plain = (uint8_t)c->notifiers;
	for (uint32_t i = 0; i < c->listed; i++) {
		struct notifier n;

		if (notifier_init(&n, vm, c->list[i].name, &c->list[i].callback) != NOTIFIER_OK ||
			notifier_register(&sp->notifiers, SP_VM_AVAILABLE, &n, now) != NOTIFIER_OK)
			sp->counts.unregistered++;
	}
}

/* ---- the two messages ---- */

/* The slot taken: the second id gets RETRY too, and is not remembered (s.2 e). */
static void pend(struct sp *sp, uint16_t vm)
{
	if (sp->pending)
		return;
	sp->pending_vm = vm;
	sp->pending = 1;
}

static struct sp_reply step(const struct sp_config *c, struct sp *sp, uint16_t vm, int event, uint64_t now)
{
	const struct cell *cell = &cells[sp->vm[vm].state][event];

	if (cell->effects & FX_PEND)
		pend(sp, vm);
	if (cell->to != sp->vm[vm].state)
		sp_set(sp, vm, cell->to, cell->to != SP_VM_ABSENT);
	if (cell->effects & FX_REGISTER)
		register_own(c, sp, vm, now);
	if (cell->effects & FX_NOTIFY)
		sp_queue(sp, vm);
	return (struct sp_reply){ SP_RESP, cell->status };
}

static struct sp_reply trusty_created(const struct sp_config *c, struct sp *sp, uint16_t vm, uint64_t now)
{
	return step(c, sp, vm, EV_CREATED, now);
}

/* By the register the field is 16 bits wide and no id is special: pKVM announces id 0, its host (s.3). */
static struct sp_reply trusty_destroyed(const struct sp_config *c, struct sp *sp, uint16_t vm, uint64_t now)
{
	return step(c, sp, vm, EV_DESTROYED, now);
}

/* ---- the thread ---- */

/* No memory: the creation stays pending until some comes (s.2 f). */
static bool can_allocate(const struct sp_config *c, const struct sp *sp)
{
	return sp->pending && !sp->pseudo && sp->live < c->capacity;
}

/* A real VM is to come: the pseudo-VM goes first. */
static bool must_make_way(const struct sp *sp)
{
	return sp->pending && sp->pseudo && sp->vm[FFA_ID_HYPERVISOR].state == SP_VM_AVAILABLE;
}

static bool can_notify(const struct sp_config *c, const struct sp *sp)
{
	return sp->queued && !c->stuck;
}

/* Its code has something to be told of for the host itself, whenever it knows nobody else. */
static bool can_serve_host(const struct sp_config *c, const struct sp *sp)
{
	return c->host_client && !sp->live && !sp->pending;
}

static uint64_t trusty_work_at(const struct sp_config *c, const struct sp *sp, uint64_t now)
{
	if (sp->notifiers.run.active)
		return sp->notifiers.run.until;
	if (can_allocate(c, sp) || must_make_way(sp) || can_notify(c, sp) || can_serve_host(c, sp))
		return now + c->tick_us * UINT64_C(1000);
	return WORLD_NEVER;
}

static bool allocate(struct sp *sp)
{
	sp_set(sp, sp->pending_vm, SP_VM_FRESH, 1);
	sp->pending = 0;
	return true;
}

static void make_way(struct sp *sp)
{
	sp_set(sp, FFA_ID_HYPERVISOR, SP_VM_DESTROY_NOTIFYING, 1);
	sp_queue(sp, FFA_ID_HYPERVISOR);
}

/* Nobody asks for the pseudo-VM: it is gone as soon as it is notified. */
static bool is_notified(struct sp *sp, uint16_t vm)
{
	bool pseudo = sp->pseudo && vm == FFA_ID_HYPERVISOR;

	sp_dequeue(sp);
	sp_set(sp, vm, pseudo ? SP_VM_ABSENT : SP_VM_DESTROY_NOTIFIED, !pseudo);
	fence();
	if (pseudo)
		sp->pseudo = 0;
	return !pseudo;
}

/* The VM at the head has a notifier more, or has had them all. */
static bool go_on(struct sp *sp)
{
	uint16_t vm = sp->queue_first;

	if (sp->notifiers.run.active || sp->vm[vm].plain || notifier_has(&sp->notifiers, vm))
		return false;
	return is_notified(sp, vm);
}

static bool end_hold(struct sp *sp, uint64_t now)
{
	if (sp->notifiers.run.until > now)
		return false;
	notifier_end(&sp->notifiers, notifier_result_of_hold(&sp->notifiers.run), now);
	return go_on(sp);
}

/* One notifier, of the VM at the head; a VM without any is done at its turn. */
static bool notify_one(struct sp *sp, uint64_t now)
{
	uint16_t vm = sp->queue_first;

	if (sp->vm[vm].plain)
		sp->vm[vm].plain--;
	else if (notifier_begin(&sp->notifiers, vm, now))
		return end_hold(sp, now);
	return go_on(sp);
}

static bool trusty_work(const struct sp_config *c, struct sp *sp, uint64_t now)
{
	struct notifier n;
	bool done = false;

	if (sp->notifiers.run.active)
		return end_hold(sp, now);
	if (can_serve_host(c, sp)) {
		(void)notifier_init(&n, FFA_ID_HYPERVISOR, "host", &(struct notifier_callback){ .kind = NOTIFIER_HOLD });
		(void)trusty_register(sp, &n, now);
	}
	if (must_make_way(sp))
		make_way(sp);
	else if (can_allocate(c, sp))
		done |= allocate(sp);
	if (can_notify(c, sp))
		done |= notify_one(sp, now);
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
	.register_notifier = trusty_register,
	.work_at = trusty_work_at,
	.work = trusty_work,
};
