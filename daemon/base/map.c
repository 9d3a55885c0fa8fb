/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static size_t slot(const struct map *m, uint64_t key)
{
	return (size_t)((key * 0x9E3779B97F4A7C15ull) >> 32) & (m->size - 1);
}

int map_reserve(struct map *m, size_t count)
{
	struct map_node **bucket;
	struct map old = *m;
	size_t size = m->size ? m->size : 16;

	if (count <= m->size)
		return 0;
	while (size < count)
		size *= 2;
	bucket = calloc(size, sizeof(*bucket));
	if (!bucket)
		return -ENOMEM;
	m->bucket = bucket;
	m->size = size;
	m->count = 0;
	for (size_t i = 0; i < old.size; i++) {
		struct map_node *next;

		for (struct map_node *n = old.bucket[i]; n; n = next) {
			next = n->next;
			map_put(m, n, n->key);
		}
	}
	free(old.bucket);
	return 0;
}

void map_put(struct map *m, struct map_node *node, uint64_t key)
{
	size_t i = slot(m, key);

	assert(m->size > 0);
	node->key = key;
	node->next = m->bucket[i];
	m->bucket[i] = node;
	m->count++;
}

static struct map_node *with_key(struct map_node *n, uint64_t key)
{
	while (n && n->key != key)
		n = n->next;
	return n;
}

struct map_node *map_get(const struct map *m, uint64_t key)
{
	return m->size ? with_key(m->bucket[slot(m, key)], key) : NULL;
}

struct map_node *map_next(const struct map_node *node)
{
	return with_key(node->next, node->key);
}

void map_remove(struct map *m, struct map_node *node)
{
	struct map_node **at = &m->bucket[slot(m, node->key)];

	while (*at != node) {
		assert(*at);
		at = &(*at)->next;
	}
	*at = node->next;
	node->next = NULL;
	m->count--;
}

struct map_node *map_any(const struct map *m)
{
	for (size_t i = 0; i < m->size && m->count; i++)
		if (m->bucket[i])
			return m->bucket[i];
	return NULL;
}

void map_free(struct map *m)
{
	free(m->bucket);
	*m = (struct map){ 0 };
}

uint64_t hash_string(const char *s)
{
	uint64_t h = 0xCBF29CE484222325ull;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001B3ull;
	return h;
}
