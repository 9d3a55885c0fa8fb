/* SPDX-License-Identifier: Apache-2.0 */
/* What VMMs say of themselves, and what the fleet says of them. */
#include "model/step.h"

#include <string.h>

#include "base/mutant.h"
#include "model/mediator.h"
#include "model/message.h"
#include "model/notification.h"
#include "model/vcpu.h"
#include "model/vm.h"

static void built(struct step *s, struct life *l)
{
	if (l->now.state == VM_CREATED && l->now.substate == VM_SUB_ALLOCATING && l->vmm.pid)
		announce(s, l);
}

/* vCPU states are read, not followed: they change what is shown, not what is stored. */
static void vcpu(struct step *s, struct life *l, uint32_t index, uint32_t state, uint64_t since)
{
	if (index >= l->begun.vcpu_count || state >= VCPU_STATE_COUNT)
		return;
	if (!vcpu_may_have_become((enum vcpu_state)l->vcpu[index], (enum vcpu_state)state)) {
		if (l->vm)
			count_refused(s, l->vm);
		touch(s, l->vm);
		return;
	}
	life_vcpu(s, l, index, (enum vcpu_state)state, since);
	touch(s, l->vm);
}

/* Read, not followed, as vCPU states. One that the definition does not have cannot be shown as any. */
static void device(struct step *s, struct life *l, uint32_t index, const struct vmm_device_state *is)
{
	if (index >= VM_ASSIGNED_MAX || !l->vm || index >= l->vm->definition->assigned_count)
		return;
	l->device[index] = *is;
	if (!MUTANT(MUTANT_P4_DEVICE_UNSHOWN))
		touch(s, l->vm);
}

/* Read, as well. It is the kernel's, so it stays. */
static void sandbox(struct step *s, struct life *l, uint32_t lacks)
{
	l->sandbox_lacks = MUTANT(MUTANT_P4_SANDBOX_UNSHOWN) ? 0 : lacks;
	touch(s, l->vm);
}

static void ended(struct step *s, struct life *l, const struct vmm_end *end)
{
	if (l->now.state == VM_ABORTING)
		life_quiesced(s, l);
	else
		life_abort(s, l, (enum vm_cause)end->cause, end->text, true);
}

/* A kill reaches the process, connected or not. */
static bool goes_by_link(const struct output *out)
{
	return out->kind == OUT_VMM_WELCOME || out->kind == OUT_GUEST_ANSWER || out->kind == OUT_VMM_NOTIFY ||
		out->kind == OUT_GUEST_MESSAGE ||
		(out->kind == OUT_VMM_COMMAND && out->command != COMMAND_KILL);
}

/* What this turn had for the VMM's old link never left, and must not reach it on the new one. */
static void take_back_commands(struct step_out *o, uint64_t life)
{
	size_t kept = 0;

	for (size_t i = 0; i < o->outputs; i++) {
		const struct output *out = &o->output[i];

		if (out->life != life || !goes_by_link(out))
			o->output[kept++] = *out;
	}
	o->outputs = kept;
}

/*
 * It was told ENTER on a link that it has closed unread, or was not told yet. Meanwhile an SP may have restarted, or nobody
 * can say: then every SP is asked first.
 */
static void enter_again(struct step *s, struct life *l)
{
	l->enter_sent = false;
	if (is_announced(s->m, l))
		life_enter(s, l);
	else
		announce(s, l);
}

/* A VMM that lived through a daemon's death tells everything; what the log did not see yet is caught up with. */
static void back(struct step *s, struct life *l, const struct vmm_back *b)
{
	take_back_commands(s->o, l->number);
	message_lost(s, l);
	l->connected = true;
	l->birth_unsure = false;
	s->m->counts.adopted++;
	l->unreachable = l->stale = false;
	l->features = b->speaks.features; /* a daemon that knew less may have stored it */
	for (uint32_t i = 0; i < b->vcpu_count && i < l->begun.vcpu_count; i++)
		life_vcpu(s, l, i, b->vcpu[i] < VCPU_STATE_COUNT ? (enum vcpu_state)b->vcpu[i] : VCPU_ABORTED,
			b->vcpu_since[i]);
	put_output(s, OUT_VMM_WELCOME, l->number);
	touch(s, l->vm);
	if (b->phase != VMM_PHASE_ENTERED) /* its guest has bound nothing, or takes nothing any more */
		notification_release(s, l);
	if (b->phase == VMM_PHASE_ENDED) {
		ended(s, l, &b->end);
	} else if (b->phase == VMM_PHASE_QUIESCED) {
		if (l->now.state == VM_ABORTING)
			life_quiesced(s, l);
		else
			life_abort(s, l, CAUSE_VMM_PROTOCOL, "the VMM is quiesced and nobody asked it to be", true);
	} else if (l->now.substate == VM_SUB_PRESERVED) {
		; /* it stays as it is */
	} else if (l->now.state == VM_ABORTING) {
		command_vmm(s, l, l->now.quiesced ? COMMAND_EXIT : COMMAND_QUIESCE);
	} else if (b->phase == VMM_PHASE_ENTERED) {
		life_entered(s, l);
		/* One that was told to stop goes on by itself. If a device kept it from that, it is told once more. */
		if (!(b->flags & VMM_BACK_STOPPING) || l->now.substate == VM_SUB_RUNNING)
			pause_again(s, l, b->flags & VMM_BACK_PAUSED);
		stop_again(s, l, b->flags & VMM_BACK_STOPPING);
	} else if (b->phase == VMM_PHASE_BUILT && l->now.substate == VM_SUB_READY) {
		enter_again(s, l);
	} else if (b->phase == VMM_PHASE_BUILT) {
		built(s, l);
	}
}

static void lost(struct step *s, struct life *l, const struct vmm_end *end)
{
	l->connected = false;
	l->unreachable = true;
	notification_release(s, l);
	message_lost(s, l);
	touch(s, l->vm);
	if (end->cause != CAUSE_NONE && l->now.state != VM_ABORTING) {
		life_abort(s, l, (enum vm_cause)end->cause, end->text, false);
		command_vmm(s, l, COMMAND_KILL);
	}
}

static void link_lost(struct step *s, struct life *l, const struct vmm_end *end)
{
	s->m->counts.links_lost++;
	lost(s, l, end);
}

/* Its guest goes on. What is owed to it, or was told it, waits for a daemon that understands it; an end does not wait. */
static void stale(struct step *s, struct life *l)
{
	static const struct vmm_end none = { .cause = CAUSE_NONE };

	take_back_commands(s->o, l->number);
	lost(s, l, &none);
	l->stale = !MUTANT(MUTANT_P4_STALE_UNSHOWN);
	l->birth_unsure = false; /* who comes back has the life */
	if (MUTANT(MUTANT_P5_STALE_ENDED))
		life_abort(s, l, CAUSE_VMM_PROTOCOL, "it speaks another version of the link", false);
	if (l->now.state == VM_ABORTING && !l->now.quiesced)
		command_vmm(s, l, COMMAND_KILL);
	else if (l->now.state == VM_RUNNING && l->vm && l->vm->operation.operation == OP_STOP)
		command_vmm(s, l, COMMAND_STOP);
}

void step_vmm(struct step *s, struct input *in)
{
	struct life *l = model_life(s->m, in->life);

	if (!l)
		return;
	if (in->kind == IN_VMM_FAILED && l->vmm.pid) /* another one came meanwhile, and has the life */
		return;
	if (in->kind == IN_VMM_GONE && in->pid && l->vmm.pid && in->pid != l->vmm.pid) /* the same */
		return;
	if (in->kind == IN_VMM_FAILED)
		life_abort(s, l, CAUSE_START_FAILED, in->end.text, true);
	else if (in->kind == IN_VMM_BACK)
		back(s, l, &in->back);
	else if (in->kind == IN_VMM_STALE)
		stale(s, l);
	else if (in->kind == IN_VMM_BUILT)
		built(s, l);
	else if (in->kind == IN_VMM_ENTERED)
		life_entered(s, l);
	else if (in->kind == IN_VMM_VCPU)
		vcpu(s, l, in->vcpu.index, in->vcpu.state, in->vcpu.since);
	else if (in->kind == IN_VMM_DEVICE)
		device(s, l, in->device.index, &in->device.is);
	else if (in->kind == IN_VMM_SANDBOX)
		sandbox(s, l, in->sandbox_lacks);
	else if (in->kind == IN_VMM_STOPPING)
		stop_told(s, l);
	else if (in->kind == IN_VMM_DEAF)
		stop_deaf(s, l);
	else if (in->kind == IN_VMM_NOTIFICATIONS)
		notification_told(s, l, &in->notifications);
	else if (in->kind == IN_GUEST_CALL)
		mediator_call(s, l, &in->call);
	else if (in->kind == IN_GUEST_PUT)
		message_put(s, l, in->put.number, (enum ffa_status)in->put.status);
	else if (in->kind == IN_VMM_PAUSED)
		pause_done(s, l, in->command);
	else if (in->kind == IN_VMM_NOT_PAUSED)
		pause_refused(s, l, in->command);
	else if (in->kind == IN_VMM_NOT_RESUMED)
		pause_stays(s, l, in->command);
	else if (in->kind == IN_VMM_QUIESCED && l->now.state == VM_ABORTING)
		life_quiesced(s, l);
	else if (in->kind == IN_VMM_ENDED)
		ended(s, l, &in->end);
	else if (in->kind == IN_VMM_GONE)
		life_vmm_gone(s, l, &in->end);
	else if (in->kind == IN_VMM_LOST)
		link_lost(s, l, &in->end);
	else if (in->kind == IN_RECLAIMED)
		life_reclaimed(s, l);
}
