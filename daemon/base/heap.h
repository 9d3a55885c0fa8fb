/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A binary heap of deadlines inside the things that wait. Memory is taken by heap_reserve alone. A node that waits for
 * nothing has index HEAP_OUT (heap_node_init).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAP_OUT ((size_t)-1)

struct heap_node {
	uint64_t at;
	size_t index;
};

struct heap {
	struct heap_node **node;
	size_t count, size;
};

static inline void heap_node_init(struct heap_node *n)
{
	n->at = 0;
	n->index = HEAP_OUT;
}

static inline bool heap_node_is_out(const struct heap_node *n)
{
	return n->index == HEAP_OUT;
}

int heap_reserve(struct heap *h, size_t count);                     /* 0 or -ENOMEM */
void heap_set(struct heap *h, struct heap_node *n, uint64_t at);    /* puts it in, or moves it */
void heap_remove(struct heap *h, struct heap_node *n);              /* fine if it is not in */
struct heap_node *heap_first(const struct heap *h);                 /* the earliest, or NULL */
void heap_free(struct heap *h);
