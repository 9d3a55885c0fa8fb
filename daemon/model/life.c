/* SPDX-License-Identifier: Apache-2.0 */
/* A life from its first vCPU to its last byte: enter, abort, quiesce, retire, reclaim. How it begins is in start.c. */
#include "model/step.h"

#include <stdio.h>
#include <string.h>

#include "base/mutant.h"
#include "model/guest_sp.h"
#include "model/order.h"
#include "model/policy.h"
#include "model/vm.h"

/* ---- on its way ---- */

/* One door for every move of a living life. `next` is `now` with what changes. */
static void move(struct step *s, struct life *l, const struct change_state *next)
{
	struct change c = { .kind = CHANGE_STATE, .life = l->number, .state = *next };

	c.state.old_state = l->now.state;
	c.state.old_substate = l->now.substate;
	c.state.since = s->now;
	emit(s, &c);
}

static void move_within(struct step *s, struct life *l, enum vm_substate sub, uint64_t deadline, bool quiesced)
{
	struct change_state next = l->now;

	next.substate = (uint8_t)sub;
	next.deadline = deadline;
	next.quiesced = quiesced;
	move(s, l, &next);
}

void life_substate(struct step *s, struct life *l, enum vm_substate sub, uint64_t deadline)
{
	move_within(s, l, sub, deadline, l->now.quiesced);
	if (deadline)
		set_deadline(s, &l->timer, deadline);
	else
		clear_deadline(s, &l->timer);
}

/* Every SP knows the VM: its vCPUs may enter. */
void life_ready(struct step *s, struct life *l)
{
	life_substate(s, l, VM_SUB_READY, l->vm ? s->now + l->vm->definition->limits.build_timeout_ms * NS_PER_MS : 0);
	life_enter(s, l);
}

void life_enter(struct step *s, struct life *l)
{
	l->enter_sent = true;
	command_vmm(s, l, COMMAND_ENTER); /* a VMM that is not connected gets it when it is back */
}

void life_entered(struct step *s, struct life *l)
{
	struct change_state next = l->now;
	enum vm_state to;

	if (l->now.state != VM_CREATED || l->now.substate != VM_SUB_READY ||
		vm_step((enum vm_state)l->now.state, VM_EV_ENTERED, &to) < 0)
		return;
	clear_deadline(s, &l->timer);
	next.state = (uint8_t)to;
	next.substate = VM_SUB_RUNNING;
	next.deadline = 0;
	move(s, l, &next);
	if (l->vm && l->vm->life == l && l->vm->operation.operation != OP_NONE)
		set_operation(s, l->vm, OP_NONE, 0);
	order_wake(s);
}

/* A VMM has no say about times that are not over yet. */
void life_vcpu(struct step *s, struct life *l, uint32_t index, enum vcpu_state state, uint64_t since)
{
	l->vcpu[index] = (uint8_t)state;
	l->vcpu_since[index] = since && since < s->now ? since : s->now;
}

/* ---- the end ---- */

static void all_vcpus(struct step *s, struct life *l, enum vcpu_state state)
{
	for (unsigned i = 0; i < l->begun.vcpu_count; i++)
		life_vcpu(s, l, i, state, s->now);
}

static void keep_end(struct step *s, struct life *l, enum vm_cause cause, const char *text)
{
	struct change c = { .kind = CHANGE_END, .life = l->number };

	if (!l->vm || l->vm->life != l)
		return;
	c.vm = l->vm->number;
	c.end = l->vm->end;
	c.end.cause = (uint8_t)cause;
	c.end.at = s->realtime;
	snprintf(c.end.text, sizeof(c.end.text), "%s", text ? text : "");
	emit(s, &c);
}

/* An end that nobody asked for may bring a restart: the operation is there at once, so it can be seen and superseded. */
static void apply_policy(struct step *s, struct life *l, enum vm_cause cause)
{
	struct vm *vm = l->vm;
	uint64_t at;

	if (!vm || vm->life != l)
		return;
	if (vm->operation.operation == OP_PAUSE) /* there is nobody left to stand */
		set_operation(s, vm, OP_NONE, 0);
	/* A restart has come this far: it is its new life that ends. Unless that is asked for once more, it failed. */
	if (vm->operation.operation == OP_START ||
		(vm->operation.operation == OP_RESTART && cause != CAUSE_USER_RESTART))
		set_operation(s, vm, OP_NONE, 0);
	if (vm->operation.operation == OP_NONE && policy_restart(s, vm, l, &at) && !MUTANT(MUTANT_P5_NO_RESTART))
		set_operation(s, vm, OP_RESTART, at);
}

static void start_ladder(struct step *s, struct life *l)
{
	if (MUTANT(MUTANT_P3_DESTROYED_EARLY))
		retire_debts(s, l);
	command_vmm(s, l, l->stale ? COMMAND_KILL : COMMAND_QUIESCE); /* who cannot be asked is not waited for */
	set_deadline(s, &l->ladder, s->now + LADDER_EXIT);
}

/* Where an end goes: to what proves that no vCPU can run, then to who may want to look, to those who hold it, to the SPs. */
static void aim(const struct step *s, const struct life *l, struct change_state *next)
{
	if (!next->quiesced) {
		next->substate = VM_SUB_QUIESCING;
		next->deadline = s->now + LADDER_KILL;
	} else if (next->preserve) {
		next->substate = VM_SUB_PRESERVED;
		next->deadline = preserve_until(s, l);
	} else if (!list_is_empty(&l->leases) && !MUTANT(MUTANT_P3_LEASES_IGNORED)) {
		next->substate = VM_SUB_LEASES;
		next->deadline = 0; /* each lease has its own */
	} else {
		next->substate = VM_SUB_RETIRING;
		next->deadline = s->now + s->m->retry.active;
	}
}

/* It got there. */
static void arrive(struct step *s, struct life *l)
{
	if (l->now.quiesced && l->vm && l->vm->life == l)
		shutdown_quiesced(s, l->vm);
	if (l->now.substate == VM_SUB_QUIESCING)
		start_ladder(s, l);
	else if (l->now.substate == VM_SUB_PRESERVED)
		preserve_begin(s, l);
	else if (l->now.substate == VM_SUB_LEASES)
		leases_ask(s, l);
	else
		life_advance_retire(s, l);
}

/*
 * The life ends. Quiesce is proven at once where no vCPU can have entered: the VMM was never told ENTER, or is dead, or
 * said so itself.
 */
static void end(struct step *s, struct life *l, enum vm_cause cause, const char *text, bool quiesced, bool preserve)
{
	struct change_state next = l->now;
	enum vm_state to;

	if (vm_step((enum vm_state)l->now.state, VM_EV_ABORT, &to) < 0)
		return;
	next.quiesced = quiesced || !l->enter_sent || !l->vmm.pid;
	if (cause == CAUSE_USER_STOP && s->m->shutdown.active && s->m->shutdown.host)
		cause = CAUSE_HOST_SHUTDOWN;
	next.preserve = preserve;
	next.cause = (uint8_t)cause;
	snprintf(next.text, sizeof(next.text), "%s", text);
	clear_deadline(s, &l->timer);
	if (l->vm && l->vm->life == l)
		clear_deadline(s, &l->vm->timer);
	keep_end(s, l, cause, text);
	if (MUTANT(MUTANT_P5_SKIP_ABORTING) && cause == CAUSE_GUEST_POWEROFF)
		to = VM_NULL;
	next.state = (uint8_t)to;
	aim(s, l, &next);
	move(s, l, &next);
	apply_policy(s, l, cause);
	mediator_end(s, l);
	if (l->vm && l->vm->life == l)
		order_ended(s, l->vm);
	all_vcpus(s, l, VCPU_ABORTED);
	arrive(s, l);
}

void life_abort(struct step *s, struct life *l, enum vm_cause cause, const char *text, bool quiesced)
{
	end(s, l, cause, text, quiesced, policy_preserves(s, l, cause));
}

void life_abort_kept(struct step *s, struct life *l, enum vm_cause cause)
{
	end(s, l, cause, "", false, true);
}

void life_let_go(struct step *s, struct life *l)
{
	struct change_state next = l->now;

	clear_deadline(s, &l->timer);
	next.preserve = false;
	aim(s, l, &next);
	move(s, l, &next);
	arrive(s, l);
}

static void let_vmm_go(struct step *s, struct life *l)
{
	if (!l->vmm.pid)
		return;
	command_vmm(s, l, COMMAND_EXIT);
	set_deadline(s, &l->ladder, s->now + EXIT_PATIENCE);
}

void life_quiesced(struct step *s, struct life *l)
{
	struct change_state next = l->now;

	if (l->now.state != VM_ABORTING || l->now.substate != VM_SUB_QUIESCING)
		return;
	all_vcpus(s, l, VCPU_STOPPED);
	clear_deadline(s, &l->ladder);
	next.quiesced = true;
	aim(s, l, &next);
	move(s, l, &next);
	arrive(s, l);
}

void life_leases_over(struct step *s, struct life *l)
{
	struct change_state next = l->now;

	if (l->now.substate != VM_SUB_LEASES || !list_is_empty(&l->leases))
		return;
	aim(s, l, &next);
	move(s, l, &next);
	arrive(s, l);
}

static void reclaim(struct step *s, struct life *l)
{
	if (l->reclaim_sent)
		return;
	l->reclaim_sent = true;
	put_output(s, OUT_RECLAIM, l->number)->huge = l->begun.huge;
}

/* Called whenever something that retiring waits for moved. Starts it, too. */
void life_advance_retire(struct step *s, struct life *l)
{
	if (l->now.substate == VM_SUB_RETIRING) {
		if (heap_node_is_out(&l->timer.node) && !l->stuck) {
			set_deadline(s, &l->timer, l->now.deadline);
			let_vmm_go(s, l);
		}
		retire_debts(s, l);
		if (MUTANT(MUTANT_P2_MEMORY_EARLY) && !l->vmm.pid)
			reclaim(s, l);
		if (!debts_are_done(l) || guest_sp_holding(s->m, l))
			return;
		clear_deadline(s, &l->timer);
		l->stuck = false;
		move_within(s, l, VM_SUB_RECLAIMING, 0, true);
	}
	if (l->now.substate == VM_SUB_RECLAIMING && !l->vmm.pid)
		reclaim(s, l);
}

/*
 * Who was on record for it is dead, and left no word: the daemon died between the record and the birth, so that one never had
 * the life. No guest has lost anything, and its start was promised: another VMM gets it, within the time of the first.
 */
static bool is_unborn(const struct life *l, const struct vmm_end *end)
{
	return !MUTANT(MUTANT_P4_UNBORN_ENDS) && l->birth_unsure && l->now.substate == VM_SUB_ALLOCATING &&
		end->cause == CAUSE_VMM_GONE;
}

void life_vmm_gone(struct step *s, struct life *l, const struct vmm_end *end)
{
	struct change c = { .kind = CHANGE_VMM, .life = l->number };
	bool unborn = is_unborn(l, end);

	l->birth_unsure = false;
	l->connected = l->unreachable = l->stale = false;
	clear_deadline(s, &l->ladder);
	if (l->vmm.pid)
		emit(s, &c);
	if (MUTANT(MUTANT_P2_ID_EARLY))
		ids_give_back(&s->m->ids, l->begun.endpoint), s->m->endpoint[l->begun.endpoint] = NULL;
	if (unborn && !s->m->shutting_down)
		put_output(s, OUT_VMM_START, l->number);
	else if (unborn)
		touch(s, l->vm); /* the next daemon's to do */
	else if (l->now.state != VM_ABORTING)
		life_abort(s, l, (enum vm_cause)end->cause, end->text, true);
	else if (l->now.substate == VM_SUB_QUIESCING)
		life_quiesced(s, l);
	else
		life_advance_retire(s, l);
}

/* ---- id and memory are back ---- */

static void gone(struct step *s, struct life *l)
{
	struct change c = { .kind = CHANGE_LIFE_GONE, .life = l->number };

	emit(s, &c);
	wake_for_ids(s);
}

void vm_gone(struct step *s, struct vm *vm)
{
	struct change c = { .kind = CHANGE_VM_GONE, .vm = vm->number };

	waiter_refuse(s, vm, "this VM is gone");
	order_ended(s, vm);
	emit(s, &c);
	wake_for_ids(s);
}

/* ABORTING -> CREATED in one turn; a delay, order or a refusal makes it NULL first. */
static void next_life(struct step *s, struct vm *vm)
{
	char text[END_TEXT_MAX + 1] = "";
	uint64_t not_before = MUTANT(MUTANT_P5_RESTART_EARLY) ? 0 : vm->operation.deadline;

	if (s->m->shutting_down) { /* the next daemon's to do */
		set_operation(s, vm, OP_START, not_before > s->now ? not_before : s->now);
		order_wait(s, vm);
		waiter_refuse(s, vm, "the daemon is stopping: it starts nothing more");
	} else if (not_before > s->now) {
		set_operation(s, vm, OP_START, not_before);
		set_deadline(s, &vm->timer, not_before);
	} else if (order_unmet(s->m, vm) || order_unmet_partition(s->m, vm) || waits_for_ids(s->m, vm)) {
		set_operation(s, vm, OP_START, 0);
		vm_start(s, vm, text, sizeof(text));
	} else if (life_begin(s, vm, text, sizeof(text)) != REFUSED_NOT) {
		set_operation(s, vm, OP_START, s->now);
		set_deadline(s, &vm->timer, s->now);
	}
}

static void life_over(struct step *s, struct vm *vm)
{
	if (vm->operation.operation != OP_NONE)
		set_operation(s, vm, OP_NONE, 0);
	if (vm->waiter && !MUTANT(MUTANT_P6_WAITER_FORGOTTEN))
		waiter_start(s, vm);
	bound_over(s, vm);
}

void life_reclaimed(struct step *s, struct life *l)
{
	struct vm *vm = l->vm && l->vm->life == l ? l->vm : NULL;

	if (l->now.substate != VM_SUB_RECLAIMING)
		return;
	gone(s, l);
	if (!vm)
		return;
	if (vm->operation.operation == OP_DESTROY || vm->removal) {
		vm_gone(s, vm);
		return;
	}
	pending_take(s, vm);
	if ((vm->operation.operation == OP_RESTART && !s->m->shutdown.active) ||
		(vm->operation.operation == OP_STOP && MUTANT(MUTANT_P5_STOP_RESTARTS)))
		next_life(s, vm);
	else
		life_over(s, vm);
}

/*
 * A restart whose old life is stuck at an SP may go on with another id and other memory (policy on-stuck: new-id); the old
 * life settles by itself.
 */
void life_leave_behind(struct step *s, struct life *l)
{
	struct vm *vm = l->vm;
	char text[END_TEXT_MAX + 1] = "";

	if (!vm || vm->life != l || vm->operation.operation != OP_RESTART || l->begun.fixed_id || vm->removal ||
		vm->definition->policies.on_stuck != ON_STUCK_NEW_ID || model_starts_nothing(s->m))
		return;
	if (vm->operation.deadline > s->now && !MUTANT(MUTANT_P5_RESTART_EARLY)) { /* not before its delay is over */
		set_deadline(s, &l->timer, vm->operation.deadline);
		return;
	}
	if (order_unmet(s->m, vm) || order_unmet_partition(s->m, vm) || waits_for_ids(s->m, vm)) {
		order_wait(s, vm);
		return;
	}
	life_begin(s, vm, text, sizeof(text)); /* refused: it waits as with on-stuck: wait */
}

/* ---- deadlines ---- */

void life_timer(struct step *s, struct life *l)
{
	if (l->now.substate == VM_SUB_ALLOCATING) {
		life_abort(s, l, CAUSE_START_FAILED, "the VMM did not build the VM before limits.build-timeout", false);
		command_vmm(s, l, COMMAND_KILL);
	} else if (l->now.substate == VM_SUB_READY) {
		life_abort(s, l, CAUSE_START_FAILED, "no vCPU entered the guest before limits.build-timeout", false);
	} else if (l->now.substate == VM_SUB_ANNOUNCING) {
		life_abort(s, l, CAUSE_SECURE_TIMEOUT, "the secure side could not be reached before limits.announce-timeout",
			false);
	} else if (l->now.substate == VM_SUB_PAUSING) {
		pause_timer(s, l);
	} else if (l->now.substate == VM_SUB_PRESERVED) {
		preserve_end(s, l);
	} else if (l->now.substate == VM_SUB_RETIRING) {
		l->stuck = true;
		touch(s, l->vm);
		mark_stuck(s, l);
		life_leave_behind(s, l);
	}
}

/* Kick and QUIESCE were sent; then EXIT, then SIGKILL. After EXIT at the end of a life: SIGKILL. */
void life_ladder(struct step *s, struct life *l)
{
	touch(s, l->vm); /* until when it waits */
	if (l->now.substate == VM_SUB_QUIESCING && !l->killed && s->now < l->now.since + LADDER_KILL) {
		command_vmm(s, l, COMMAND_EXIT);
		set_deadline(s, &l->ladder, l->now.since + LADDER_KILL);
		return;
	}
	l->killed = true;
	command_vmm(s, l, COMMAND_KILL);
	set_deadline(s, &l->ladder, s->now + LADDER_KILL);
}
