/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What happens to SPs by itself, for tests: each kind of event at random times with a mean between them, to an SP of the
 * world at random. Times from the start on, SPs and their order follow from the seed alone. No clock in here.
 */

#include "spmc/options.h"

struct schedule {
	uint64_t mean[WORLD_EVENT_COUNT];
	uint64_t at[WORLD_EVENT_COUNT];
	uint64_t random;
};

/* One event and its milliseconds, 0: never, to 3,600,000; or EVENT=MS[,EVENT=MS...]. 0, or -EINVAL with the complaint written. */
int schedule_set(struct world_config *config, const char *event, const char *ms, struct complaint *why);
int schedule_parse(struct world_config *config, const char *text, struct complaint *why);
void schedule_start(struct schedule *s, const struct world_config *config, uint64_t monotonic);
uint64_t schedule_next(const struct schedule *s); /* WORLD_NEVER: nothing is to come */

/* The next event that is due, and to which SP. False: none is. */
bool schedule_take(struct schedule *s, uint32_t sp_count, uint64_t monotonic, enum world_event *ret, uint32_t *ret_sp);
