/* SPDX-License-Identifier: Apache-2.0 */
#include "model/ids.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mutant.h"

#define HEAD 0x7FFFu /* no VM's id: the list begins and ends there */
#define RUN_MAX 12   /* bytes of " 32765-32766" */

static bool is_listed(const struct ids *ids, uint16_t id)
{
	return ids->next[id] || ids->prev[id];
}

static void insert_after(struct ids *ids, uint16_t where, uint16_t id)
{
	uint16_t next = ids->next[where];

	ids->prev[id] = where;
	ids->next[id] = next;
	ids->next[where] = id;
	ids->prev[next] = id;
}

void ids_take(struct ids *ids, uint16_t id)
{
	uint16_t prev = ids->prev[id], next = ids->next[id];

	if (!is_listed(ids, id))
		return;
	if (ids->placed == id)
		ids->placed = prev;
	ids->next[prev] = next;
	ids->prev[next] = prev;
	ids->next[id] = ids->prev[id] = 0;
}

void ids_init(struct ids *ids, uint16_t first, uint16_t last)
{
	memset(ids, 0, sizeof(*ids));
	ids->first = first ? first : FFA_ID_VM_FIRST;
	ids->last = last ? last : FFA_ID_VM_LAST;
	ids->next[HEAD] = ids->prev[HEAD] = ids->placed = HEAD;
	if (ids->first > ids->last)
		return;
	for (uint16_t id = ids->first; id <= ids->last; id++) { /* as insert_after() would, many times as fast */
		ids->next[id] = (uint16_t)(id + 1);
		ids->prev[id] = (uint16_t)(id - 1);
	}
	ids->next[HEAD] = ids->first;
	ids->prev[ids->first] = ids->next[ids->last] = HEAD;
	ids->prev[HEAD] = ids->last;
}

bool ids_is_ours(const struct ids *ids, uint16_t id)
{
	return id >= ids->first && id <= ids->last;
}

/* The head of the list moves, nothing else does. */
void ids_begin_at(struct ids *ids, uint16_t id)
{
	while (id < ids->last && (id < ids->first || !is_listed(ids, id)))
		id++;
	if (!ids_is_ours(ids, id) || !is_listed(ids, id))
		return;
	ids_take(ids, HEAD);
	insert_after(ids, ids->prev[id], HEAD);
	ids->placed = HEAD;
}

uint16_t ids_longest_free(const struct ids *ids)
{
	const uint16_t *next = MUTANT(MUTANT_P2_ID_WARM) ? ids->prev : ids->next;
	uint16_t id = next[HEAD];

	while (id != HEAD && ids_is_reserved(ids, id))
		id = next[id];
	return id == HEAD ? 0 : id;
}

void ids_give_back(struct ids *ids, uint16_t id)
{
	if (ids_is_ours(ids, id) && !is_listed(ids, id))
		insert_after(ids, ids->prev[HEAD], id);
}

bool ids_is_reserved(const struct ids *ids, uint16_t id)
{
	return ids->reserved[id];
}

void ids_reserve(struct ids *ids, uint16_t id)
{
	ids->reserved[id] += ids->reserved[id] < UINT8_MAX;
}

void ids_unreserve(struct ids *ids, uint16_t id)
{
	ids->reserved[id] -= ids->reserved[id] > 0;
}

/* ---- as text ---- */

uint16_t ids_print(const struct ids *ids, uint16_t after, char *text, size_t size)
{
	uint16_t id = ids->next[after ? after : HEAD], last = 0;
	size_t used = 0;

	text[0] = '\0';
	while (id != HEAD && used + RUN_MAX < size) {
		uint16_t first = id;

		while (ids->next[id] == id + 1 && ids->next[id] != HEAD)
			id++;
		used += (size_t)snprintf(text + used, size - used, used ? " %u" : "%u", first);
		if (id != first)
			used += (size_t)snprintf(text + used, size - used, "-%u", id);
		last = id;
		id = ids->next[id];
	}
	return last;
}

static int place_run(struct ids *ids, unsigned long first, unsigned long last)
{
	if (first < FFA_ID_VM_FIRST || last > FFA_ID_VM_LAST || first > last)
		return -EBADMSG;
	for (unsigned long i = first; i <= last; i++) {
		uint16_t id = (uint16_t)i;

		if (!is_listed(ids, id)) /* it has a life, or it is not ours any more */
			continue;
		ids_take(ids, id);
		insert_after(ids, ids->placed, id);
		ids->placed = id;
	}
	return 0;
}

int ids_place(struct ids *ids, const char *text)
{
	while (*text) {
		char *end;
		unsigned long first = strtoul(text, &end, 10), last = first;

		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		if ((*end && *end != ' ') || place_run(ids, first, last) < 0)
			return -EBADMSG;
		text = *end ? end + 1 : end;
	}
	return 0;
}
