/* SPDX-License-Identifier: Apache-2.0 */
#include "spmc/schedule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "spmc/event.h"

#define NS_PER_MS UINT64_C(1000000)
#define MS_MAX 3600000
#define TEXT_MAX 256

static int parse_one(struct schedule *s, char *item)
{
	char *value = strchr(item, '='), *end;
	unsigned long ms;
	int event;

	if (!value)
		return -EINVAL;
	*value++ = '\0';
	event = event_find(item);
	ms = strtoul(value, &end, 10);
	if (event < 0 || *value < '0' || *value > '9' || *end || ms < 1 || ms > MS_MAX)
		return -EINVAL;
	s->mean[event] = ms * NS_PER_MS;
	return 0;
}

int schedule_parse(struct schedule *s, const char *text)
{
	char copy[TEXT_MAX], *rest = copy, *item;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	while ((item = strsep(&rest, ",")) != NULL)
		if (parse_one(s, item) < 0)
			return -EINVAL;
	return 0;
}

/* Anything between nothing and twice the mean. */
static void plan(struct schedule *s, int event, uint64_t from)
{
	s->at[event] = s->mean[event] ? from + 1 + world_random(&s->random) % (2 * s->mean[event]) : WORLD_NEVER;
}

void schedule_start(struct schedule *s, uint64_t seed, uint64_t monotonic)
{
	s->random = seed;
	for (int i = 0; i < WORLD_EVENT_COUNT; i++)
		plan(s, i, monotonic);
}

static int first(const struct schedule *s)
{
	int first = 0;

	for (int i = 1; i < WORLD_EVENT_COUNT; i++)
		if (s->at[i] < s->at[first])
			first = i;
	return first;
}

uint64_t schedule_next(const struct schedule *s)
{
	return s->at[first(s)];
}

bool schedule_take(struct schedule *s, uint32_t sp_count, uint64_t monotonic, enum world_event *ret, uint32_t *ret_sp)
{
	int event = first(s);

	if (!sp_count || s->at[event] == WORLD_NEVER || s->at[event] > monotonic)
		return false;
	*ret = (enum world_event)event;
	*ret_sp = (uint32_t)(world_random(&s->random) % sp_count);
	plan(s, event, s->at[event]); /* not from now: however late this process is, the sequence stays */
	return true;
}
