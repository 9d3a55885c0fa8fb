/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/queue.h"

#include <stdio.h>
#include <stdlib.h>

/* splitmix64: one word of state, so that a seed is a number a person can type. */
uint64_t random_next(struct random *r)
{
	uint64_t z = (r->state += 0x9E3779B97F4A7C15ull);

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
	return z ^ (z >> 31);
}

uint64_t random_below(struct random *r, uint64_t limit)
{
	return limit ? random_next(r) % limit : 0;
}

uint64_t random_between(struct random *r, uint64_t low, uint64_t high)
{
	return low + random_below(r, high - low + 1);
}

bool random_chance(struct random *r, unsigned in_thousand)
{
	return random_below(r, 1000) < in_thousand;
}

static bool is_before(const struct happening *a, const struct happening *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void swap(struct happening *a, struct happening *b)
{
	struct happening t = *a;

	*a = *b;
	*b = t;
}

static void grow(struct queue *q)
{
	q->size = q->size ? 2 * q->size : 256;
	q->heap = realloc(q->heap, q->size * sizeof(*q->heap));
	if (!q->heap)
		abort();
}

void queue_put(struct queue *q, uint64_t at, happens what, uint64_t a, uint64_t b, void *data)
{
	size_t i = q->count;

	if (q->count == q->size)
		grow(q);
	q->heap[q->count++] = (struct happening) { at, q->order++, what, a, b, data };
	for (; i && is_before(&q->heap[i], &q->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&q->heap[i], &q->heap[(i - 1) / 2]);
}

bool queue_take(struct queue *q, struct happening *ret)
{
	size_t i = 0, child;

	if (!q->count)
		return false;
	*ret = q->heap[0];
	q->heap[0] = q->heap[--q->count];
	while ((child = 2 * i + 1) < q->count) {
		if (child + 1 < q->count && is_before(&q->heap[child + 1], &q->heap[child]))
			child++;
		if (!is_before(&q->heap[child], &q->heap[i]))
			break;
		swap(&q->heap[child], &q->heap[i]);
		i = child;
	}
	return true;
}

void queue_free(struct queue *q)
{
	for (size_t i = 0; i < q->count; i++)
		free(q->heap[i].data);
	free(q->heap);
	*q = (struct queue) { 0 };
}
