/* SPDX-License-Identifier: Apache-2.0 */
/* The model's memory: finding things, room for the next ones, and taking everything down. */
#include "model/model.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/mediator.h"
#include "model/notification.h"
#include "model/message.h"

static void sp_init(struct sp *sp, uint8_t index)
{
	*sp = (struct sp){ .index = index };
	list_init(&sp->waiting);
	list_init(&sp->ready);
	list_init(&sp->backoff);
	list_init(&sp->stuck);
	list_init(&sp->guest.lines);
	list_init(&sp->guest.doubtful);
	heap_node_init(&sp->guest.doubt.node);
	sp->guest.doubt.kind = DEADLINE_DOUBT;
	heap_node_init(&sp->resume.node);
	heap_node_init(&sp->probe.node);
	heap_node_init(&sp->rest.node);
	sp->resume.kind = DEADLINE_SP;
	sp->probe.kind = DEADLINE_PROBE;
	sp->rest.kind = DEADLINE_REST;
	sp->heard = true; /* a log may tell of debts */
}

int model_init(struct model *m, uint64_t random)
{
	memset(m, 0, sizeof(*m));
	list_init(&m->vms);
	list_init(&m->lives);
	list_init(&m->orphans);
	list_init(&m->touched);
	list_init(&m->called);
	list_init(&m->graves);
	list_init(&m->waiting_for_order);
	list_init(&m->requiring);
	list_init(&m->held);
	m->random = random | 1;
	m->retry = retry_default;
	ids_init(&m->ids, 0, 0);
	for (unsigned i = 0; i < MODEL_SP_MAX; i++)
		sp_init(&m->sp[i], (uint8_t)i);
	return model_reserve(m);
}

static struct vm *vm_new(void)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	if (!vm)
		return NULL;
	list_init(&vm->all);
	list_init(&vm->touched);
	list_init(&vm->called);
	list_init(&vm->order);
	list_init(&vm->requiring);
	heap_node_init(&vm->dependency.node);
	vm->dependency.kind = DEADLINE_DEPENDENCY;
	heap_node_init(&vm->turn.node);
	heap_node_init(&vm->binding.node);
	vm->binding.kind = DEADLINE_BINDING;
	vm->turn.kind = DEADLINE_TURN;
	list_init(&vm->old);
	heap_node_init(&vm->timer.node);
	vm->timer.kind = DEADLINE_VM;
	return vm;
}

static struct life *life_new(void)
{
	struct life *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	list_init(&l->all);
	list_init(&l->of_vm);
	list_init(&l->leases);
	heap_node_init(&l->timer.node);
	heap_node_init(&l->ladder.node);
	l->timer.kind = DEADLINE_LIFE;
	l->ladder.kind = DEADLINE_VMM;
	for (unsigned i = 0; i < MODEL_SP_MAX; i++) {
		struct debt *d = &l->debt[i];

		d->index = (uint8_t)i;
		list_init(&d->link);
		heap_node_init(&d->again.node);
		heap_node_init(&d->patience.node);
		d->again.kind = DEADLINE_DEBT;
		d->patience.kind = DEADLINE_PATIENCE;
	}
	list_init(&l->messages);
	return l;
}

void life_free(struct life *l)
{
	struct lease *k;

	while ((k = list_first(&l->leases, struct lease, link))) {
		list_remove(&k->link);
		free(k);
	}
	message_free(l);
	free(l->guest);
	free(l->notifications);
	free(l);
}

#define BURIED_AT_ONCE 4 /* definitions that one input may replace */

static int reserve_graves(struct model *m)
{
	size_t room = 2 * (m->buried.count + BURIED_AT_ONCE);
	struct vm_definition **at;

	if (m->buried.room >= m->buried.count + BURIED_AT_ONCE)
		return 0;
	at = realloc(m->buried.at, room * sizeof(struct vm_definition *));
	if (!at)
		return -ENOMEM;
	m->buried.at = at;
	m->buried.room = room;
	return 0;
}

void model_bury(struct model *m, struct vm_definition *d)
{
	if (!d)
		return;
	assert(m->buried.count < m->buried.room);
	m->buried.at[m->buried.count++] = d;
}

int model_reserve(struct model *m)
{
	size_t lives = m->life_count + 1, vms = m->vm_count + 1;

	if (!m->spare_vm && !(m->spare_vm = vm_new()))
		return -ENOMEM;
	if (!m->spare_life && !(m->spare_life = life_new()))
		return -ENOMEM;
	if (!m->spare_guest && !(m->spare_guest = mediator_new()))
		return -ENOMEM;
	if (reserve_graves(m) < 0)
		return -ENOMEM;
	if (!m->spare_notifications && !(m->spare_notifications = calloc(1, sizeof(*m->spare_notifications))))
		return -ENOMEM;
	if (!m->spare_lease && !(m->spare_lease = lease_new()))
		return -ENOMEM;
	if (map_reserve(&m->leases_by_token, m->lease_count + 1) < 0 || map_reserve(&m->vms_by_number, vms) < 0 ||
		map_reserve(&m->vms_by_name, vms) < 0 ||
		map_reserve(&m->lives_by_number, lives) < 0 || burned_reserve(&m->burned, (1 + m->burned.unmet) * MODEL_SP_MAX) < 0)
		return -ENOMEM;
	return heap_reserve(&m->deadlines, lives * (2 + 2ul * MODEL_SP_MAX) + 4 * vms + 4ul * MODEL_SP_MAX + m->lease_count + 1);
}

static void vm_free(struct vm *vm)
{
	free(vm->definition);
	free(vm->pending);
	free(vm);
}

void model_empty_graves(struct model *m)
{
	struct vm *vm, *next;

	list_for_each_safe(vm, next, &m->graves, all) {
		list_remove(&vm->all);
		vm_free(vm);
	}
	while (m->buried.count)
		free(m->buried.at[--m->buried.count]);
}

void model_clear(struct model *m)
{
	struct life *l, *next_life;
	struct vm *vm, *next_vm;

	list_for_each_safe(l, next_life, &m->lives, all)
		life_free(l);
	list_for_each_safe(vm, next_vm, &m->vms, all)
		vm_free(vm);
	model_empty_graves(m);
	free(m->buried.at);
	free(m->burned.at);
	free(m->lost_ids.at);
	free(m->spare_vm);
	free(m->spare_life);
	free(m->spare_guest);
	free(m->spare_notifications);
	free(m->spare_lease);
	map_free(&m->leases_by_token);
	map_free(&m->vms_by_number);
	map_free(&m->vms_by_name);
	map_free(&m->lives_by_number);
	heap_free(&m->deadlines);
	memset(m, 0, sizeof(*m));
}

struct vm *model_vm(const struct model *m, uint64_t number)
{
	struct map_node *n = map_get(&m->vms_by_number, number);

	return n ? container_of(n, struct vm, by_number) : NULL;
}

struct vm *model_vm_named(const struct model *m, const char *name)
{
	for (struct map_node *n = map_get(&m->vms_by_name, hash_string(name)); n; n = map_next(n)) {
		struct vm *vm = container_of(n, struct vm, by_name);

		if (strcmp(vm->definition->name, name) == 0)
			return vm;
	}
	return NULL;
}

struct life *model_life(const struct model *m, uint64_t number)
{
	struct map_node *n = map_get(&m->lives_by_number, number);

	return n ? container_of(n, struct life, by_number) : NULL;
}

struct sp *model_sp(struct model *m, uint16_t id)
{
	for (size_t i = 0; i < m->sp_count; i++)
		if (m->sp[i].info.id == id)
			return &m->sp[i];
	return NULL;
}

uint16_t model_begin_ids(struct model *m)
{
	m->begin_at = (uint16_t)(m->ids.first + m->random % (m->ids.last - m->ids.first + 1u));
	return m->begin_at;
}

uint16_t model_pick_id(const struct model *m, uint16_t wanted)
{
	if (!wanted)
		return ids_longest_free(&m->ids);
	return m->endpoint[wanted] || model_is_burned(m, wanted) || !ids_is_ours(&m->ids, wanted) ? 0 : wanted;
}
