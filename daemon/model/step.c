/* SPDX-License-Identifier: Apache-2.0 */
/* The step's frame: room for what it brings, emission, deadlines, and who handles which input. */
#include "model/step.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mutant.h"
#include "model/guest_sp.h"
#include "model/order.h"

#define ROOM_ORDINARY 512
#define ROOM_OF_ONE 96 /* what one deadline may bring: a life with every SP */

static int grow(void **array, size_t room, size_t size)
{
	void *p = realloc(*array, room * size);

	if (!p)
		return -ENOMEM;
	*array = p;
	return 0;
}

/*
 * Whoever ends, answers, comes back or goes away may be whom any number of vCPUs waits for: each is answered at most once, and
 * of each a VMM is told once at most.
 */
static size_t room_of_calls(const struct model *m)
{
	return 2 * m->calling;
}

/* An SP or a world that was reset touches every life; everything else touches one, and whoever waits for its guest. */
static size_t room_for(const struct model *m, const struct input *in)
{
	bool wide = in->kind >= IN_SECURE_UP && in->kind <= IN_SECURE_DOORBELL;

	if (in->kind == IN_AUTOSTART)
		return ROOM_ORDINARY + room_of_calls(m) + 4 * m->vm_count;
	return ROOM_ORDINARY + room_of_calls(m) +
		(wide ? m->life_count * (8 + 2 * m->sp_count) + m->burned.count + m->burned.unmet * MODEL_SP_MAX : 0);
}

static int reserve(struct step_out *o, struct model *m, size_t need)
{
	size_t used = o->changes;

	if (o->outputs > used)
		used = o->outputs;
	if (o->answers > used)
		used = o->answers;
	need += used;
	if (model_reserve(m) < 0)
		return -ENOMEM;
	if (need <= o->room)
		return 0;
	need *= 2;
	if (grow((void **)&o->change, need, sizeof(*o->change)) < 0 ||
		grow((void **)&o->event, need, sizeof(*o->event)) < 0 ||
		grow((void **)&o->output, need, sizeof(*o->output)) < 0 ||
		grow((void **)&o->answer, need, sizeof(*o->answer)) < 0)
		return -ENOMEM;
	o->room = need;
	return 0;
}

int step_reserve(struct step_out *o, struct model *m, const struct input *in)
{
	return reserve(o, m, room_for(m, in));
}

int step_reserve_resume(struct step_out *o, struct model *m)
{
	size_t burns = (m->lost_ids.count + m->burned.unmet) * (m->sp_count + 2);

	if (burned_reserve(&m->burned, burns + MODEL_SP_MAX) < 0)
		return -ENOMEM;
	return reserve(o, m, ROOM_ORDINARY + 4 * m->vm_count + m->life_count * (16 + 2 * m->sp_count) + 2 * m->lease_count + burns);
}

void step_out_clear(struct step_out *o)
{
	o->changes = o->events = o->outputs = o->answers = 0;
}

void step_out_free(struct step_out *o)
{
	free(o->change);
	free(o->event);
	free(o->output);
	free(o->answer);
	*o = (struct step_out){ 0 };
}

void touch(struct step *s, struct vm *vm)
{
	if (vm && list_is_empty(&vm->touched))
		list_append(&s->m->touched, &vm->touched);
}

static struct vm *vm_of(struct step *s, const struct change *c)
{
	struct life *l = c->life ? model_life(s->m, c->life) : NULL;

	return l ? l->vm : c->vm ? model_vm(s->m, c->vm) : NULL;
}

/*
 * Gives the change its number, tells followers, applies it. A CHANGE_LIFE, a first CHANGE_VM and a first CHANGE_LEASE take
 * their own number as the number of what they make.
 */
void emit(struct step *s, struct change *c)
{
	struct step_out *o = s->o;
	int r;

	assert(o->changes < o->room && o->events < o->room);
	c->seq = s->m->seq + 1;
	if (MUTANT(MUTANT_P4_SEQ_TWICE) && c->kind == CHANGE_OPERATION)
		c->seq = s->m->seq;
	if (c->kind == CHANGE_LIFE && !c->life)
		c->life = c->seq;
	if (c->kind == CHANGE_VM && !c->vm)
		c->vm = c->seq;
	if (c->kind == CHANGE_LEASE && !c->lease.number)
		c->lease.number = c->seq;
	if (model_event(s->m, c, s->realtime, &o->event[o->events]) &&
		!(MUTANT(MUTANT_P4_EVENT_LOST) && c->kind == CHANGE_DEBT && c->debt.state == DEBT_SETTLED))
		o->events++;
	touch(s, vm_of(s, c));
	count_change(s, c);
	o->change[o->changes++] = *c;
	r = model_apply(s->m, c);
	assert(r == 0);
	(void)r;
	touch(s, vm_of(s, c));
}

struct output *put_output(struct step *s, enum output_kind kind, uint64_t life)
{
	struct output *out = &s->o->output[s->o->outputs];

	assert(s->o->outputs < s->o->room);
	s->o->outputs++;
	*out = (struct output){ .kind = (uint8_t)kind, .life = life };
	return out;
}

void note_caller(struct step *s, const struct life *l)
{
	if (!life_is_calling(l))
		s->m->calling += l->begun.vcpu_count;
}

void command_vmm(struct step *s, struct life *l, enum vmm_command command)
{
	put_output(s, OUT_VMM_COMMAND, l->number)->command = (uint8_t)command;
}

void set_deadline(struct step *s, struct deadline *d, uint64_t at)
{
	heap_set(&s->m->deadlines, &d->node, at);
}

void clear_deadline(struct step *s, struct deadline *d)
{
	heap_remove(&s->m->deadlines, &d->node);
}

uint64_t model_next_deadline(const struct model *m)
{
	const struct heap_node *n = heap_first(&m->deadlines);

	return n ? n->at : UINT64_MAX;
}

static void fire(struct step *s, struct deadline *d)
{
	clear_deadline(s, d);
	switch ((enum deadline_kind)d->kind) {
	case DEADLINE_VM:
		vm_timer(s, container_of(d, struct vm, timer));
		break;
	case DEADLINE_DEPENDENCY:
		order_requires_timer(s, container_of(d, struct vm, dependency));
		break;
	case DEADLINE_BINDING:
		bound_timer(s, container_of(d, struct vm, binding));
		break;
	case DEADLINE_TURN:
		shutdown_timer(s, container_of(d, struct vm, turn));
		break;
	case DEADLINE_LIFE:
		life_timer(s, container_of(d, struct life, timer));
		break;
	case DEADLINE_VMM:
		life_ladder(s, container_of(d, struct life, ladder));
		break;
	case DEADLINE_DEBT:
		debt_timer(s, container_of(d, struct debt, again));
		break;
	case DEADLINE_PATIENCE:
		patience_timer(s, container_of(d, struct debt, patience));
		break;
	case DEADLINE_SP:
		resume_timer(s, container_of(d, struct sp, resume));
		break;
	case DEADLINE_PROBE:
		probe_timer(s, container_of(d, struct sp, probe));
		break;
	case DEADLINE_DOUBT:
		guest_sp_doubt_timer(s, container_of(d, struct sp, guest.doubt));
		break;
	case DEADLINE_REST:
		rest_timer(s, container_of(d, struct sp, rest));
		break;
	case DEADLINE_LEASE:
		lease_timer(s, container_of(d, struct lease, timer));
		break;
	}
}

/* As many deadlines as there is room for; the rest is still due and brings the next tick at once. */
static void tick(struct step *s)
{
	struct heap_node *n;

	while ((n = heap_first(&s->m->deadlines)) && n->at <= s->now) {
		if (s->o->changes + ROOM_OF_ONE > s->o->room || s->o->outputs + room_of_calls(s->m) + ROOM_OF_ONE > s->o->room)
			return;
		if (model_reserve(s->m) < 0)
			return;
		fire(s, container_of(n, struct deadline, node));
	}
}

void model_step(struct model *m, struct input *in, uint64_t realtime, struct step_out *o)
{
	struct step s = { m, o, in->now, realtime };

	switch (in->kind) {
	case IN_TICK:
		break;
	case IN_REQUEST:
		step_request(&s, &in->request);
		break;
	case IN_VMM_NEWBORN:
	case IN_VMM_LEFT:
		step_newborn(&s, in);
		break;
	case IN_VMM_STARTED:
	case IN_VMM_FAILED:
	case IN_VMM_BACK:
	case IN_VMM_STALE:
	case IN_VMM_BUILT:
	case IN_VMM_ENTERED:
	case IN_VMM_VCPU:
	case IN_VMM_SANDBOX:
	case IN_VMM_DEVICE:
	case IN_VMM_STOPPING:
	case IN_VMM_DEAF:
	case IN_VMM_NOTIFICATIONS:
	case IN_GUEST_CALL:
	case IN_GUEST_PUT:
	case IN_VMM_PAUSED:
	case IN_VMM_NOT_PAUSED:
	case IN_VMM_NOT_RESUMED:
	case IN_VMM_QUIESCED:
	case IN_VMM_ENDED:
	case IN_VMM_GONE:
	case IN_VMM_LOST:
	case IN_RECLAIMED:
		step_vmm(&s, in);
		break;
	case IN_SECURE_UP:
	case IN_SECURE_DOWN:
	case IN_SECURE_REPLY:
	case IN_SECURE_DOORBELL:
		step_secure(&s, in);
		break;
	case IN_AUTOSTART:
		order_autostart(&s);
		break;
	case IN_SHUTDOWN:
		m->shutting_down = true;
		break;
	}
	tick(&s);
}
