/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mutant.h"
#include "engine/notes.h"
#include "model/mediator.h"

struct row {
	struct map_node by_name;
	size_t index; /* in `all` */
	bool held;    /* by the disk, which its `waits` name in place of `apart` */
	struct wait_reason apart;
	struct vm_row vm;
};

struct rows {
	struct row **all;
	const struct vm_row **touched; /* by the last refresh; has room for all */
	size_t count, size, touched_count;
	struct map by_name;
	struct row *endpoint[FFA_ID_VM_COUNT];
	struct sp_row sp[MODEL_SP_MAX];
	size_t sp_count;
	struct orphan_rows orphans;
	struct burned_row *burned;
	size_t burned_count, burned_room;
	uint32_t burned_changes; /* the model's, when they were written */
	bool secure_up, disk_stuck, shutting_down;
	uint64_t seq;
	struct model_counts counts;
	struct row *spare;
};

struct rows *rows_new(void)
{
	return calloc(1, sizeof(struct rows));
}

static void row_free(struct row *row)
{
	free(row->vm.debt);
	free(row->vm.lease);
	free(row->vm.old_life);
	free(row);
}

struct rows *rows_free(struct rows *r)
{
	if (!r)
		return NULL;
	for (size_t i = 0; i < r->count; i++)
		row_free(r->all[i]);
	free(r->orphans.at);
	free(r->burned);
	free(r->all);
	free(r->touched);
	free(r->spare);
	map_free(&r->by_name);
	free(r);
	return NULL;
}

int rows_reserve(struct rows *r, size_t vms)
{
	if (!r->spare && !(r->spare = calloc(1, sizeof(*r->spare))))
		return -ENOMEM;
	if (map_reserve(&r->by_name, vms) < 0)
		return -ENOMEM;
	if (vms > r->size) {
		size_t size = vms * 2;
		struct row **all = realloc(r->all, size * sizeof(*all));
		const struct vm_row **touched;

		if (!all)
			return -ENOMEM;
		r->all = all;
		touched = realloc(r->touched, size * sizeof(*touched));
		if (!touched)
			return -ENOMEM;
		r->touched = touched;
		r->size = size;
	}
	return 0;
}

static struct row *find(const struct rows *r, const char *name)
{
	for (struct map_node *n = map_get(&r->by_name, hash_string(name)); n; n = map_next(n)) {
		struct row *row = container_of(n, struct row, by_name);

		if (strcmp(row->vm.name, name) == 0)
			return row;
	}
	return NULL;
}

static struct row *add(struct rows *r, const char *name)
{
	struct row *row = r->spare ? r->spare : calloc(1, sizeof(*row));

	if (!row || rows_reserve(r, r->count + 1) < 0)
		abort(); /* rows_reserve() was not called: our own bug */
	r->spare = r->spare == row ? NULL : r->spare;
	snprintf(row->vm.name, sizeof(row->vm.name), "%s", name);
	row->index = r->count;
	r->all[r->count++] = row;
	map_put(&r->by_name, &row->by_name, hash_string(name));
	return row;
}

static void drop(struct rows *r, struct row *row)
{
	struct row *last = r->all[--r->count];

	r->all[row->index] = last;
	last->index = row->index;
	map_remove(&r->by_name, &row->by_name);
	if (row->vm.endpoint && r->endpoint[row->vm.endpoint] == row)
		r->endpoint[row->vm.endpoint] = NULL;
	row_free(row);
}

/*
 * A vCPU that stands with its VM was taken off its CPU: PREEMPTED. The mediator goes by what it was before, for FFA_RUN lets
 * a preempted one go on, and this one may not.
 */
static void write_vcpus(struct vm_row *v, const struct life *l)
{
	for (unsigned i = 0; i < l->begun.vcpu_count; i++) {
		v->vcpu[i] = (uint8_t)mediator_vcpu_state(l, i);
		v->vcpu_since[i] = mediator_vcpu_since(l, i);
		v->callee[i] = mediator_callee(l, i);
		if (v->vcpu[i] != VCPU_RUNNING || l->now.substate != VM_SUB_PAUSED)
			continue;
		v->vcpu[i] = VCPU_PREEMPTED;
		v->vcpu_since[i] = l->now.since;
	}
}

static void write_life(struct vm_row *v, const struct life *l)
{
	v->life = l->number;
	v->endpoint = l->begun.endpoint;
	v->state = l->now.state;
	v->substate = l->now.substate;
	v->cause = l->now.cause;
	v->since = l->now.since;
	v->vcpu_count = l->begun.vcpu_count;
	write_vcpus(v, l);
	memcpy(v->device, l->device, sizeof(v->device));
	v->memory_bytes = l->begun.memory_bytes;
	v->vmm_pid = l->vmm.pid;
	v->sandbox_lacks = (uint8_t)l->sandbox_lacks;
	v->unreachable = l->unreachable && !l->stale;
	v->stale = l->stale;
	v->secure_stuck = l->stuck;
}

struct old_life_row old_life_row(const struct life *l)
{
	return (struct old_life_row){ .life = l->number,
		.since = l->now.since,
		.endpoint = l->begun.endpoint,
		.vcpu_count = l->begun.vcpu_count,
		.substate = l->now.substate,
		.cause = l->now.cause };
}

/* Without memory fewer of them are known. */
static void write_old_lives(struct vm_row *v, const struct vm *vm)
{
	const struct life *l;

	list_for_each(l, &vm->old, of_vm)
		v->old_lives++;
	if (v->old_lives > v->old_life_room) {
		struct old_life_row *more = realloc(v->old_life, v->old_lives * sizeof(*more));

		v->old_life = more ? more : v->old_life;
		v->old_life_room = more ? v->old_lives : v->old_life_room;
	}
	list_for_each(l, &vm->old, of_vm) {
		if (v->old_life_count == v->old_life_room)
			return;
		if (MUTANT(MUTANT_P4_RECLAIMING_UNSHOWN) && l->now.substate == VM_SUB_RECLAIMING)
			continue;
		v->old_life[v->old_life_count++] = old_life_row(l);
	}
}

static void write_row(struct vm_row *v, const struct model *m, const struct vm *vm)
{
	const struct vm_definition *d = vm->definition;

	*v = (struct vm_row){ .vm = vm->number, .debt = v->debt, .debt_room = v->debt_room, .lease = v->lease,
		.lease_room = v->lease_room, .old_life = v->old_life, .old_life_room = v->old_life_room };
	snprintf(v->name, sizeof(v->name), "%s", d->name);
	memcpy(v->uuid, d->uuid, sizeof(v->uuid));
	v->vcpu_count = d->vcpu_count;
	v->memory_bytes = d->memory_bytes;
	v->from_file = d->from_file;
	v->definition = d;
	v->pending = vm->pending;
	v->waits_for_end = vm->removal ? PENDING_REMOVAL : vm->pending ? PENDING_CHANGE : PENDING_NONE;
	v->bound = vm->bound.active;
	v->bound_end = vm->bound_end;
	v->operation = vm->operation.operation;
	v->outcome = vm->operation.outcome;
	v->operation_since = vm->operation.since;
	v->next_start = model_next_start(vm);
	v->can = model_can(vm);
	v->changed_at = vm->changed_at;
	v->refused = vm->refused;
	v->restarts = vm->end.restarts;
	v->end_cause = vm->end.cause;
	v->end_life = vm->end_life;
	v->end_at = vm->end.at;
	memcpy(v->end_text, vm->end.text, sizeof(v->end_text));
	write_old_lives(v, vm);
	if (vm->life)
		write_life(v, vm->life);
	debts_write(v, m, vm);
	leases_write(v, vm);
	model_why(m, vm, &v->waits);
}

static void refresh_one(struct rows *r, const struct model *m, const struct vm *vm)
{
	struct row *row = find(r, vm->definition->name);
	struct conditions before;

	if (!row)
		row = add(r, vm->definition->name);
	before = conditions_of(&row->vm);
	if (row->vm.endpoint && r->endpoint[row->vm.endpoint] == row)
		r->endpoint[row->vm.endpoint] = NULL;
	write_row(&row->vm, m, vm);
	conditions_say(&before, &row->vm);
	if (row->vm.endpoint)
		r->endpoint[row->vm.endpoint] = row;
	r->touched[r->touched_count++] = &row->vm;
}

static void refresh_sps(struct rows *r, const struct model *m)
{
	for (size_t i = 0; i < m->sp_count; i++)
		r->sp[i] = (struct sp_row){ .sp = m->sp[i].info,
			.owed = m->sp[i].owed,
			.stuck = m->sp[i].stuck_count,
			.stuck_since = m->sp[i].stuck_count ? m->sp[i].stuck_since : 0,
			.sent = m->sp[i].counts.sent,
			.retried = m->sp[i].counts.verdict[VERDICT_RETRY],
			.answered = m->sp[i].counts.verdict[VERDICT_ACK],
			.in_flight = m->sp[i].out || m->sp[i].open.has_target || m->sp[i].guest.out || m->sp[i].guest.suspended,
			.rest_at = heap_node_is_out(&m->sp[i].rest.node) ? 0 : m->sp[i].rest.node.at,
			.probe_at = heap_node_is_out(&m->sp[i].probe.node) ? 0 : m->sp[i].probe.node.at,
			.counts = m->sp[i].counts };
	r->sp_count = m->sp_count;
}

/* Without memory for more the list stays as it was until the next refresh. */
static void refresh_burned(struct rows *r, const struct model *m)
{
	if (r->burned_changes == m->burned.changes)
		return;
	if (m->burned.count > r->burned_room) {
		struct burned_row *more = realloc(r->burned, m->burned.count * sizeof(*more));

		if (!more)
			return;
		r->burned = more;
		r->burned_room = m->burned.count;
	}
	for (size_t i = 0; i < m->burned.count; i++) {
		const struct change_burned *b = &m->burned.at[i].what;

		r->burned[i] = (struct burned_row){ b->endpoint, b->sp, m->burned.at[i].life, b->at, "" };
		memcpy(r->burned[i].name, b->name, sizeof(b->name));
	}
	r->burned_count = m->burned.count;
	r->burned_changes = m->burned.changes;
}

void rows_forget(struct rows *r, const char *name)
{
	struct row *row = find(r, name);

	if (row)
		drop(r, row);
}

void rows_refresh(struct rows *r, struct model *m, uint64_t seq)
{
	struct vm *vm, *next;

	r->touched_count = 0;
	list_for_each_safe(vm, next, &m->touched, touched) {
		list_remove(&vm->touched);
		refresh_one(r, m, vm);
	}
	refresh_sps(r, m);
	refresh_burned(r, m);
	orphans_write(&r->orphans, m);
	r->secure_up = m->secure_up;
	r->shutting_down = m->shutdown.active;
	r->counts = m->counts;
	r->seq = seq;
}

const struct vm_row *const *rows_touched(const struct rows *r, size_t *ret_count)
{
	*ret_count = r->touched_count;
	return r->touched;
}

void rows_catch_up(struct rows *r, struct model *m)
{
	struct vm *vm, *next;

	list_for_each_safe(vm, next, &m->called, called) {
		struct row *row = find(r, vm->definition->name);

		list_remove(&vm->called);
		if (row && vm->life && row->vm.life == vm->life->number)
			write_vcpus(&row->vm, vm->life);
	}
}

void rows_disk_fails(struct rows *r)
{
	r->disk_stuck = true;
}

void rows_hold(struct rows *r, const char *name, uint64_t since)
{
	struct row *row = find(r, name);

	if (!row || row->held)
		return;
	row->held = true;
	row->apart = row->vm.waits;
	row->vm.waits = (struct wait_reason){ .on = WAIT_DISK, .since = since };
}

void rows_disk_works(struct rows *r)
{
	for (size_t i = 0; r->disk_stuck && i < r->count; i++) {
		struct row *row = r->all[i];

		if (row->held && !MUTANT(MUTANT_P6_DISK_BLAMED))
			row->vm.waits = row->apart;
		row->held = false;
	}
	r->disk_stuck = false;
}

const struct vm_row *rows_vm(const struct rows *r, const char *name)
{
	struct row *row = find(r, name);

	return row ? &row->vm : NULL;
}

size_t rows_vm_count(const struct rows *r)
{
	return r->count;
}

const struct vm_row *rows_vm_at(const struct rows *r, size_t i)
{
	return &r->all[i]->vm;
}

const struct vm_row *rows_endpoint(const struct rows *r, uint16_t endpoint)
{
	const struct row *row = endpoint < FFA_ID_VM_COUNT ? r->endpoint[endpoint] : NULL;

	return row ? &row->vm : NULL;
}

size_t rows_sp_count(const struct rows *r)
{
	return r->sp_count;
}

const struct sp_row *rows_sp_at(const struct rows *r, size_t i)
{
	return &r->sp[i];
}

size_t rows_orphan_count(const struct rows *r)
{
	return r->orphans.count;
}

const struct orphan_row *rows_orphan_at(const struct rows *r, size_t i)
{
	return &r->orphans.at[i];
}

size_t rows_burned_count(const struct rows *r)
{
	return r->burned_count;
}

const struct burned_row *rows_burned_at(const struct rows *r, size_t i)
{
	return &r->burned[i];
}

bool rows_shutting_down(const struct rows *r)
{
	return r->shutting_down;
}

bool rows_secure_up(const struct rows *r)
{
	return r->secure_up;
}

bool rows_disk_stuck(const struct rows *r)
{
	return r->disk_stuck;
}

const struct model_counts *rows_counts(const struct rows *r)
{
	return &r->counts;
}

uint64_t rows_seq(const struct rows *r)
{
	return r->seq;
}
