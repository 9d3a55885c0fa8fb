/* SPDX-License-Identifier: Apache-2.0 */
#include "main/rehearsal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/lifecycle.h"

struct rehearsal {
	struct model model;
	struct step_out out;
	uint64_t seq;
};

static int apply(struct rehearsal *r, struct change c, const struct vm_definition *d)
{
	int e = model_reserve(&r->model);

	if (e == 0 && d) {
		c.definition = malloc(sizeof(*d));
		e = c.definition ? 0 : -ENOMEM;
	}
	if (e < 0)
		return e;
	if (d)
		*c.definition = *d;
	c.seq = ++r->seq;
	return model_apply(&r->model, &c);
}

/* Of a life it matters that there is one: what waits for its end. */
static int add(struct rehearsal *r, const struct vm_row *row)
{
	struct change life = { .kind = CHANGE_LIFE, .vm = row->vm, .life = row->life };
	int e = apply(r, (struct change){ .kind = CHANGE_VM, .vm = row->vm }, row->definition);

	if (e == 0 && row->waits_for_end)
		e = apply(r, (struct change){ .kind = CHANGE_PENDING, .vm = row->vm, .pending.what = row->waits_for_end }, row->pending);
	life.begun.endpoint = row->endpoint;
	life.begun.vcpu_count = row->vcpu_count;
	memcpy(life.begun.name, row->name, sizeof(life.begun.name));
	return e == 0 && row->life ? apply(r, life, NULL) : e;
}

struct rehearsal *rehearsal_new(const struct rows *rows, uint16_t first_id, uint16_t last_id)
{
	struct rehearsal *r = calloc(1, sizeof(*r));
	int e = r ? model_init(&r->model, 1) : -ENOMEM;

	if (e == 0 && first_id)
		ids_init(&r->model.ids, first_id, last_id);
	for (size_t i = 0; e == 0 && i < rows_vm_count(rows); i++)
		e = add(r, rows_vm_at(rows, i));
	if (e == 0)
		model_empty_graves(&r->model);
	return e == 0 ? r : rehearsal_free(r);
}

int rehearsal_ask(struct rehearsal *r, struct input *in, struct answer *ret)
{
	int e;

	step_out_clear(&r->out);
	e = step_reserve(&r->out, &r->model, in);
	if (e < 0) {
		free(in->request.definition);
		return e;
	}
	model_step(&r->model, in, 0, &r->out);
	*ret = r->out.answer[0];
	model_empty_graves(&r->model);
	return 0;
}

struct rehearsal *rehearsal_free(struct rehearsal *r)
{
	if (!r)
		return NULL;
	model_clear(&r->model);
	step_out_free(&r->out);
	free(r);
	return NULL;
}
