/* SPDX-License-Identifier: Apache-2.0 */

/* The fake fleet: who is started, adopted, commanded; the lives' memory. What one VMM does is in vmm.c. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simulation/sim.h"

static void post_end(struct world *w, enum input_kind kind, uint64_t life, enum vm_cause cause, const char *text)
{
	struct input in = { .kind = kind, .life = life, .end.cause = cause };

	snprintf(in.end.text, sizeof(in.end.text), "%s", text);
	world_post(w, &in);
}

static struct fake_vmm *vmm_of_life(struct world *w, uint64_t life)
{
	struct fake_vmm *best = NULL;

	for (size_t i = 0; i < w->vmm_count; i++) {
		struct fake_vmm *v = w->vmm[i];

		if (v->life == life && v->at != VMM_DEAD && !v->refused && (!best || v->born))
			best = v;
	}
	return best;
}

bool fleet_has_process(const struct world *w, const char *name)
{
	for (size_t i = 0; i < w->vmm_count; i++)
		if (w->vmm[i]->at != VMM_DEAD && !strcmp(w->vmm[i]->name, name))
			return true;
	return false;
}

/* One that came and left while the disk was full is stepped when it has room again. */
bool fleet_waits(const struct world *w, const struct fake_vmm *v)
{
	return v->at <= VMM_NEW || (v->left_at > w->idle_at && v->daemon == w->incarnation);
}

bool fleet_has_vmm(const struct world *w, uint64_t life, bool born)
{
	for (size_t i = 0; i < w->vmm_count; i++)
		if (w->vmm[i]->life == life && w->vmm[i]->at != VMM_DEAD && (w->vmm[i]->born || !born))
			return true;
	return false;
}

static void check_room(struct world *w)
{
	uint64_t held = 0;

	for (size_t i = 0; i < w->life_count; i++)
		held += w->life[i]->memory;
	if (w->memory_limit && held > w->memory_limit)
		fail(w, "P2", "%" PRIu64 " bytes of guest memory held, the place has %" PRIu64, held, w->memory_limit);
}

static void make_memory(struct world *w, struct life *life)
{
	if (life->reclaimed)
		fail(w, "P2", "life %" PRIu64 " is built after its memory was removed", life->number);
	life->memory = life->memory_bytes;
	life->boot = w->boot;
	check_room(w);
}

static void start_done(struct world *w, uint64_t number, uint64_t incarnation, void *data)
{
	struct input in = { .kind = IN_VMM_STARTED, .life = number };
	struct life *life = world_life(w, number);

	if (incarnation != w->incarnation || !w->engine)
		return;
	if (!w->quiet && random_chance(&w->random, w->faults.vmm_fail)) {
		wire_note(w, "vmm   life %" PRIu64 " could not be started", number);
		post_end(w, IN_VMM_FAILED, number, CAUSE_START_FAILED, "exec: no such file");
		return;
	}
	wire_note(w, "vmm   life %" PRIu64 " started", number);
	vmm_spawn(w, life->name, number)->spawned_by_daemon = true;
	world_post(w, &in);
}

static struct fake_vmm *vmm_of_connection(struct world *w, uint64_t connection)
{
	for (size_t i = 0; i < w->vmm_count; i++)
		if (w->vmm[i]->connection == connection && w->vmm[i]->connected && w->vmm[i]->at != VMM_DEAD)
			return w->vmm[i];
	return NULL;
}

/* Who waits for it gets it; who left meanwhile does not, and the life is over before it began. */
static void start_waiting(struct world *w, uint64_t number, uint64_t connection)
{
	struct fake_vmm *v = vmm_of_connection(w, connection);

	if (v && v->at == VMM_NEW && !v->refused) {
		w->stats.strangers++;
		vmm_take(w, v, number);
	} else if (!fleet_has_vmm(w, number, false)) {
		post_end(w, IN_VMM_FAILED, number, CAUSE_START_FAILED, "the VMM that waited is gone");
	}
}

static void start(void *fleet, struct committed proof, const struct birth_place *place)
{
	struct world *w = fleet;
	struct life *life = world_life(w, place->life);

	if (!world_output(w))
		return;
	oracle_act(w, proof);
	wire_note(w, "act   start life %" PRIu64 " for connection %" PRIu64, place->life, place->connection);
	if (!life) {
		fail(w, "P4", "a VMM is started for life %" PRIu64 ", which is not stored", place->life);
		return;
	}
	oracle_built(w, place);
	life->unborn = false;
	life->assigned_count = place->definition->assigned_count;
	if (!place->connection || !life->memory)
		make_memory(w, life);
	if (place->connection) {
		start_waiting(w, place->life, place->connection);
		return;
	}
	queue_put(&w->queue, w->now + random_between(&w->random, 50 * US, 2 * MS), start_done, place->life,
		w->incarnation, NULL);
}

static void birth(void *fleet, struct committed proof, uint64_t number, uint64_t connection)
{
	struct world *w = fleet;
	struct fake_vmm *v = vmm_of_connection(w, connection);
	struct life *life = world_life(w, number);

	if (!world_output(w))
		return;
	oracle_act(w, proof);
	wire_note(w, "act   birth life %" PRIu64 " to connection %" PRIu64, number, connection);
	if (!life) {
		fail(w, "P4", "life %" PRIu64 " is given out and not stored", number);
		return;
	}
	if (fleet_has_vmm(w, number, true)) {
		fail(w, "P2", "life %" PRIu64 " is given to a second VMM", number);
		return;
	}
	if (!v || v->at != VMM_NEW) {
		/* It died between its word and this answer: the lock is free again. */
		post_end(w, IN_VMM_GONE, number, CAUSE_VMM_GONE, "died before its birth");
		return;
	}
	if (!life->memory)
		make_memory(w, life);
	vmm_birth(w, v, life);
}

static void welcome(void *fleet, struct committed proof, uint64_t life)
{
	struct world *w = fleet;
	struct fake_vmm *v = vmm_of_life(w, life);

	if (!world_output(w))
		return;
	oracle_act(w, proof);
	wire_note(w, "act   welcome life %" PRIu64, life);
	if (v && v->connected) {
		v->welcome = true;
		devices_are_welcome(w, v);
		notify_tells(w, v);
		guest_is_welcome(w, v);
	}
}

static void refuse(void *fleet, struct committed proof, uint64_t connection, const char *reason)
{
	struct world *w = fleet;
	struct fake_vmm *v = vmm_of_connection(w, connection);

	if (!world_output(w))
		return;
	oracle_act(w, proof);
	wire_note(w, "act   refuse connection %" PRIu64 ": %s", connection, reason);
	if (v && v->born)
		fail(w, "P1", "a VMM with a life is refused: %s", reason);
	if (v) {
		v->refused = true;
		vmm_die(w, v, CAUSE_VMM_EXIT);
	}
}

static void gone_again(struct world *w, uint64_t life, uint64_t incarnation, void *data)
{
	if (incarnation == w->incarnation && w->engine && !fleet_has_vmm(w, life, true))
		post_end(w, IN_VMM_GONE, life, CAUSE_VMM_GONE, "nobody is there");
}

static const char *const command_names[] = { "ENTER", "STOP", "PAUSE", "RESUME", "QUIESCE", "EXIT", "KILL" };

static void command(void *fleet, struct committed proof, uint64_t number, enum vmm_command what)
{
	struct world *w = fleet;
	struct fake_vmm *v = vmm_of_life(w, number);
	struct life *life = world_life(w, number);

	if (!world_output(w))
		return;
	oracle_act(w, proof);
	wire_note(w, "act   %s life %" PRIu64, command_names[what], number);
	if (what == COMMAND_PAUSE && life)
		life->pause_told = false;
	if (v && (what == COMMAND_KILL || (v->connected && v->welcome))) {
		if (what == COMMAND_ENTER && life && v->at != VMM_IS_OVER) /* its end crosses it: it will not obey */
			oracle_enter(w, life);
		if ((what == COMMAND_STOP || what == COMMAND_PAUSE) && !(life && life->entry_told))
			fail(w, "P3", "life %" PRIu64 " is asked to stop or pause and has not entered", number);
		if ((what == COMMAND_PAUSE || what == COMMAND_RESUME) && !(v->features & VMM_FEATURE_PAUSE))
			fail(w, "P5", "life %" PRIu64 " is told %s, which its VMM does not know", number, command_names[what]);
		vmm_command(w, v, proof, what);
	} else if (v && v->connected && v->stale) {
		vmm_stale_command(w, v, what);
	}
	if (!v && what == COMMAND_KILL)
		queue_put(&w->queue, w->now + MS, gone_again, number, w->incarnation, NULL);
}

static void message(void *fleet, struct committed proof, uint64_t life, uint64_t number, const uint8_t *bytes,
	uint32_t size)
{
	struct world *w = fleet;

	if (!world_output(w))
		return;
	oracle_act(w, proof);
	guest_gets(w, vmm_of_life(w, life), number, bytes, size);
}

static void unlinked(struct world *w, uint64_t number, uint64_t incarnation, void *data)
{
	struct input in = { .kind = IN_RECLAIMED, .life = number };
	struct life *life = world_life(w, number);

	life->memory = 0;
	life->reclaimed = true;
	wire_note(w, "vmm   memory of life %" PRIu64 " is unlinked", number);
	if (incarnation == w->incarnation && w->engine)
		world_post(w, &in);
}

static void reclaim(void *fleet, struct committed proof, uint64_t number, bool huge)
{
	struct world *w = fleet;
	struct life *life = world_life(w, number);

	if (!world_output(w))
		return;
	oracle_act(w, proof);
	wire_note(w, "act   reclaim life %" PRIu64, number);
	if (!life) {
		fail(w, "P2", "memory of an unknown life %" PRIu64 " is removed", number);
		return;
	}
	oracle_reclaim(w, life);
	life->reclaiming = true;
	queue_put(&w->queue, w->now + random_between(&w->random, 10 * US, 5 * MS), unlinked, number, w->incarnation,
		NULL);
}

static void answer(void *fleet, struct committed proof, uint64_t life, const struct guest_call *what)
{
	struct world *w = fleet;

	if (!world_output(w))
		return;
	oracle_act(w, proof);
	guest_answered(w, vmm_of_life(w, life), what);
}

/* What was written to a VMM is read by it, also when the daemon dies behind it. */
static void notify(void *fleet, struct committed proof, uint64_t life, const struct guest_notice *notice)
{
	struct world *w = fleet;
	struct fake_vmm *v = vmm_of_life(w, life);

	if (!world_output(w))
		return;
	oracle_act(w, proof);
	wire_note(w, "act   notify life %" PRIu64 " %u vCPU %u %" PRIx64 " sender %" PRIu64, life, notice->what, notice->vcpu,
		notice->bitmap, notice->sender);
	if (v)
		notify_told(w, v, notice);
}

const struct fleet_ops fleet_ops = { start, birth, welcome, refuse, command, answer, notify, message, reclaim };

/* The daemon is dead: who had no life yet exits, the others go on without it. */
void fleet_crash(struct world *w, bool reboot)
{
	for (size_t i = 0; i < w->vmm_count; i++) {
		struct fake_vmm *v = w->vmm[i];

		if (v->at == VMM_DEAD)
			continue;
		notify_crash(v);
		guest_is_cut(w, v);
		v->connected = v->stale = false;
		if (reboot || (v->at == VMM_NEW && !v->born) ||
			(v->told_to_stop && (v->at == VMM_IS_OVER || v->at == VMM_IS_QUIET)) ||
			(v->at == VMM_STARTING && random_chance(&w->random, 500)))
			vmm_die(w, v, CAUSE_VMM_EXIT);
	}
	for (size_t i = 0; i < w->life_count; i++) {
		w->life[i]->cut = true;
		w->life[i]->stale_told = false;
		w->life[i]->pause_told = false;
		w->life[i]->deaf = false; /* who heard it is dead */
		if (reboot)
			w->life[i]->memory = 0;
	}
}

static void found_dead(struct world *w, uint64_t life, uint64_t incarnation, void *data)
{
	struct fake_vmm *v = NULL;

	if (incarnation != w->incarnation || !w->engine)
		return;
	for (size_t i = 0; i < w->vmm_count; i++)
		if (w->vmm[i]->life == life && w->vmm[i]->born)
			v = w->vmm[i];
	wire_note(w, "vmm   life %" PRIu64 " is found dead", life);
	if (world_life(w, life))
		world_life(w, life)->unborn = !v;
	post_end(w, IN_VMM_GONE, life, v && v->end.cause ? v->end.cause : CAUSE_VMM_GONE, "found dead");
}

static void adopt(void *arg, uint64_t number, const struct change_vmm *vmm, const char *name, bool huge)
{
	struct world *w = arg;
	struct fake_vmm *v = vmm_of_life(w, number);

	if (v && v->born && v->pid != vmm->pid)
		fail(w, "P4", "life %" PRIu64 " is on record with pid %d, its VMM is %d", number, vmm->pid, v->pid);
	if (v && v->born)
		vmm_come_back(w, v);
	else
		queue_put(&w->queue, w->now + random_between(&w->random, US, MS), found_dead, number, w->incarnation,
			NULL);
}

void fleet_adopt(struct world *w)
{
	engine_each_vmm(w->engine, adopt, w);
}

static struct fake_vmm *any_born(struct world *w)
{
	size_t start = w->vmm_count ? random_below(&w->random, w->vmm_count) : 0;

	for (size_t i = 0; i < w->vmm_count; i++) {
		struct fake_vmm *v = w->vmm[w->vmm_count - 1 - (start + i) % w->vmm_count];

		if (v->at != VMM_DEAD)
			return v;
	}
	return NULL;
}

void fleet_mischief(struct world *w, enum mischief what)
{
	struct fake_vmm *v = any_born(w);
	struct input in = { .kind = IN_VMM_LOST };

	if (!v)
		return;
	if (what == MISCHIEF_KILL) {
		w->stats.kills++;
		vmm_die(w, v, random_chance(&w->random, 300) ? CAUSE_OOM : CAUSE_VMM_SIGNAL);
	} else if (v->born && v->connected && w->engine) {
		in.life = v->life;
		in.end.cause = what == MISCHIEF_PROTOCOL ? CAUSE_VMM_PROTOCOL : CAUSE_NONE;
		wire_note(w, "vmm   life %" PRIu64 " link lost%s", v->life,
			what == MISCHIEF_PROTOCOL ? ", it broke the rules" : "");
		if (what == MISCHIEF_PROTOCOL)
			world_life(w, v->life)->broke = true;
		vmm_tell(w, v, &in);
		vmm_cut(w, v);
		if (what != MISCHIEF_PROTOCOL)
			vmm_come_back(w, v);
	}
}

void fleet_stranger(struct world *w, const char *name)
{
	wire_note(w, "user  starts the unit of %s", name);
	oracle_asked_to_live(w, name);
	vmm_spawn(w, name, 0);
}

void fleet_stop_unit(struct world *w, const char *name)
{
	for (size_t i = 0; i < w->vmm_count; i++)
		if (w->vmm[i]->at != VMM_DEAD && !strcmp(w->vmm[i]->name, name))
			vmm_sigterm(w, w->vmm[i]);
}

/* One that got SIGTERM goes on by itself, and says so when it can. */
void fleet_stands(struct world *w)
{
	for (size_t i = 0; i < w->vmm_count; i++) {
		struct fake_vmm *v = w->vmm[i];
		struct life *life = v->at == VMM_RUNS ? world_life(w, v->life) : NULL;
		const struct vm_row *row = life ? rows_vm(engine_rows(w->engine), life->name) : NULL;

		if (!row || row->life != life->number || row->state != VM_RUNNING || v->told_to_stop)
			continue;
		if (row->stale != life->stale_told)
			fail(w, "P4", "life %" PRIu64 " is shown as if its VMM were %sstale", life->number, row->stale ? "" : "not ");
		if (row->substate == VM_SUB_PAUSED && !v->stands)
			fail(w, "P3", "life %" PRIu64 " is paused, and a vCPU is in the guest", life->number);
		if (row->substate == VM_SUB_RUNNING && v->gate && v->connected && v->welcome && !life->cut && !v->hangs &&
			!v->on_the_way && !v->stays_unheard)
			fail(w, "P4", "life %" PRIu64 " is shown as running, and nobody lets it go on", life->number);
	}
}

void fleet_wake_up(struct world *w)
{
	for (size_t i = 0; i < w->vmm_count; i++) {
		struct fake_vmm *v = w->vmm[i];

		v->hangs = false;
		if (v->at != VMM_DEAD && v->born && !v->connected && w->engine)
			vmm_come_back(w, v);
	}
}

void fleet_free(struct world *w)
{
	for (size_t i = 0; i < w->vmm_count; i++)
		free(w->vmm[i]);
	free(w->vmm);
}
