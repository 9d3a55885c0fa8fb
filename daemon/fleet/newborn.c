/* SPDX-License-Identifier: Apache-2.0 */

/* From NEWBORN to the hour of birth: who is it, and which life waits for it, or it for which. */

#include "fleet/internal.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

void link_newborn(struct link *l, const struct vmm_newborn *frame)
{
	memcpy(l->name, frame->name, sizeof(l->name));
	link_enter(l, LINK_PROVING);
	l->fleet->starter->prove(l);
}

/* Whoever has that pid may be another by now: nothing that follows is to reach him. */
static int part(struct vmm *v, int error)
{
	v->watch = loop_unwatch(v->watch);
	close_fdp(&v->pidfd);
	v->pidfd = -1;
	return error;
}

/* A unit's process is met here; a child was watched from its start. */
static int meet(struct link *l, struct vmm *v)
{
	uint64_t start_time;
	int r;

	if (v->has_pid)
		return 0;
	v->pid = l->pid;
	v->start_time = l->start_time;
	memcpy(v->invocation, l->invocation, sizeof(v->invocation));
	list_remove(&v->starting);
	r = vmm_watch(v);
	if (r == 0)
		r = process_start_time(v->pid, &start_time);
	if (r == 0 && start_time == v->start_time)
		return 0;
	return part(v, r < 0 ? r : -ESRCH);
}

void link_take_life(struct link *l, struct vmm *v)
{
	struct input in = { .kind = IN_VMM_NEWBORN, .life = v->life };
	const char *lacks;
	int r = meet(l, v);

	if (r < 0) {
		link_refuse(l, "its process cannot be watched");
		vmm_failed(v, r == -ESRCH ? "the VMM died as soon as it was there" : "the VMM cannot be watched");
		return;
	}
	lacks = v->definition ? vmm_lacks(l, v->definition) : NULL;
	if (lacks) {
		vmm_doom(v, CAUSE_START_FAILED, lacks);
		link_refuse(l, lacks);
		return;
	}
	r = life_lock(l->fleet->places, v->life, &v->lock_fd);
	if (r < 0) {
		vmm_doom(v, CAUSE_START_FAILED, r == -EBUSY ? "another process holds the lock of this life" : strerror(-r));
		link_refuse(l, "the lock of this life cannot be taken");
		return;
	}
	link_adopted(l, v, LINK_NEWBORN);
	memcpy(in.newborn.name, v->name, sizeof(in.newborn.name));
	memcpy(in.newborn.invocation, v->invocation, sizeof(in.newborn.invocation));
	in.newborn.features = l->features;
	in.newborn.connection = l->number;
	in.newborn.pid = v->pid;
	in.newborn.start_time = v->start_time;
	if (engine_post(l->fleet->engine, &in) < 0)
		link_close(l); /* the VMM exits then: its death is told */
}

void link_post_unborn(struct link *l, enum input_kind kind)
{
	struct input in = { .kind = kind };

	memcpy(in.newborn.name, l->name, sizeof(in.newborn.name));
	in.newborn.connection = l->number;
	in.newborn.pid = l->pid;
	in.newborn.start_time = l->start_time;
	memcpy(in.newborn.invocation, l->invocation, sizeof(in.newborn.invocation));
	(void)engine_post(l->fleet->engine, &in);
}

static bool is_dying(struct fleet *f, const char *name)
{
	struct vmm *v;

	list_for_each(v, &f->vmms, node)
		if (v->answer_until && strcmp(v->name, name) == 0)
			return true;
	return false;
}

/* The model hears of the death of the VMM before it first. */
void link_wait(struct link *l)
{
	link_enter(l, LINK_WAITING);
	if (is_dying(l->fleet, l->name))
		list_append(&l->fleet->untold, &l->untold);
	else
		link_post_unborn(l, IN_VMM_NEWBORN);
}

void links_told_of(struct fleet *f, const char *name)
{
	struct link *l, *next;

	list_for_each_safe(l, next, &f->untold, untold)
		if (strcmp(l->name, name) == 0) {
			list_remove(&l->untold);
			link_post_unborn(l, IN_VMM_NEWBORN);
		}
}

struct link *link_waiting(struct fleet *f, uint64_t connection)
{
	struct link *l;

	list_for_each(l, &f->links, node)
		if (l->number == connection)
			return l->stage == LINK_WAITING ? l : NULL;
	return NULL;
}
