/* SPDX-License-Identifier: Apache-2.0 */

/* One fake VMM: a little machine with delays of its own, which may end, die, hang or come back after a new daemon. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simulation/sim.h"

static uint64_t soon(struct world *w)
{
	return w->now + random_between(&w->random, 5 * US, random_chance(&w->random, 50) ? 50 * MS : MS);
}

/*
 * Channels go with their link, and with their guest. One that broke may be read a while longer, until the link is seen to be
 * closed.
 */
static bool hears_call(struct world *w, const struct fake_vmm *v, uint64_t link)
{
	if (v->listened != link + 1)
		return false;
	return (v->connected && v->cuts == link) || random_chance(&w->random, 500);
}

static void note_channels(struct fake_vmm *v, const struct input *in)
{
	if (in->kind == IN_VMM_BACK)
		v->listened = 1 + (uint64_t)in->pid;
	else if (in->kind == IN_VMM_LOST || in->kind == IN_VMM_ENDED || in->kind == IN_VMM_QUIESCED || in->kind == IN_VMM_GONE)
		v->listened = 0;
}

/* As the fleet has it: an answer to an earlier PAUSE or RESUME than the last, or one that the other has overtaken. */
static bool is_old_news(const struct fake_vmm *v, const struct input *in)
{
	uint64_t last = in->kind == IN_VMM_NOT_RESUMED ? v->resume : v->pause;
	bool answers = in->kind == IN_VMM_PAUSED || in->kind == IN_VMM_NOT_PAUSED || in->kind == IN_VMM_NOT_RESUMED;

	return answers && (!last || in->command < last);
}

static void heard(struct world *w, uint64_t index, uint64_t daemon, void *data)
{
	struct input *in = data;
	struct life *life;

	if (daemon != w->incarnation || !w->engine)
		return;
	if (in->kind == IN_VMM_NOT_RESUMED && in->command == w->vmm[index]->stays_unheard)
		w->vmm[index]->stays_unheard = 0;
	life = world_life(w, in->life);
	if (in->kind == IN_GUEST_CALL && !hears_call(w, w->vmm[index], (uint64_t)in->pid))
		return;
	note_channels(w->vmm[index], in);
	if (is_old_news(w->vmm[index], in))
		return;
	if (life && (in->kind == IN_VMM_PAUSED || in->kind == IN_VMM_NOT_PAUSED))
		life->pause_told = true;
	if (life && in->kind == IN_VMM_BUILT)
		life->built = true;
	if (life && (in->kind == IN_VMM_ENTERED || (in->kind == IN_VMM_BACK && in->back.phase == VMM_PHASE_ENTERED)))
		life->entry_told = true;
	if (life && in->kind == IN_VMM_BACK && in->back.phase < VMM_PHASE_ENTERED)
		life->enter = false; /* what it was told on another link it has not read */
	if (life && (in->kind == IN_VMM_LOST || in->kind == IN_VMM_BACK))
		life->cut = in->kind == IN_VMM_LOST;
	if (life && (in->kind == IN_VMM_STALE || in->kind == IN_VMM_BACK))
		life->stale_told = in->kind == IN_VMM_STALE;
	if (life && (in->kind == IN_VMM_DEVICE || in->kind == IN_VMM_SANDBOX))
		device_is_heard(life, in);
	guest_is_heard(w, w->vmm[index], in);
	if (life && in->kind == IN_VMM_DEAF)
		life->deaf = true;
	if (in->kind == IN_VMM_LEFT)
		w->vmm[index]->left_at = w->stats.steps;
	if (life && (in->kind == IN_VMM_QUIESCED || in->kind == IN_VMM_ENDED ||
			    (in->kind == IN_VMM_GONE && !fleet_has_vmm(w, in->life, true)) ||
			    (in->kind == IN_VMM_BACK && in->back.phase >= VMM_PHASE_QUIESCED)))
		life->proven = true;
	guest_fills(w, in);
	world_post(w, in);
}

/* Of a VMM that is not understood: what needs no word of the link. Its end is in its last words. */
static bool is_seen_from_outside(const struct input *in)
{
	return in->kind == IN_VMM_STALE || in->kind == IN_VMM_ENDED || in->kind == IN_VMM_LOST || in->kind == IN_VMM_GONE;
}

/* Its frames stay in order; a connection that broke, or a daemon that died, loses what was not read. */
void vmm_tell(struct world *w, struct fake_vmm *v, struct input *in)
{
	struct input *copy;
	uint64_t at = soon(w);

	if (v->daemon != w->incarnation || !w->engine || (v->stale && !is_seen_from_outside(in)))
		return;
	copy = malloc(sizeof(*copy));
	if (!copy)
		abort();
	*copy = *in;
	v->last_delivery = at > v->last_delivery ? at : v->last_delivery;
	queue_put(&w->queue, v->last_delivery, heard, v->index, v->daemon, copy);
}

/* In order among themselves; `pid`, which is nobody's here, says of which link. */
void vmm_tell_on_channel(struct world *w, struct fake_vmm *v, struct fake_vcpu *g, struct input *in)
{
	uint64_t link = v->last_delivery;

	in->pid = (int32_t)v->cuts;
	v->last_delivery = g->last_delivery;
	vmm_tell(w, v, in);
	g->last_delivery = v->last_delivery;
	v->last_delivery = link;
}

static void tell(struct world *w, struct fake_vmm *v, enum input_kind kind)
{
	static const char *const names[] = {
		[IN_VMM_BUILT] = "BUILT",
		[IN_VMM_ENTERED] = "ENTERED",
		[IN_VMM_STOPPING] = "STOPPING",
		[IN_VMM_DEAF] = "DEAF",
		[IN_VMM_PAUSED] = "PAUSED",
		[IN_VMM_NOT_PAUSED] = "NOT_PAUSED",
		[IN_VMM_NOT_RESUMED] = "NOT_RESUMED",
		[IN_VMM_QUIESCED] = "QUIESCED",
		[IN_VMM_ENDED] = "ENDED",
	};
	struct input in = { .kind = kind, .life = v->life };

	wire_note(w, "vmm   life %" PRIu64 " says %s", v->life, names[kind]);
	if (kind == IN_VMM_ENDED)
		in.end = v->end;
	if (kind == IN_VMM_PAUSED || kind == IN_VMM_NOT_PAUSED || kind == IN_VMM_NOT_RESUMED)
		in.command = v->obeys;
	if (v->connected)
		vmm_tell(w, v, &in);
}

static void to_newborn(struct world *w, uint64_t index, uint64_t b, void *data)
{
	struct fake_vmm *v = w->vmm[index];
	struct input in = { .kind = IN_VMM_NEWBORN };

	if (v->at != VMM_STARTING)
		return;
	if (!w->engine || w->dead) { /* no daemon: it tries again, 30 s long */
		if (w->now > v->start_time + 30 * S)
			vmm_die(w, v, CAUSE_VMM_EXIT);
		else
			queue_put(&w->queue, w->now + 100 * MS, to_newborn, index, 0, NULL);
		return;
	}
	v->at = VMM_NEW;
	v->connected = true;
	v->daemon = w->incarnation;
	v->connection = (uint64_t)v->pid * 1000 + w->stats.steps % 1000;
	memcpy(in.newborn.name, v->name, sizeof(v->name));
	in.newborn.connection = v->connection;
	in.newborn.features = v->features;
	in.newborn.pid = v->pid;
	in.newborn.start_time = v->start_time;
	memcpy(in.newborn.invocation, v->invocation, sizeof(v->invocation));
	in.life = v->life;
	wire_note(w, "vmm   newborn %s, connection %" PRIu64, v->name, v->connection);
	vmm_tell(w, v, &in);
}

struct fake_vmm *vmm_spawn(struct world *w, const char *name, uint64_t life)
{
	struct fake_vmm *v = calloc(1, sizeof(*v));

	if (w->vmm_count == w->vmm_size) {
		w->vmm_size = w->vmm_size ? 2 * w->vmm_size : 64;
		w->vmm = realloc(w->vmm, w->vmm_size * sizeof(struct fake_vmm *));
	}
	if (!v || !w->vmm)
		abort();
	v->index = w->vmm_count;
	w->vmm[w->vmm_count++] = v;
	v->life = life;
	v->pid = ++w->next_pid;
	v->start_time = w->now;
	v->build = w->build;
	v->features = VMM_LINK_FEATURES;
	if (w->upgrades && random_chance(&w->random, 200))
		v->features &= ~(uint64_t)VMM_FEATURE_PAUSE;
	v->hangs = !w->quiet && random_chance(&w->random, w->faults.vmm_hang);
	memcpy(v->invocation, &v->pid, sizeof(v->pid));
	v->clings = !w->quiet && random_chance(&w->random, 150);
	v->stubborn = !w->quiet && random_chance(&w->random, 300) ? 400 : 0;
	v->temper = (enum temper)random_below(&w->random, GUEST_TEMPERS);
	snprintf(v->name, sizeof(v->name), "%s", name);
	if (!v->hangs || random_chance(&w->random, 800))
		queue_put(&w->queue, w->now + random_between(&w->random, 100 * US, 20 * MS), to_newborn, v->index, 0,
			NULL);
	return v;
}

static void to_built(struct world *w, uint64_t index, uint64_t b, void *data)
{
	struct fake_vmm *v = w->vmm[index];

	if (v->at != VMM_BUILDING)
		return;
	if (!w->quiet && random_chance(&w->random, w->faults.vmm_fail)) {
		v->at = VMM_IS_OVER;
		v->end = (struct vmm_end) { .cause = CAUSE_START_FAILED, .text = "kernel image is not one" };
		tell(w, v, IN_VMM_ENDED);
		return;
	}
	v->at = VMM_IS_BUILT;
	tell(w, v, IN_VMM_BUILT);
}

void vmm_birth(struct world *w, struct fake_vmm *v, struct life *life)
{
	v->born = v->welcome = true;
	v->listened = 1 + v->cuts;
	v->life = life->number;
	v->vcpu_count = life->vcpu_count;
	life->cut = false;
	v->at = VMM_BUILDING;
	devices_begin(w, v);
	if (!v->hangs || random_chance(&w->random, 500))
		queue_put(
			&w->queue, w->now + random_between(&w->random, 100 * US, 40 * MS), to_built, v->index, 0, NULL);
}

/* A guest that powers off once it was asked to was stopped. */
static void is_over(struct world *w, struct fake_vmm *v, enum vm_cause cause)
{
	v->at = VMM_IS_OVER;
	(void)devices_stop(w, v, false); /* or is reset, or is dead: none reaches memory any more */
	v->end.cause = cause == CAUSE_GUEST_POWEROFF && v->pressed ? CAUSE_USER_STOP : cause;
	tell(w, v, IN_VMM_ENDED);
	if (v->told_to_stop && (!v->connected || v->stale)) /* nobody is there to say EXIT */
		vmm_die(w, v, CAUSE_VMM_EXIT);
}

static void to_powered_off(struct world *w, uint64_t index, uint64_t b, void *data)
{
	if (w->vmm[index]->stands) /* not while it stands */
		queue_put(&w->queue, w->now + 50 * MS, to_powered_off, index, 0, NULL);
	else if (w->vmm[index]->at == VMM_RUNS)
		is_over(w, w->vmm[index], CAUSE_GUEST_POWEROFF);
}

/* False: nobody listens. */
static bool press(struct world *w, struct fake_vmm *v)
{
	if (v->temper == GUEST_IS_DEAF)
		return false;
	if (!v->pressed && v->temper == GUEST_OBEYS)
		queue_put(&w->queue, w->now + random_between(&w->random, 100 * US, 2 * S), to_powered_off, v->index, 0,
			NULL);
	v->pressed = true;
	return true;
}

static void to_pressed(struct world *w, uint64_t index, uint64_t cuts, void *data)
{
	struct fake_vmm *v = w->vmm[index];

	if (v->at == VMM_RUNS && v->cuts == cuts && !press(w, v))
		tell(w, v, IN_VMM_DEAF);
}

static void go_on(struct world *w, struct fake_vmm *v)
{
	v->gate = v->stands = false;
	if (v->at == VMM_RUNS)
		devices_run(w, v);
}

static bool is_read(struct fake_vmm *v, uint64_t cuts)
{
	v->on_the_way--;
	return v->at == VMM_RUNS && v->cuts == cuts;
}

static bool device_refuses(struct world *w, const struct fake_vmm *v)
{
	return v->stubborn && !w->quiet && random_chance(&w->random, v->stubborn);
}

/* All its vCPUs come out, or one does not; then it is let go on some time. Or they do, and a device does not stop. */
static void to_standing(struct world *w, uint64_t index, uint64_t cuts, void *data)
{
	struct fake_vmm *v = w->vmm[index];

	if (!is_read(v, cuts))
		return;
	v->obeys = *(uint64_t *)data;
	v->gate = true;
	if (v->clings && !v->stands)
		return;
	if (!v->stands && (device_refuses(w, v) || !devices_stop(w, v, true))) {
		tell(w, v, IN_VMM_NOT_PAUSED);
		return;
	}
	v->stands = true;
	wire_note(w, "vmm   life %" PRIu64 " stands", v->life);
	tell(w, v, IN_VMM_PAUSED);
}

static void to_going_on(struct world *w, uint64_t index, uint64_t cuts, void *data)
{
	struct fake_vmm *v = w->vmm[index];

	if (!is_read(v, cuts))
		return;
	v->obeys = *(uint64_t *)data;
	if (v->stands && device_refuses(w, v)) {
		v->stays_unheard = v->obeys;
		tell(w, v, IN_VMM_NOT_RESUMED);
	} else {
		go_on(w, v);
	}
}

static uint64_t in_order(struct fake_vmm *v, uint64_t at)
{
	v->last_order = at > v->last_order ? at : v->last_order + 1;
	return v->last_order;
}

static void order(struct world *w, struct fake_vmm *v, uint64_t command,
	void (*what)(struct world *, uint64_t, uint64_t, void *))
{
	/* One that is busy reads late: until then its link, or the daemon, may be gone. */
	uint64_t at = random_chance(&w->random, 200) ? w->now + random_between(&w->random, MS, 500 * MS) : soon(w);

	uint64_t *number = malloc(sizeof(*number));

	if (!number)
		abort();
	*number = command;
	v->pause = what == to_standing ? command : 0;
	v->resume = what == to_standing ? 0 : command;
	v->on_the_way++;
	queue_put(&w->queue, in_order(v, at), what, v->index, v->cuts, number);
}

/* Presses the key, with or without a daemon. The second time, and where nobody listens, it is the end. */
void vmm_sigterm(struct world *w, struct fake_vmm *v)
{
	bool again = v->told_to_stop;

	wire_note(w, "vmm   life %" PRIu64 " gets SIGTERM", v->life);
	v->told_to_stop = true;
	go_on(w, v); /* a guest that stands cannot hear */
	if (!v->born || v->at == VMM_IS_QUIET || v->at == VMM_IS_OVER)
		vmm_die(w, v, CAUSE_VMM_EXIT);
	else if (again || v->at != VMM_RUNS || !press(w, v))
		is_over(w, v, CAUSE_USER_STOP);
	else
		tell(w, v, IN_VMM_STOPPING);
}

static void to_stopped(struct world *w, uint64_t index, uint64_t b, void *data)
{
	if (w->vmm[index]->at != VMM_DEAD)
		vmm_sigterm(w, w->vmm[index]);
}

static void to_over(struct world *w, uint64_t index, uint64_t b, void *data)
{
	static const enum vm_cause causes[] = { CAUSE_GUEST_POWEROFF, CAUSE_GUEST_REBOOT, CAUSE_GUEST_PANIC,
		CAUSE_GUEST_WATCHDOG, CAUSE_VCPU_ERROR, CAUSE_VCPU_STALL };
	struct fake_vmm *v = w->vmm[index];

	if (v->at != VMM_RUNS || w->quiet)
		return;
	if (v->stands) { /* not while it stands */
		queue_put(&w->queue, w->now + 50 * MS, to_over, index, 0, NULL);
		return;
	}
	is_over(w, v, causes[random_below(&w->random, sizeof(causes) / sizeof(*causes))]);
}

static void to_running(struct world *w, uint64_t index, uint64_t cuts, void *data)
{
	struct fake_vmm *v = w->vmm[index];
	struct life *life = world_life(w, v->life);

	if (v->at != VMM_IS_BUILT || v->cuts != cuts)
		return;
	v->at = VMM_RUNS;
	wire_note(w, "vmm   life %" PRIu64 " vCPU 0 enters", v->life);
	oracle_entry(w, life);
	life->entered = true;
	devices_run(w, v);
	tell(w, v, IN_VMM_ENTERED);
	guest_begins(w, v);
	if (random_chance(&w->random, 600))
		queue_put(&w->queue, w->now + random_between(&w->random, 100 * US, 5 * S), to_over, index, 0, NULL);
}

static void to_quiet(struct world *w, uint64_t index, uint64_t cuts, void *data)
{
	struct fake_vmm *v = w->vmm[index];

	if (v->at == VMM_DEAD || v->at == VMM_IS_OVER || v->cuts != cuts)
		return;
	v->at = VMM_IS_QUIET;
	(void)devices_stop(w, v, false);
	tell(w, v, IN_VMM_QUIESCED);
}

static void to_dead(struct world *w, uint64_t index, uint64_t cause, void *data)
{
	if (w->vmm[index]->at != VMM_DEAD)
		vmm_die(w, w->vmm[index], (enum vm_cause)cause);
}

void vmm_command(struct world *w, struct fake_vmm *v, struct committed proof, enum vmm_command command)
{
	if (command == COMMAND_KILL) {
		queue_put(&w->queue, soon(w), to_dead, v->index, CAUSE_VMM_SIGNAL, NULL);
		return;
	}
	if (v->hangs && command != COMMAND_ENTER)
		return;
	if (!v->born)
		return;
	if (command == COMMAND_ENTER)
		queue_put(&w->queue, soon(w), to_running, v->index, v->cuts, NULL);
	if (command == COMMAND_STOP) /* it reads in order: not before a RESUME that it has not read yet */
		queue_put(&w->queue, in_order(v, soon(w)), to_pressed, v->index, v->cuts, NULL);
	if (command == COMMAND_PAUSE)
		order(w, v, proof.seq, to_standing);
	if (command == COMMAND_RESUME)
		order(w, v, proof.seq, to_going_on);
	if (command == COMMAND_QUIESCE)
		queue_put(&w->queue, soon(w), to_quiet, v->index, v->cuts, NULL);
	if (command == COMMAND_EXIT)
		queue_put(&w->queue, soon(w), to_dead, v->index, CAUSE_VMM_EXIT, NULL);
}

/* One that waited for a life. */
static void tell_left(struct world *w, struct fake_vmm *v)
{
	struct input in = { .kind = IN_VMM_LEFT };

	memcpy(in.newborn.name, v->name, sizeof(v->name));
	in.newborn.connection = v->connection;
	v->left_at = UINT64_MAX;
	vmm_tell(w, v, &in);
}

void vmm_take(struct world *w, struct fake_vmm *v, uint64_t life)
{
	struct input in = { .kind = IN_VMM_NEWBORN, .life = life, .newborn.features = v->features };

	v->life = life;
	v->spawned_by_daemon = true; /* it is watched as if it were */
	memcpy(in.newborn.name, v->name, sizeof(v->name));
	in.newborn.connection = v->connection;
	in.newborn.pid = v->pid;
	in.newborn.start_time = v->start_time;
	memcpy(in.newborn.invocation, v->invocation, sizeof(v->invocation));
	vmm_tell(w, v, &in);
}

void vmm_die(struct world *w, struct fake_vmm *v, enum vm_cause cause)
{
	struct input in = { .kind = IN_VMM_GONE, .life = v->life, .pid = v->pid };

	wire_note(w, "vmm   pid %d of life %" PRIu64 " dies", v->pid, v->life);
	if (v->connected && !v->life && !v->refused)
		tell_left(w, v);
	v->at = VMM_DEAD;
	if (!v->end.cause)
		v->end.cause = cause;
	in.end = v->end;
	/* The daemon that sees a life's VMM die tells its engine; of who never got a life, only if it started it. */
	if (!v->refused && (v->born || (v->spawned_by_daemon && v->life && !fleet_has_process(w, v->name)))) {
		v->daemon = w->incarnation;
		vmm_tell(w, v, &in);
	}
	v->connected = false;
}

void vmm_cut(struct world *w, struct fake_vmm *v)
{
	guest_is_cut(w, v);
	v->connected = false;
	if (v->told_to_stop && (v->at == VMM_IS_OVER || v->at == VMM_IS_QUIET))
		vmm_die(w, v, CAUSE_VMM_EXIT);
}

static uint8_t vcpu_state_at(enum vmm_at at)
{
	return at == VMM_RUNS ? VCPU_RUNNING : at >= VMM_IS_QUIET ? VCPU_STOPPED : VCPU_CREATED;
}

static void is_stale(struct world *w, struct fake_vmm *v)
{
	struct input in = { .kind = IN_VMM_STALE, .life = v->life };

	w->stats.stale++;
	wire_note(w, "vmm   life %" PRIu64 " is back, and not understood", v->life);
	vmm_tell(w, v, &in);
	if (v->at == VMM_IS_OVER)
		tell(w, v, IN_VMM_ENDED);
}

/* As the fleet has it: SIGTERM and SIGKILL say what a frame cannot. */
void vmm_stale_command(struct world *w, struct fake_vmm *v, enum vmm_command command)
{
	if (command == COMMAND_STOP)
		queue_put(&w->queue, soon(w), to_stopped, v->index, 0, NULL);
	else if (command == COMMAND_QUIESCE || command == COMMAND_EXIT)
		queue_put(&w->queue, soon(w), to_dead, v->index, CAUSE_VMM_SIGNAL, NULL);
}

static void is_back(struct world *w, uint64_t index, uint64_t daemon, void *data)
{
	static const uint32_t phases[] = { [VMM_BUILDING] = VMM_PHASE_BUILDING,
		[VMM_IS_BUILT] = VMM_PHASE_BUILT,
		[VMM_RUNS] = VMM_PHASE_ENTERED,
		[VMM_IS_QUIET] = VMM_PHASE_QUIESCED,
		[VMM_IS_OVER] = VMM_PHASE_ENDED };
	struct fake_vmm *v = w->vmm[index];
	struct input in = { .kind = IN_VMM_BACK, .life = v->life };

	if (daemon != w->incarnation || v->at == VMM_DEAD || v->connected || !w->engine)
		return;
	v->connected = true;
	v->welcome = false;
	v->stays_unheard = 0;
	v->daemon = daemon;
	v->cuts++;
	v->pause = v->resume = 0;
	v->stale = v->build != w->build;
	if (v->stale) {
		is_stale(w, v);
		return;
	}
	in.back.speaks.features = v->features;
	in.pid = (int32_t)v->cuts;
	in.back.phase = phases[v->at];
	in.back.vcpu_count = v->vcpu_count;
	in.back.flags = (v->pressed ? VMM_BACK_STOPPING : 0) | (v->gate ? VMM_BACK_PAUSED : 0);
	for (unsigned i = 0; i < v->vcpu_count; i++)
		in.back.vcpu[i] = v->at == VMM_RUNS && v->talks && i < SIM_VCPU_MAX ? v->guest[i].state
										    : vcpu_state_at(v->at);
	if (v->at == VMM_IS_OVER)
		in.back.end = v->end;
	wire_note(w, "vmm   life %" PRIu64 " is back, phase %u", v->life, in.back.phase);
	vmm_tell(w, v, &in);
}

void vmm_come_back(struct world *w, struct fake_vmm *v)
{
	if (v->hangs && !w->quiet)
		return;
	v->daemon = w->incarnation; /* its pidfd is watched from now on */
	queue_put(&w->queue,
		w->now + random_between(&w->random, 10 * US, random_chance(&w->random, 50) ? 4 * S : 20 * MS), is_back,
		v->index, w->incarnation, NULL);
}
