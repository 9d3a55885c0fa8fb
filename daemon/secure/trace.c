/* SPDX-License-Identifier: Apache-2.0 */

/* The last frames of each SP, for people. An SP that nobody called has none. */

#include "secure/internal.h"

#include <stdlib.h>

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

void trace_add(struct trace *traces[TRACES], uint16_t sp, const struct secure_frame *frame)
{
	struct trace *t = trace_of(traces, sp);

	if (!t)
		t = trace_make(traces, sp);
	if (t)
		t->frame[t->count++ % TRACE_FRAMES] = *frame;
}

void trace_free(struct trace *traces[TRACES])
{
	for (size_t i = 0; i < TRACES; i++)
		free(traces[i]);
}

void secure_dump(const struct secure *s, uint16_t sp, secure_dump_fn *each, void *arg)
{
	const struct trace *t = trace_of(s->traces, sp);
	unsigned first = t && t->count > TRACE_FRAMES ? t->count - TRACE_FRAMES : 0;

	for (unsigned i = first; t && i < t->count; i++)
		each(arg, &t->frame[i % TRACE_FRAMES]);
}
