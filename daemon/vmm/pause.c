/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pause and its end, as the process leads them: vCPUs stand before devices stop, and devices run before vCPUs go on. Both
 * take turns of the main thread, which never waits; what became of it is owed to the daemon.
 */
#include "vmm/vmm.h"

static void answer(struct vmm *v, enum vmm_owed what)
{
	v->owed = (v->owed & ~(uint32_t)OWED_OF_A_PAUSE) | what;
}

static void answer_pause(struct vmm *v, enum vmm_owed what)
{
	v->command_done = v->pause_command;
	answer(v, what);
}

static void want(struct vmm *v, enum migration_goal goal)
{
	v->wanted = (uint8_t)goal;
	v->begun = false;
}

/* Told again, it is answered again. */
void vmm_pause(struct vmm *v, uint64_t command)
{
	v->pause_command = command;
	v->to_be_resumed = false;
	if (v->paused && v->wanted == WANT_NOTHING) {
		answer_pause(v, OWED_PAUSED);
	} else if (v->phase == VMM_PHASE_ENTERED) {
		want(v, MIGRATION_PAUSE);
		(void)machine_pause(&v->machine);
	}
}

void pause_let_go(struct vmm *v)
{
	v->owed &= ~(uint32_t)OWED_OF_A_PAUSE;
	if (atomic_load(&v->machine.gate) == GATE_PAUSED)
		want(v, MIGRATION_RESUME);
}

void vmm_resume(struct vmm *v, uint64_t command)
{
	v->command_done = command;
	v->to_be_resumed = true;
	pause_let_go(v);
}

/* True when the devices are through with it, one way or the other. */
static bool lead_devices(struct vmm *v, uint64_t now)
{
	struct assigned *a = &v->assigned;

	if (v->wanted == MIGRATION_RESUME)
		assigned_give_up_draining(a);
	if (assigned_works(a))
		return false;
	/* Where nothing stands nothing is begun: what went wrong in a pause is still to be seen after it. */
	if (v->begun || (v->wanted == MIGRATION_RESUME && !assigned_stand(a)))
		return true;
	v->begun = true;
	assigned_begin(a, v->wanted, now);
	return !assigned_works(a);
}

static void stop_time(struct vmm *v)
{
	if (!v->paused)
		machine_stop_time(&v->machine);
	v->paused = true;
}

/* A device that refused led the others back; who asked lets the vCPUs go on. */
static void end_pause(struct vmm *v)
{
	bool done = assigned_is_paused(&v->assigned);

	if (done)
		stop_time(v);
	answer_pause(v, done ? OWED_PAUSED : OWED_NOT_PAUSED);
}

/* A guest whose devices cannot be started again stands, until it is asked to go on once more, or ended. */
static void end_resume(struct vmm *v)
{
	bool stays = assigned_stand(&v->assigned);

	if (stays) {
		stop_time(v);
	} else {
		if (v->paused)
			machine_go_on_time(&v->machine);
		v->paused = false;
		assigned_let_go(&v->assigned);
		(void)machine_resume(&v->machine);
	}
	if (stays && v->to_be_resumed)
		answer(v, OWED_NOT_RESUMED);
	v->to_be_resumed = false;
}

void pause_settle(struct vmm *v, uint64_t now)
{
	bool pausing = v->wanted == MIGRATION_PAUSE;

	if (pausing && !machine_stands(&v->machine)) {
		vmm_kick(v, now);
		return;
	}
	v->kick_at = 0;
	if (!lead_devices(v, now))
		return;
	v->wanted = WANT_NOTHING;
	if (pausing)
		end_pause(v);
	else
		end_resume(v);
}
