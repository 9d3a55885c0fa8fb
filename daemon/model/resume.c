/* SPDX-License-Identifier: Apache-2.0 */
/* After a load: what is not stored is made anew, and what was under way is taken up where the log left it. */
#include "base/mutant.h"
#include "model/order.h"

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Times of an earlier boot are of another clock, whether that is ahead of this one or behind: what they measure begins now. */
static void shift(uint64_t now, bool same_boot, uint64_t *since, uint64_t *deadline)
{
	if (same_boot && *since <= now)
		return;
	if (*deadline)
		*deadline = now + (*deadline > *since ? *deadline - *since : 0);
	*since = now;
}

/* An intent was stored: the message may have left, and may have been taken. */
static void resume_debts(struct step *s, struct life *l)
{
	for (size_t i = 0; i < s->m->sp_count; i++) {
		struct debt *d = &l->debt[i];

		d->since = s->now;
		if (d->state != DEBT_CREATING && d->state != DEBT_DESTROYING)
			continue;
		d->unsure = true;
		if (sp_is_spmc(&s->m->sp[i]) && MUTANT(MUTANT_P1_BITMAP_UNPAID))
			continue;
		queue_debt(s, &s->m->sp[i], d, QUEUE_BACKOFF);
		if (d->state == DEBT_CREATING && l->now.state == VM_CREATED && l->vm)
			set_deadline(s, &d->patience, later(d->announce_by, s->now + 1));
	}
}

/* The call that left last: its answer may have come and not been stored. Not if its debt has moved on. */
static void resume_open(struct step *s)
{
	for (size_t i = 0; i < s->m->sp_count; i++) {
		struct sp *sp = &s->m->sp[i];
		const struct life *l = model_life(s->m, sp->open_life);
		uint8_t state = l ? l->debt[i].state : DEBT_NONE;

		sp->unsure = (sp->open.kind == CALL_CREATED && state == DEBT_CREATING) ||
			(sp->open.kind == CALL_DESTROYED && (state == DEBT_DESTROYING || state == DEBT_CREATING)) ||
			(sp->open.kind != CALL_NONE && model_burned(s->m, sp->open_life, sp->info.id));
		sp->guest.unsure = !sp_is_spmc(sp); /* what guests had called is not in the log, nor is who is over */
	}
}

static void resume_allocating(struct step *s, struct life *l)
{
	set_deadline(s, &l->timer, later(l->now.deadline, s->now));
	l->birth_unsure = l->vmm.pid != 0;
	if (!l->vmm.pid)
		put_output(s, OUT_VMM_START, l->number);
}

/* The ladder goes on where it was: a daemon that dies again and again does not keep a VMM from being killed. */
static uint64_t ladder_at(const struct step *s, const struct life *l)
{
	uint64_t exit_at = l->now.since + LADDER_EXIT;

	return s->now < exit_at ? exit_at : later(l->now.since + LADDER_KILL, s->now);
}

static void resume_aborting(struct step *s, struct life *l)
{
	if (l->now.substate == VM_SUB_QUIESCING && !l->vmm.pid) {
		life_quiesced(s, l);
		return;
	}
	if (l->now.substate == VM_SUB_PRESERVED) {
		if (l->now.deadline)
			set_deadline(s, &l->timer, later(l->now.deadline, s->now));
		return;
	}
	if (l->vmm.pid && !l->now.quiesced)
		set_deadline(s, &l->ladder, ladder_at(s, l));
	else if (l->vmm.pid && l->now.substate != VM_SUB_LEASES) /* there it is not told to leave yet */
		set_deadline(s, &l->ladder, s->now + EXIT_PATIENCE);
	if (l->now.substate == VM_SUB_RETIRING)
		set_deadline(s, &l->timer, later(l->now.deadline, s->now + 1));
	life_advance_retire(s, l);
}

/* It may have entered long ago, and its VMM has to come back to say so: the time begins anew. */
static void resume_ready(struct step *s, struct life *l)
{
	if (!l->vm)
		return;
	l->now.deadline = s->now + l->vm->definition->limits.build_timeout_ms * NS_PER_MS;
	set_deadline(s, &l->timer, l->now.deadline);
}

/* Its VMM has to come back first: the time begins anew, here too. */
static void resume_pausing(struct step *s, struct life *l)
{
	l->now.deadline = s->now + PAUSE_PATIENCE;
	set_deadline(s, &l->timer, l->now.deadline);
}

/* What a boot takes along. SPs may outlive it (kexec), so what they are owed stays, and the id with it. */
static void boot_takes(struct step *s, struct life *l)
{
	static const struct vmm_end rebooted = { .cause = CAUSE_HOST_REBOOT, .text = "the host was started again" };
	enum vm_substate substate = (enum vm_substate)l->now.substate;

	for (size_t i = 0; i < s->m->sp_count && MUTANT(MUTANT_P1_BOOT_FORGIVES); i++)
		if (!debt_is_done(&l->debt[i]))
			debt_move(s, l, &l->debt[i], DEBT_SETTLED, HOW_WORLD_GONE);
	if (MUTANT(MUTANT_P2_BOOT_FREES_ID))
		ids_give_back(&s->m->ids, l->begun.endpoint), s->m->endpoint[l->begun.endpoint] = NULL;
	life_vmm_gone(s, l, &rebooted);
	preserve_end(s, l); /* there is nothing left to look at */
	if (l->now.substate == substate) /* its times by this clock are stored, too: the next daemon is of this boot */
		life_substate(s, l, substate, l->now.deadline);
}

static void resume_life(struct step *s, struct life *l, bool same_boot)
{
	shift(s->now, same_boot, &l->now.since, &l->now.deadline);
	l->enter_sent = l->now.substate == VM_SUB_READY || l->now.state == VM_RUNNING || l->now.substate == VM_SUB_QUIESCING;
	l->notifications_untold = l->begun.notifications && l->enter_sent;
	for (unsigned i = 0; i < l->begun.vcpu_count; i++)
		l->vcpu[i] = l->now.state == VM_RUNNING ? VCPU_RUNNING : VCPU_CREATED;
	resume_debts(s, l);
	if (l->now.state == VM_ABORTING && l->vm && l->vm->life == l)
		order_ended(s, l->vm);
	if (same_boot)
		leases_resume(s, l);
	else
		leases_drop(s, l);
	if (!same_boot) {
		boot_takes(s, l);
	} else if (l->now.substate == VM_SUB_ALLOCATING) {
		resume_allocating(s, l);
	} else if (l->now.substate == VM_SUB_ANNOUNCING && l->vm) {
		set_deadline(s, &l->timer, s->now + l->vm->definition->limits.announce_timeout_ms * NS_PER_MS);
	} else if (l->now.substate == VM_SUB_READY) {
		resume_ready(s, l);
	} else if (l->now.substate == VM_SUB_PAUSING) {
		resume_pausing(s, l);
	} else if (l->now.state == VM_ABORTING) {
		resume_aborting(s, l);
	}
	life_leases_over(s, l);
}

/* It holds, however often the daemon dies. In another boot of the host SPs come anew, and so does the time for it. */
static void resume_partition(struct step *s, struct vm *vm, bool same_boot)
{
	uint64_t whole = s->now + vm->definition->limits.partition_timeout_ms * NS_PER_MS;

	if (!same_boot || MUTANT(MUTANT_P6_PARTITION_ANEW) || vm->operation.partition_by > whole)
		vm->operation.partition_by = 0;
	vm->partition_by = vm->operation.partition_by;
}

/* The restarts of an earlier boot were counted in a window of its clock. */
static void count_anew(struct step *s, const struct vm *vm)
{
	struct change c = { .kind = CHANGE_END, .vm = vm->number, .life = vm->end_life, .end = vm->end };

	if (!vm->end.window || MUTANT(MUTANT_P5_BOOT_COUNTS_ON))
		return;
	c.end.window = c.end.restarts = 0;
	emit(s, &c);
}

/*
 * What is under way needs a life, and there is none: a part of the log is lost, and the life with it. What was to follow its end
 * does. True: that is that the VM goes.
 */
static bool follows_lost_life(struct step *s, struct vm *vm)
{
	enum operation op = (enum operation)vm->operation.operation;
	bool goes = op == OP_DESTROY || vm->removal;

	if (vm->life || (!goes && (op == OP_NONE || op == OP_START)) || MUTANT(MUTANT_P6_LOST_LIFE_AWAITED))
		return false;
	if (goes)
		vm_gone(s, vm);
	else if (op == OP_RESTART)
		set_operation(s, vm, OP_START, vm->operation.deadline);
	else
		set_operation(s, vm, OP_NONE, 0);
	return goes;
}

static void resume_vm(struct step *s, struct vm *vm, bool same_boot)
{
	shift(s->now, same_boot, &vm->operation.since, &vm->operation.deadline);
	if (!same_boot)
		count_anew(s, vm);
	resume_partition(s, vm, same_boot);
	if (follows_lost_life(s, vm))
		return;
	bound_resume(s, vm, same_boot);
	touch(s, vm);
	if (!vm->life && vm->operation.operation == OP_START) {
		set_deadline(s, &vm->timer, later(vm->operation.deadline, s->now));
		set_deadline(s, &vm->dependency, s->now);
	}
	if (vm->life && vm->life->now.state == VM_RUNNING && vm->operation.operation == OP_STOP)
		set_deadline(s, &vm->timer, later(vm->operation.deadline, s->now));
}

static void resume_ids(struct step *s)
{
	struct change c = { .kind = CHANGE_IDS, .ids.next = s->m->begin_at };

	s->m->begin_at = 0;
	emit(s, &c);
}

void model_resume(struct model *m, uint64_t now, uint64_t realtime, bool same_boot, struct step_out *o)
{
	struct step s = { m, o, now, realtime };
	struct life *l, *next;
	struct vm *vm, *next_vm;

	if (m->begin_at)
		resume_ids(&s);
	burn_lost_ids(&s);
	m->meets_by = now + MEET_PATIENCE;
	if (m->shutdown.active && !same_boot) { /* it did */
		struct change c = { .kind = CHANGE_SHUTDOWN };

		emit(&s, &c);
	}
	if (m->autostart.done && !same_boot) { /* now somebody has to be again */
		struct change c = { .kind = CHANGE_AUTOSTART };

		emit(&s, &c);
	}
	if (MUTANT(MUTANT_P4_AUTOSTART_LOST) && same_boot)
		m->autostart.done = true;
	resume_open(&s);
	list_for_each_safe(l, next, &m->lives, all)
		resume_life(&s, l, same_boot);
	list_for_each_safe(vm, next_vm, &m->vms, all)
		resume_vm(&s, vm, same_boot);
	shutdown_look(&s);
}
