/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Virtual time: what happens when, and the dice. Two things of one moment happen in the order they were planned in. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct world;

struct random {
	uint64_t state;
};
uint64_t random_next(struct random *r);
uint64_t random_below(struct random *r, uint64_t limit);
uint64_t random_between(struct random *r, uint64_t low, uint64_t high);
bool random_chance(struct random *r, unsigned in_thousand);

typedef void (*happens)(struct world *w, uint64_t a, uint64_t b, void *data);
struct happening {
	uint64_t at, order;
	happens what;
	uint64_t a, b;
	void *data; /* freed after it happened */
};

struct queue {
	struct happening *heap;
	size_t count, size;
	uint64_t order;
};

void queue_put(struct queue *q, uint64_t at, happens what, uint64_t a, uint64_t b, void *data);
bool queue_take(struct queue *q, struct happening *ret);
void queue_free(struct queue *q);
