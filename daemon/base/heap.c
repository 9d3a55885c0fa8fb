/* SPDX-License-Identifier: Apache-2.0 */
#include "base/heap.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int heap_reserve(struct heap *h, size_t count)
{
	struct heap_node **node;
	size_t size = h->size ? h->size : 64;

	if (count <= h->size)
		return 0;
	while (size < count)
		size *= 2;
	node = realloc(h->node, size * sizeof(*node));
	if (!node)
		return -ENOMEM;
	h->node = node;
	h->size = size;
	return 0;
}

static void place(struct heap *h, struct heap_node *n, size_t i)
{
	h->node[i] = n;
	n->index = i;
}

static void sift(struct heap *h, struct heap_node *n)
{
	size_t i = n->index;

	while (i > 0 && h->node[(i - 1) / 2]->at > n->at) {
		place(h, h->node[(i - 1) / 2], i);
		i = (i - 1) / 2;
	}
	for (;;) {
		size_t child = 2 * i + 1;

		if (child + 1 < h->count && h->node[child + 1]->at < h->node[child]->at)
			child++;
		if (child >= h->count || h->node[child]->at >= n->at)
			break;
		place(h, h->node[child], i);
		i = child;
	}
	place(h, n, i);
}

void heap_set(struct heap *h, struct heap_node *n, uint64_t at)
{
	n->at = at;
	if (n->index == HEAP_OUT) {
		assert(h->count < h->size);
		place(h, n, h->count++);
	}
	sift(h, n);
}

void heap_remove(struct heap *h, struct heap_node *n)
{
	struct heap_node *last;

	if (n->index == HEAP_OUT)
		return;
	last = h->node[--h->count];
	if (last != n) {
		place(h, last, n->index);
		sift(h, last);
	}
	n->index = HEAP_OUT;
}

struct heap_node *heap_first(const struct heap *h)
{
	return h->count ? h->node[0] : NULL;
}

void heap_free(struct heap *h)
{
	free(h->node);
	*h = (struct heap){ 0 };
}
