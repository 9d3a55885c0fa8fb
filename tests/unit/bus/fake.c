/* SPDX-License-Identifier: Apache-2.0 */

#include "unit/bus/fake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int engine_post(struct engine *e, const struct input *in)
{
	if (e->post_error < 0 || e->posted_count == FAKE_POSTED)
		return -ENOMEM;
	e->posted[e->posted_count++] = in->request;
	return 0;
}

const struct rows *engine_rows(struct engine *e)
{
	return &e->rows;
}

const struct ring *engine_ring(const struct engine *e)
{
	return &e->ring;
}

const struct vm_row *rows_vm(const struct rows *r, const char *name)
{
	for (size_t i = 0; i < r->vm_count; i++)
		if (strcmp(r->vm[i].name, name) == 0)
			return &r->vm[i];
	return NULL;
}

size_t rows_vm_count(const struct rows *r)
{
	return r->vm_count;
}

const struct vm_row *rows_vm_at(const struct rows *r, size_t i)
{
	return &r->vm[i];
}

const struct vm_row *rows_endpoint(const struct rows *r, uint16_t endpoint)
{
	for (size_t i = 0; i < r->vm_count; i++)
		if (r->vm[i].endpoint == endpoint)
			return &r->vm[i];
	return NULL;
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
	return r->orphan_count;
}

const struct orphan_row *rows_orphan_at(const struct rows *r, size_t i)
{
	return &r->orphan[i];
}

size_t rows_burned_count(const struct rows *r)
{
	return r->burned_count;
}

const struct burned_row *rows_burned_at(const struct rows *r, size_t i)
{
	return &r->burned[i];
}

bool rows_secure_up(const struct rows *r)
{
	return r->secure_up;
}

bool rows_shutting_down(const struct rows *r)
{
	return false;
}

bool rows_disk_stuck(const struct rows *r)
{
	return r->disk_stuck;
}

const struct model_counts *rows_counts(const struct rows *r)
{
	return &r->counts;
}

void engine_measure(const struct engine *e, struct engine_measure *ret)
{
	*ret = e->done;
}

uint64_t rows_seq(const struct rows *r)
{
	return r->seq;
}

const struct event_record *ring_after(const struct ring *r, uint64_t seq, bool *ret_gap)
{
	uint64_t first = r->count > EVENT_RING_SIZE ? r->count - EVENT_RING_SIZE : 0;

	*ret_gap = seq < r->lost;
	for (uint64_t i = first; i < r->count; i++)
		if (r->event[i % EVENT_RING_SIZE].seq > seq)
			return &r->event[i % EVENT_RING_SIZE];
	return NULL;
}

uint64_t ring_last_of(const struct ring *r, const char *name, uint64_t seq)
{
	uint64_t last = seq;

	for (uint64_t i = 0; i < r->count && i < EVENT_RING_SIZE; i++)
		if (r->event[i].seq > last && (!*name || strcmp(r->event[i].name, name) == 0))
			last = r->event[i].seq;
	return last;
}

uint64_t ring_last(const struct ring *r)
{
	return r->count ? r->event[(r->count - 1) % EVENT_RING_SIZE].seq : 0;
}

void fake_free(struct engine *e)
{
	for (size_t i = 0; i < e->posted_count; i++)
		free(e->posted[i].definition);
}

struct vm_row *fake_vm(struct engine *e, const char *name, uint64_t number)
{
	struct vm_row *row = &e->rows.vm[e->rows.vm_count++];

	memset(row, 0, sizeof(*row));
	strcpy(row->name, name);
	row->vm = number;
	row->vcpu_count = 1;
	row->debt = e->rows.debt[e->rows.vm_count - 1];
	row->lease = e->rows.lease[e->rows.vm_count - 1];
	return row;
}

void fake_vm_remove(struct engine *e, const char *name)
{
	struct vm_row *row = (struct vm_row *)rows_vm(&e->rows, name);

	*row = e->rows.vm[--e->rows.vm_count];
}

struct sp_row *fake_sp(struct engine *e, uint16_t id)
{
	struct sp_row *row = &e->rows.sp[e->rows.sp_count++];

	memset(row, 0, sizeof(*row));
	row->sp.id = id;
	return row;
}

void fake_event(struct engine *e, const struct event_record *event)
{
	struct event_record *place = &e->ring.event[e->ring.count % EVENT_RING_SIZE];

	if (e->ring.count >= EVENT_RING_SIZE)
		e->ring.lost = place->seq;
	*place = *event;
	place->version = EVENT_STREAM_VERSION;
	place->size = sizeof(*place);
	e->ring.count++;
	e->rows.seq = event->seq;
}
