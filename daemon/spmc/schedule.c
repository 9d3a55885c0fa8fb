/* SPDX-License-Identifier: Apache-2.0 */
#include "spmc/schedule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "spmc/event.h"

#define NS_PER_MS UINT64_C(1000000)
#define MS_MAX 3600000

static int complain_of_event(const char *event, struct complaint *why)
{
	char list[128] = "";

	for (int i = 0; i < WORLD_EVENT_COUNT; i++) {
		strncat(list, i == 0 ? "" : i + 1 < WORLD_EVENT_COUNT ? ", " : " or ", sizeof(list) - strlen(list) - 1);
		strncat(list, event_name((enum world_event)i), sizeof(list) - strlen(list) - 1);
	}
	return complain(why, "\"%s\": the event must be %s", event, list);
}

int schedule_set(struct world_config *config, const char *event, const char *ms, struct complaint *why)
{
	int e = event_find(event);
	unsigned long n;
	char *end;

	if (e < 0)
		return complain_of_event(event, why);
	n = strtoul(ms, &end, 10);
	if (*ms < '0' || *ms > '9' || *end || n > MS_MAX)
		return complain(why, "%s=%s: must be milliseconds in 0..%d", event, ms, MS_MAX);
	config->schedule[e] = n * NS_PER_MS;
	return 0;
}

int schedule_parse(struct world_config *config, const char *text, struct complaint *why)
{
	_cleanup_(freep) char *copy = strdup(text);
	char *rest = copy, *item;

	if (!copy)
		return complain(why, "no memory");
	while ((item = strsep(&rest, ",")) != NULL) {
		char *value = strchr(item, '=');

		if (!value)
			return complain(why, "\"%s\": write EVENT=MS,...", item);
		*value++ = '\0';
		if (schedule_set(config, item, value, why) < 0)
			return -EINVAL;
	}
	return 0;
}

/* Anything between nothing and twice the mean. */
static void plan(struct schedule *s, int event, uint64_t from)
{
	s->at[event] = s->mean[event] ? from + 1 + world_random(&s->random) % (2 * s->mean[event]) : WORLD_NEVER;
}

void schedule_start(struct schedule *s, const struct world_config *config, uint64_t monotonic)
{
	memcpy(s->mean, config->schedule, sizeof(s->mean));
	s->random = config->seed;
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
