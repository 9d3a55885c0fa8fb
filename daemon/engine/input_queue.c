/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue of inputs: a ring that grows. It can be asked what is in it before that is stepped, for what it says may forbid
 * an act of the turn before.
 */
#include "engine/input_queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static struct input *at(const struct input_queue *q, size_t i)
{
	assert(i < q->size);
	return &q->in[(q->first + i) % q->size];
}

static void drop(struct input *in)
{
	if (in->kind == IN_REQUEST)
		free(in->request.definition);
	else if (in->kind == IN_SECURE_UP)
		free(in->world);
	else if (in->kind == IN_GUEST_CALL)
		free(in->call.bytes);
}

static bool is_secure_news(const struct input *in)
{
	return in->kind == IN_SECURE_DOWN || in->kind == IN_SECURE_UP || in->kind == IN_SECURE_DOORBELL;
}

static int make_room(struct input_queue *q)
{
	size_t size = q->size ? q->size * 2 : 64;
	struct input *in;

	if (q->count < q->size)
		return 0;
	in = calloc(size, sizeof(*in));
	if (!in)
		return -ENOMEM;
	for (size_t i = 0; i < q->count; i++)
		in[i] = *at(q, i);
	free(q->in);
	q->in = in;
	q->first = 0;
	q->size = size;
	return 0;
}

void input_queue_free(struct input_queue *q)
{
	for (size_t i = 0; i < q->count; i++)
		drop(at(q, i));
	free(q->in);
}

int input_queue_put(struct input_queue *q, const struct input *in, uint64_t came)
{
	if (make_room(q) < 0)
		return -ENOMEM;
	*at(q, q->count) = *in;
	at(q, q->count++)->now = came;
	q->news += is_secure_news(in);
	q->backs += in->kind == IN_VMM_BACK;
	return 0;
}

int input_queue_put_first(struct input_queue *q, const struct input *in)
{
	if (make_room(q) < 0)
		return -ENOMEM;
	q->first = (q->first + q->size - 1) % q->size;
	q->count++;
	*at(q, 0) = *in;
	return 0;
}

struct input *input_queue_first(struct input_queue *q)
{
	return q->count ? at(q, 0) : NULL;
}

const struct input *input_queue_at(const struct input_queue *q, size_t i)
{
	return at(q, i);
}

void input_queue_drop_first(struct input_queue *q)
{
	struct input *in = at(q, 0);

	q->news -= is_secure_news(in);
	q->backs -= in->kind == IN_VMM_BACK;
	drop(in);
	q->first = (q->first + 1) % q->size;
	q->count--;
}

static bool is_another(const struct input *in, uint16_t id, uint32_t known)
{
	if (in->kind == IN_SECURE_DOWN)
		return true;
	if (in->kind == IN_SECURE_DOORBELL)
		return in->doorbell.sp == id && in->doorbell.generation && in->doorbell.generation != known;
	if (in->kind != IN_SECURE_UP)
		return false;
	for (unsigned i = 0; i < in->world->count; i++)
		if (in->world->sp[i].id == id)
			return in->world->sp[i].generation != known;
	return true;
}

bool input_queue_has_another(const struct input_queue *q, const struct model *m, uint16_t sp)
{
	const struct sp *known = model_sp((struct model *)m, sp);

	for (size_t i = 0; q->news && i < q->count; i++)
		if (is_another(at(q, i), sp, known ? known->info.generation : 0))
			return true;
	return false;
}

bool input_queue_has_back(const struct input_queue *q, uint64_t life)
{
	for (size_t i = 0; q->backs && i < q->count; i++)
		if (at(q, i)->kind == IN_VMM_BACK && at(q, i)->life == life)
			return true;
	return false;
}
