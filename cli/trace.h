/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "output.h"

#define TRACES_MAX 64

struct frames {
	struct lifecycle_frame_list *list[TRACES_MAX]; /* one an SP */
	size_t lists;
	const struct lifecycle_frame **frame; /* of all of them, in order of time */
	size_t count;
};

/* Those of an SP with a higher number than `after`. A negative errno. */
int frames_fetch(struct cli *c, struct frames *all, uint16_t sp, uint64_t after);
bool frames_sort(struct frames *all); /* false: out of memory */
void frames_clear(struct frames *all);

/* "> FFA_MSG_SEND_DIRECT_REQ VM_CREATED", or the registers. */
void frame_words(const struct cli *c, char *to, size_t size, const struct lifecycle_frame *f);
struct json_object *frame_to_json(const struct lifecycle_frame *f);

/* follow_trace.c: of one SP, or (NULL) of all and discovery. An exit code. */
int trace_follow(struct cli *c, const uint16_t *sp);
