/* SPDX-License-Identifier: Apache-2.0 */

/* The last frames of each SP, for people. An SP that nobody called has none. */

#include "secure/internal.h"

#include <stdlib.h>
#include <string.h>

#include "proto/ffa.h"

#define MESSAGE_HEAD 3 /* registers: function, ids, flags */

static struct trace *trace_of(struct trace *const traces[TRACES], uint16_t sp)
{
	for (size_t i = 0; i < TRACES; i++)
		if (traces[i] && traces[i]->sp == sp)
			return traces[i];
	return NULL;
}

static struct trace *trace_make(struct trace *traces[TRACES], uint16_t sp)
{
	for (size_t i = 0; i < TRACES; i++)
		if (!traces[i]) {
			traces[i] = calloc(1, sizeof(*traces[i]));
			if (traces[i])
				traces[i]->sp = sp;
			return traces[i];
		}
	return NULL;
}

static struct trace *trace_get(struct trace *traces[TRACES], uint16_t sp)
{
	struct trace *t = trace_of(traces, sp);

	return t ? t : trace_make(traces, sp);
}

/* Of a guest's request, or of what answers it. */
static bool is_message(const uint64_t *x)
{
	uint32_t function = (uint32_t)x[0] | FFA_SMC64;

	if (function == FFA_MSG_SEND_DIRECT_REQ2 || function == FFA_MSG_SEND_DIRECT_RESP2)
		return true;
	return (function == (FFA_MSG_SEND_DIRECT_REQ | FFA_SMC64) || function == (FFA_MSG_SEND_DIRECT_RESP | FFA_SMC64)) &&
		!(x[2] & FFA_FRAMEWORK);
}

/* Anyone may read the trace, and what a guest and an SP say to each other is theirs: who speaks to whom is kept, and no more. */
static void leave_words_out(struct secure_frame *f)
{
	if (is_message(f->x))
		memset(&f->x[MESSAGE_HEAD], 0, sizeof(f->x) - MESSAGE_HEAD * sizeof(f->x[0]));
}

void trace_add(struct trace *traces[TRACES], uint16_t sp, const struct secure_frame *frame)
{
	struct trace *t = trace_get(traces, sp);
	struct secure_frame *place;

	if (!t)
		return;
	place = &t->frame[t->count++ % TRACE_FRAMES];
	*place = *frame;
	leave_words_out(place);
	place->number = t->count;
	if (frame->sent) {
		t->counts.submitted++;
		return;
	}
	t->counts.completed++;
	histogram_add(&t->counts.latency, frame->took / 1000);
}

void trace_lost(struct trace *traces[TRACES], uint16_t sp)
{
	struct trace *t = trace_of(traces, sp);

	if (t)
		t->counts.lost++;
}

void trace_free(struct trace *traces[TRACES])
{
	for (size_t i = 0; i < TRACES; i++)
		free(traces[i]);
}

static void each_frame(const void *secure, uint16_t sp, secure_frame_fn *each, void *arg)
{
	const struct secure *s = secure;
	const struct trace *t = trace_of(s->traces, sp);
	uint64_t first = t && t->count > TRACE_FRAMES ? t->count - TRACE_FRAMES : 0;

	for (uint64_t i = first; t && i < t->count; i++)
		each(arg, &t->frame[i % TRACE_FRAMES]);
}

static const struct frame_counts *counts(const void *secure, uint16_t sp)
{
	const struct secure *s = secure;
	const struct trace *t = trace_of(s->traces, sp);

	return t ? &t->counts : NULL;
}

const struct frame_ops secure_frames = { .each = each_frame, .counts = counts, .uuids = discovery_uuids };
