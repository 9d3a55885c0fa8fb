/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who waits behind a turn that the disk holds up: VMs that it changes, those whose request it answers, and those of requests that
 * came since. The model has not stepped the last, and rows are of turns that are stored: so this alone is told from the queue.
 */
#include "engine/internal.h"

#include "base/mutant.h"

/* Whose guests run is asked to end. */
static void hold_all(struct rows *rows, uint64_t since)
{
	for (size_t i = 0; i < rows_vm_count(rows); i++)
		if (rows_vm_at(rows, i)->life)
			rows_hold(rows, rows_vm_at(rows, i)->name, since);
}

void held_name(struct engine *e, const struct input *in, uint64_t since)
{
	const struct request *r = &in->request;
	const struct life *l;

	if (in->kind != IN_REQUEST || MUTANT(MUTANT_P6_HELD_UNSAID))
		return;
	l = r->name[0] ? NULL : model_life(&e->model, r->life);
	if (r->verb == REQUEST_SHUTDOWN)
		hold_all(e->rows, since);
	else
		rows_hold(e->rows, l ? l->begun.name : r->name, since);
}

void held_name_all(struct engine *e)
{
	const struct vm *vm;

	list_for_each(vm, &e->model.touched, touched)
		rows_hold(e->rows, vm->definition->name, e->commit.given_at);
	for (size_t i = 0; i < e->out.events; i++)
		if (e->out.event[i].kind == EVENT_VM_GONE) /* the model knows it no more */
			rows_hold(e->rows, e->out.event[i].name, e->commit.given_at);
	for (size_t i = 0; i < e->out.answers; i++) {
		vm = model_vm(&e->model, e->out.answer[i].vm);
		if (vm)
			rows_hold(e->rows, vm->definition->name, e->commit.given_at);
	}
	for (size_t i = 0; i < e->queue.count; i++) {
		const struct input *in = input_queue_at(&e->queue, i);

		held_name(e, in, in->now);
	}
}
