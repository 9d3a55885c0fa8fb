/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A hash map from a 64-bit key to a node inside the thing it finds. Memory is taken by map_reserve alone, so that a
 * put after a reserve cannot fail. Keys need not be unique: map_next walks those that share one (hashes of names do).
 */

#include <stddef.h>
#include <stdint.h>

struct map_node {
	struct map_node *next;
	uint64_t key;
};

struct map {
	struct map_node **bucket;
	size_t size; /* of bucket; a power of two, or 0 */
	size_t count;
};

int map_reserve(struct map *m, size_t count); /* 0 or -ENOMEM; room for `count` nodes at a good load */
void map_put(struct map *m, struct map_node *node, uint64_t key);
struct map_node *map_get(const struct map *m, uint64_t key);   /* the first node with that key, or NULL */
struct map_node *map_next(const struct map_node *node);        /* the next node with the same key, or NULL */
void map_remove(struct map *m, struct map_node *node);         /* the node must be in the map */
struct map_node *map_any(const struct map *m);                 /* any node, or NULL: to empty a map */
void map_free(struct map *m);                                  /* the buckets, not the things in them */

uint64_t hash_string(const char *s); /* FNV-1a */
