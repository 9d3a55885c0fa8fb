/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The turn: whatever waits in the queue is stepped, the changes of all of it are one commit, and only the store's
 * completion lets it be shown, acted upon and answered. While a commit is under way inputs queue and become the next turn;
 * the model is never ahead of what is being stored.
 */
#include "engine/internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/message.h"
#include "base/mutant.h"
#include "engine/rows.h"
#include "model/lifecycle.h"

#define INPUTS_PER_TURN 64
#define BEHIND (64ul * INPUTS_PER_TURN) /* inputs that wait: a megabyte or four */

static uint64_t now(const struct engine *e)
{
	return e->ports.clock->monotonic(e->ports.clock_arg);
}

static uint64_t realtime(const struct engine *e)
{
	return e->ports.clock->realtime(e->ports.clock_arg);
}

int engine_new(const struct engine_config *config, const struct engine_ports *ports, struct engine **ret)
{
	struct engine *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->config = *config;
	e->ports = *ports;
	e->rows = rows_new();
	e->ring = ring_new();
	if (engine_init_model(e) < 0 || !e->rows || !e->ring) {
		engine_free(e);
		return -ENOMEM;
	}
	*ret = e;
	return 0;
}

struct engine *engine_free(struct engine *e)
{
	if (!e)
		return NULL;
	input_queue_free(&e->queue);
	free(e->guests.bytes);
	step_out_free(&e->out);
	model_clear(&e->model);
	rows_free(e->rows);
	ring_free(e->ring);
	free(e);
	return NULL;
}

const struct rows *engine_rows(struct engine *e)
{
	rows_catch_up(e->rows, &e->model);
	return e->rows;
}

void engine_measure(const struct engine *e, struct engine_measure *ret)
{
	*ret = e->done;
	if (e->ports.store->measure)
		e->ports.store->measure(e->ports.store_arg, &ret->log);
}

const struct ring *engine_ring(const struct engine *e)
{
	return e->ring;
}

int engine_post(struct engine *e, const struct input *in)
{
	if (input_queue_put(&e->queue, in, in->kind == IN_REQUEST ? now(e) : 0) < 0)
		return -ENOMEM;
	if (rows_disk_stuck(e->rows))
		held_name(e, in, now(e));
	if (!e->busy)
		e->ports.clock->soon(e->ports.clock_arg);
	return 0;
}

bool engine_is_behind(const struct engine *e)
{
	return e->queue.count >= BEHIND;
}

/* ---- publish, act, answer: only with the proof ---- */

static void tell(struct engine *e, struct committed proof, bool late)
{
	struct published what = { .proof = proof, .rows = e->rows, .event = e->out.event, .count = e->out.events };

	what.touched = rows_touched(e->rows, &what.touched_count);
	for (size_t i = 0; i < e->ports.publisher_count; i++)
		if (e->ports.publisher[i].late == late)
			e->ports.publisher[i].ops->publish(e->ports.publisher[i].arg, &what);
}

static void publish(struct engine *e, struct committed proof)
{
	for (size_t i = 0; i < e->out.events; i++) {
		ring_put(e->ring, &e->out.event[i]);
		if (e->out.event[i].kind == EVENT_VM_GONE)
			rows_forget(e->rows, e->out.event[i].name);
	}
	rows_refresh(e->rows, &e->model, proof.seq);
	tell(e, proof, false);
}

static void start_vmm(struct engine *e, struct committed proof, const struct output *o)
{
	const struct life *l = model_life(&e->model, o->life);
	struct birth_place place = { .life = o->life, .connection = o->connection };

	if (!l || !l->vm)
		return;
	place.endpoint = l->begun.endpoint;
	place.memory_bytes = l->begun.memory_bytes;
	place.huge = l->begun.huge;
	place.definition = l->vm->definition;
	e->ports.fleet->start(e->ports.fleet_arg, proof, &place);
}

/* "Nothing was sent, again later", said by ourselves and heard before the news that it makes way for. */
static void put_off(struct engine *e, const struct secure_call *c)
{
	struct input in = { .kind = IN_SECURE_REPLY, .reply = { .sp = c->sp, .verdict = VERDICT_IDLE, .unsent = true } };

	if (input_queue_put_first(&e->queue, &in) < 0)
		log_error("out of memory: the call to SP %04x is taken up when the secure side is met again", c->sp);
}

/*
 * While a turn is stored the world goes on. A call that was meant for a link that broke, or for an SP that restarted, does
 * not leave: the next secure world would take it, and FFA_RUN would make the new instance panic.
 */
static void call_secure(struct engine *e, struct committed proof, const struct secure_call *c)
{
	if (input_queue_has_another(&e->queue, &e->model, c->sp))
		put_off(e, c);
	else
		e->ports.secure->call(e->ports.secure_arg, proof, c);
}

/*
 * Its VMM said on a new link where it stands, and was not heard yet: what was meant for the old link must not reach it on
 * this one, for it may contradict what is concluded from its words. They bring commands of their own.
 */
static bool comes_back(const struct engine *e, uint64_t life)
{
	return input_queue_has_back(&e->queue, life);
}

static void act(struct engine *e, struct committed proof, const struct output *o)
{
	const struct fleet_ops *fleet = e->ports.fleet;
	void *f = e->ports.fleet_arg;

	switch ((enum output_kind)o->kind) {
	case OUT_VMM_START:
		start_vmm(e, proof, o);
		break;
	case OUT_VMM_BIRTH:
		fleet->birth(f, proof, o->life, o->connection);
		break;
	case OUT_VMM_WELCOME:
		if (!comes_back(e, o->life))
			fleet->welcome(f, proof, o->life);
		break;
	case OUT_VMM_REFUSE:
		fleet->refuse(f, proof, o->connection, o->reason);
		break;
	case OUT_VMM_COMMAND:
		if (o->command == COMMAND_KILL || !comes_back(e, o->life))
			fleet->command(f, proof, o->life, (enum vmm_command)o->command);
		break;
	case OUT_GUEST_ANSWER:
		if (!comes_back(e, o->life))
			guests_answer(&e->guests, &e->ports, &e->model, proof, o);
		break;
	case OUT_VMM_NOTIFY:
		if (!comes_back(e, o->life))
			fleet->notify(f, proof, o->life, &o->notice);
		break;
	case OUT_GUEST_MESSAGE:
		if (!comes_back(e, o->life))
			guests_message(&e->ports, &e->model, proof, o);
		break;
	case OUT_RECLAIM:
		fleet->reclaim(f, proof, o->life, o->huge);
		break;
	case OUT_SECURE_CALL:
		call_secure(e, proof, &o->call);
		break;
	case OUT_DISCOVER:
		e->ports.secure->discover(e->ports.secure_arg, proof);
		break;
	case OUT_LEASE_ASK:
		e->ports.lease->ask(e->ports.lease_arg, proof, &o->lease);
		break;
	case OUT_LEASE_OVER:
		leases_say_over(&o->lease);
		e->ports.lease->over(e->ports.lease_arg, proof, &o->lease);
		break;
	}
}

static void say(const struct engine *e, enum message kind, const struct answer *a, const char *before)
{
	const struct vm *vm = a->vm ? model_vm(&e->model, a->vm) : NULL;

	log_message(kind, vm ? OF_LIFE(vm->definition->name, a->life) : NULL, "%s%s", before, a->text);
}

static void answer(struct engine *e, struct committed proof, const struct answer *a)
{
	if (a->refusal == REFUSED_ILLEGAL_TRANSITION) /* never in the store, always in the journal (promise P5) */
		say(e, MESSAGE_REFUSED, a, "refused: ");
	if (a->forgot)
		say(e, MESSAGE_FORGOT, a, "");
	e->ports.answer->answer(e->ports.answer_arg, proof, a);
}

static int collect_change(void *arg, const struct change *c)
{
	struct turn *whole = arg;
	struct change *grown;

	if ((whole->count & (whole->count - 1)) == 0) { /* 0, 1, 2, 4, ...: full */
		grown = realloc(whole->change, (whole->count ? whole->count * 2 : 1) * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		whole->change = grown;
	}
	whole->change[whole->count++] = *c;
	return 0;
}

static void snapshot_if_wanted(struct engine *e)
{
	struct turn whole = { .first_seq = e->model.seq, .last_seq = e->model.seq, .realtime = realtime(e) };
	int r;

	if (!e->ports.store->wants_snapshot(e->ports.store_arg))
		return;
	memcpy(whole.boot, e->config.boot, sizeof(whole.boot));
	r = model_snapshot(&e->model, collect_change, &whole);
	if (!r)
		r = e->ports.store->snapshot(e->ports.store_arg, &whole);
	if (r < 0)
		log_warning("the log cannot be begun anew: %s; it goes on growing", strerror(-r));
	free(whole.change);
}

static bool turn_is_empty(const struct engine *e)
{
	return !e->out.changes && !e->out.outputs && !e->out.answers && list_is_empty(&e->model.touched);
}

static void answer_guests(struct engine *e, struct committed proof)
{
	for (size_t i = 0; i < e->out.outputs; i++)
		act(e, proof, &e->out.output[i]);
	step_out_clear(&e->out);
}

/* The turn is stored: everything it owes the outside leaves now. */
static void complete(struct engine *e)
{
	struct committed proof = { .seq = e->model.seq };

	e->stepped = false;
	e->done.turns++;
	if (guests_are_alone(&e->model, &e->out)) {
		answer_guests(e, proof);
		return;
	}
	if (!MUTANT(MUTANT_P4_SHOW_BEFORE_STORE) || !e->out.changes)
		publish(e, proof);
	for (size_t i = 0; i < e->out.outputs; i++)
		act(e, proof, &e->out.output[i]);
	tell(e, proof, true);
	for (size_t i = 0; i < e->out.answers; i++)
		answer(e, proof, &e->out.answer[i]);
	step_out_clear(&e->out);
	model_empty_graves(&e->model);
	snapshot_if_wanted(e);
}

/* ---- the turn ---- */

static void fail_commit(struct engine *e, int error)
{
	e->done.commit_failures++;
	if (commit_failed(&e->commit, e->rows, now(e), error))
		held_name_all(e);
}

static void commit(struct engine *e)
{
	int r;

	e->turn.first_seq = e->out.change[0].seq;
	e->turn.last_seq = e->model.seq;
	e->turn.change = e->out.change;
	e->turn.count = e->out.changes;
	commit_given(&e->commit, now(e)); /* before it is: a store that needs no time reports at once */
	r = e->ports.store->commit(e->ports.store_arg, &e->turn);
	if (r < 0)
		fail_commit(e, r);
}

void engine_committed(struct engine *e, uint64_t seq)
{
	e->done.commits++;
	commit_stored(&e->commit, e->rows, seq);
	if (!e->busy)
		engine_wake(e);
}

void engine_commit_failed(struct engine *e, int error)
{
	if (MUTANT(MUTANT_P4_FAILED_IS_STORED)) {
		engine_committed(e, e->model.seq);
		return;
	}
	fail_commit(e, error);
	if (!e->busy)
		engine_wake(e);
}

static bool step_one(struct engine *e, struct input *in)
{
	in->now = now(e);
	if (step_reserve(&e->out, &e->model, in) < 0 || rows_reserve(e->rows, e->model.vm_count + 2) < 0)
		return false;
	model_step(&e->model, in, e->turn.realtime, &e->out);
	return true;
}

static void step_queue(struct engine *e)
{
	struct input tick = { .kind = IN_TICK }, *in;

	e->turn = (struct turn){ .realtime = realtime(e) };
	for (unsigned n = 0; n < INPUTS_PER_TURN && (in = input_queue_first(&e->queue)); n++) {
		if (!step_one(e, in))
			return;
		input_queue_drop_first(&e->queue);
		e->done.inputs++;
	}
	if (model_next_deadline(&e->model) <= now(e))
		step_one(e, &tick);
}

/* Steps and commits; true if a turn was made and stored, so that there may be more. */
static bool run_turn(struct engine *e)
{
	if (!e->stepped) {
		step_queue(e);
		if (turn_is_empty(e))
			return false;
		e->stepped = true;
		if (MUTANT(MUTANT_P4_SHOW_BEFORE_STORE) && e->out.changes)
			publish(e, (struct committed){ e->model.seq });
	}
	if (e->out.changes && commit_is_due(&e->commit, e->model.seq, now(e)))
		commit(e);
	if (e->out.changes && e->commit.stored < e->model.seq)
		return false;
	complete(e);
	return true;
}

static void arm(struct engine *e)
{
	uint64_t at = e->stepped ? commit_wake_at(&e->commit, e->rows) : model_next_deadline(&e->model);

	e->ports.clock->wake_at(e->ports.clock_arg, at);
	if (e->queue.count && !e->stepped)
		e->ports.clock->soon(e->ports.clock_arg);
}

void engine_wake(struct engine *e)
{
	if (e->busy || !e->started)
		return;
	e->busy = true;
	if (commit_look(&e->commit, e->rows, now(e)))
		held_name_all(e);
	for (unsigned turns = 0; turns < 16 && run_turn(e); turns++)
		;
	e->busy = false;
	arm(e);
}

/* ---- start ---- */

/* What the log holds can be read at once, also while the first turn of this daemon waits for the disk. */
static void show_loaded(struct engine *e)
{
	struct vm *vm;

	list_for_each(vm, &e->model.vms, all)
		if (list_is_empty(&vm->touched))
			list_append(&e->model.touched, &vm->touched);
	rows_refresh(e->rows, &e->model, e->model.seq);
}

int engine_start(struct engine *e)
{
	bool same_boot = e->loaded && memcmp(e->boot, e->config.boot, sizeof(e->boot)) == 0;

	if (step_reserve_resume(&e->out, &e->model) < 0 || rows_reserve(e->rows, e->model.vm_count + 2) < 0)
		return -ENOMEM;
	e->commit.stored = e->model.seq;
	show_loaded(e);
	e->turn = (struct turn){ .realtime = realtime(e) };
	model_resume(&e->model, now(e), e->turn.realtime, same_boot || !e->loaded, &e->out);
	e->stepped = true;
	e->started = true;
	engine_wake(e);
	return 0;
}

int engine_autostart(struct engine *e)
{
	struct input in = { .kind = IN_AUTOSTART };

	return e->model.autostart.done ? 0 : engine_post(e, &in);
}

bool engine_is_idle(const struct engine *e)
{
	return !e->stepped && !e->queue.count;
}

bool engine_is_quiet(const struct engine *e)
{
	const struct life *l;

	if (e->stepped || e->queue.count)
		return false;
	list_for_each(l, &e->model.lives, all)
		if (l->now.state == VM_ABORTING && l->now.substate != VM_SUB_PRESERVED && !l->stuck)
			return false;
	return true;
}
